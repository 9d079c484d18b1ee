/**
 * Files as a zip archive, written as they come. Small files are packed at once; of large ones size and checksum stand behind the data.
 * What is packed already (photos, videos) is stored; where it is large, in stored blocks of deflate, so that readers of a stream find its end.
 */
import { crc32, createDeflateRaw, deflateRawSync } from 'node:zlib';
import type { ByteSink } from './byte-sink.js';
import { type EntryContent, type EntryFacts, type OutputTarget, SMALL_BYTES, type Written } from './output-target.js';
import { centralEntry, dataDescriptor, endRecords, localHeader, type ZipEntry } from './zip-records.js';

const PACKED_ALREADY = /\.(?:heic|heif|jpe?g|png|gif|webp|avif|mov|mp4|m4[av]|aac|mp3|amr|zip|gz|ipa|pdf)$/i;
/** Of either size; a few bytes less than 32 bits can tell, for what packing may add. */
const SMALL_SIZE = 0xff00_0000;
const WORTH_PACKING_BYTES = 64;
const FILE = 0o100000;
const FOLDER = 0o040000;
const LINK = 0o120000;

type Described = Pick<ZipEntry, 'name' | 'unixMode' | 'mtime'>;

export class ZipTarget implements OutputTarget {
  readonly name = 'archive';
  readonly #sink: ByteSink;
  readonly #now: number;
  #at = 0;
  #entries = 0;
  /** The central directory, which is written last. */
  readonly #central: Buffer[] = [];
  #centralBytes = 0;

  /** @param now Unix seconds, for entries whose time nobody knows */
  constructor(sink: ByteSink, now: number) {
    this.#sink = sink;
    this.#now = Math.floor(now);
  }

  async folder(facts: EntryFacts): Promise<void> {
    if (facts.path === '') return;
    await this.#small(this.#describe(facts, FOLDER | facts.mode | 0o700, '/'), Buffer.alloc(0), false);
  }

  async file(facts: EntryFacts, content: EntryContent, signal?: AbortSignal): Promise<Written> {
    const described = this.#describe(facts, FILE | facts.mode | 0o600);
    const packs = !PACKED_ALREADY.test(facts.path);
    if (content.storedBytes <= SMALL_BYTES) await this.#small(described, content.readWhole(), packs);
    else await this.#large(described, content, packs, signal);
    return 'written';
  }

  async link(facts: EntryFacts, target: string): Promise<Written> {
    await this.#small(this.#describe(facts, LINK | 0o777), Buffer.from(target), false);
    return 'written';
  }

  async finish(): Promise<void> {
    const at = this.#at;
    for (const entry of this.#central) await this.#sink.write(entry);
    await this.#sink.write(endRecords(this.#entries, this.#centralBytes, at));
    await this.#sink.finish();
  }

  abandon(): Promise<void> {
    return this.#sink.abandon();
  }

  #describe({ path, mtime }: EntryFacts, unixMode: number, end = ''): Described {
    return { name: Buffer.from(path + end), unixMode, mtime: mtime ?? this.#now };
  }

  async #small(described: Described, bytes: Buffer, packs: boolean): Promise<void> {
    const packed = packs && bytes.length > WORTH_PACKING_BYTES ? deflateRawSync(bytes) : bytes;
    const smaller = packed.length < bytes.length;
    const data = smaller ? packed : bytes;
    const entry: ZipEntry = {
      ...described,
      method: smaller ? 8 : 0,
      described: false,
      large: false,
      crc: crc32(bytes),
      packedBytes: data.length,
      plainBytes: bytes.length,
      offset: this.#at,
    };
    await this.#write(localHeader(entry));
    await this.#write(data);
    this.#remember(entry);
  }

  async #large(described: Described, content: EntryContent, packs: boolean, signal?: AbortSignal): Promise<void> {
    const sizes = { crc: 0, packedBytes: 0, plainBytes: 0 };
    const offset = this.#at;
    const large = content.storedBytes >= SMALL_SIZE;
    const kind = { ...described, method: 8, described: true, large, offset } as const;
    await this.#write(localHeader({ ...kind, ...sizes }));
    const begun = this.#at;
    try {
      const plain = counted(content.pieces(signal), sizes);
      for await (const piece of deflated(plain, packs ? 6 : 0)) await this.#write(piece);
    } finally {
      // Also of a file that could be read in part only: the archive stays one that can be opened.
      sizes.packedBytes = this.#at - begun;
      const entry = { ...kind, ...sizes };
      if (signal?.aborted !== true) await this.#write(dataDescriptor(entry));
      this.#remember(entry);
    }
  }

  async #write(bytes: Buffer): Promise<void> {
    await this.#sink.write(bytes);
    this.#at += bytes.length;
  }

  #remember(entry: ZipEntry): void {
    const record = centralEntry(entry);
    this.#central.push(record);
    this.#centralBytes += record.length;
    this.#entries++;
  }
}

async function* counted(
  pieces: AsyncIterable<Buffer>,
  sizes: { crc: number; plainBytes: number },
): AsyncGenerator<Buffer, void> {
  for await (const piece of pieces) {
    sizes.crc = crc32(piece, sizes.crc);
    sizes.plainBytes += piece.length;
    yield piece;
  }
}

/** A failure of the source ends the packed bytes well, and is then thrown. */
async function* deflated(plain: AsyncIterable<Buffer>, level: number): AsyncGenerator<Buffer, void> {
  const deflate = createDeflateRaw({ level });
  let failure: { readonly error: unknown } | undefined;
  const feeding = (async () => {
    try {
      // The piece is used again by its owner: not before all of it was packed.
      for await (const piece of plain) {
        await new Promise<void>((done) => deflate.write(piece, () => done()));
        if (deflate.destroyed) break;
      }
    } catch (error) {
      failure = { error };
    }
    deflate.end();
  })();
  try {
    for await (const piece of deflate) yield piece;
    await feeding;
    if (failure !== undefined) throw failure.error;
  } finally {
    deflate.destroy();
  }
}

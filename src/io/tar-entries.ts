/** Entries of a tar archive, as it streams by; the one module that knows the package `tar`. */
import { Parser } from 'tar/parse';
import type { ReadEntry } from 'tar/read-entry';
import { type ArchiveEntry, damagedArchive, type TakeEntry, unsafeArchive } from './archive-entry.js';

/** Of a header that holds a long name. */
const MOST_META_BYTES = 16 * 1024;
const BLOCK_BYTES = 512;
const KINDS: Readonly<Record<string, ArchiveEntry['kind']>> = {
  File: 'file',
  OldFile: 'file',
  ContiguousFile: 'file',
  Directory: 'folder',
};

/**
 * @param bytes of the archive, not packed
 * @throws IbkError `damaged`, `unsafe`; what `bytes` and `take` throw
 */
export async function readTar(bytes: AsyncIterable<Buffer>, take: TakeEntry): Promise<void> {
  const reading = new TarReading(take);
  try {
    for await (const block of beginningWithABlock(bytes)) await reading.write(block);
    await reading.end();
  } finally {
    await reading.settled();
  }
}

class TarReading {
  readonly #parser = new Parser({ strict: true, maxMetaEntrySize: MOST_META_BYTES, zstd: false, brotli: false });
  readonly #take: TakeEntry;
  #taking: Promise<void> = Promise.resolve();
  #entry: ReadEntry | undefined;
  #failure: { readonly error: unknown } | undefined;
  #hasEnded = false;
  #wake: () => void = () => {};

  constructor(take: TakeEntry) {
    this.#take = take;
    this.#parser.on('error', (error: Error) => this.#fail(damagedArchive('it is cut off, or no tar archive', error)));
    this.#parser.on('ignoredEntry', (entry: ReadEntry) => {
      if (entry.meta) this.#fail(unsafeArchive('a name in the archive is too long', ''));
      else this.#fail(unsafeArchive('the archive holds something that is neither a file nor a folder', entry.path));
    });
    this.#parser.on('eof', () => {
      this.#hasEnded = true;
    });
    this.#parser.on('entry', (entry: ReadEntry) => {
      this.#entry = entry;
      // Told to whoever reads it; nobody may be.
      entry.on('error', () => {});
      this.#taking = this.#give(entry).catch((error: unknown) => this.#fail(error));
    });
  }

  async write(chunk: Buffer): Promise<void> {
    // Behind its end an archive may hold anything; it would be kept in memory.
    if (this.#hasEnded) return;
    if (!this.#parser.write(chunk)) await this.#event('drain');
    this.#check();
  }

  async end(): Promise<void> {
    const finished = this.#event('finish');
    this.#parser.end();
    await finished;
    await this.#taking;
    this.#check();
    if (!this.#hasEnded) throw damagedArchive('it has no end');
  }

  /** Whoever had an entry has done with it. Never throws. */
  async settled(): Promise<void> {
    this.#fail(damagedArchive('it was not read to its end'));
    await this.#taking;
  }

  async #give(entry: ReadEntry): Promise<void> {
    const { path, size: sizeBytes } = entry;
    await this.#take({ path, kind: KINDS[entry.type] ?? 'other', sizeBytes }, this.#pieces(entry));
    // Of an entry that nobody reads the end would never be reached.
    entry.resume();
  }

  async *#pieces(entry: ReadEntry): AsyncGenerator<Buffer, void> {
    this.#check();
    for await (const piece of entry) {
      yield piece;
      this.#check();
    }
    this.#check();
  }

  /** The first failure counts. */
  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#wake();
    // Whoever reads it waits for bytes that will not come.
    this.#entry?.emit('error', error);
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** Until the parser says so, or something failed. */
  #event(name: 'drain' | 'finish'): Promise<void> {
    if (this.#failure !== undefined) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake = resolve;
      this.#parser.once(name, resolve);
    });
  }
}

/** The parser would unpack what is packed, whatever it becomes; it looks at the first bytes. */
async function* beginningWithABlock(bytes: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
  let first: Buffer | undefined = Buffer.alloc(0);
  for await (const piece of bytes) {
    if (first === undefined) yield piece;
    else {
      first = Buffer.concat([first, piece]);
      if (first.length < BLOCK_BYTES) continue;
      if (!isTar(first)) throw damagedArchive('no tar archive is in it');
      yield first;
      first = undefined;
    }
  }
  if (first !== undefined) throw damagedArchive('it is too short');
}

/** `ustar` of POSIX and of GNU; the oldest tars have nothing there, and no program has made them for decades. */
export const isTar = (block: Buffer): boolean => block.toString('latin1', 257, 262) === 'ustar';

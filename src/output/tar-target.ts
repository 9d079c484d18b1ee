/** Files as a tar archive, written as they come. Owners are 0: whoever unpacks it owns the files. */
import type { ByteSink } from './byte-sink.js';
import { type EntryContent, type EntryFacts, type OutputTarget, SMALL_BYTES, type Written } from './output-target.js';
import { TAR_END, type TarEntry, tarHeader, tarPadding } from './tar-header.js';

export class TarTarget implements OutputTarget {
  readonly name = 'archive';
  readonly #sink: ByteSink;
  /** For entries whose time nobody knows. */
  readonly #now: number;

  /** @param now Unix seconds */
  constructor(sink: ByteSink, now: number) {
    this.#sink = sink;
    this.#now = Math.floor(now);
  }

  async folder(facts: EntryFacts): Promise<void> {
    if (facts.path !== '') await this.#head({ ...facts, mode: facts.mode | 0o700, type: 'folder', sizeBytes: 0 });
  }

  async file(facts: EntryFacts, content: EntryContent, signal?: AbortSignal): Promise<Written> {
    const entry = { ...facts, mode: facts.mode | 0o600, type: 'file' } as const;
    if (content.storedBytes <= SMALL_BYTES) {
      const bytes = content.readWhole();
      await this.#head({ ...entry, sizeBytes: bytes.length });
      await this.#sink.write(bytes);
      await this.#sink.write(tarPadding(bytes.length));
      return 'written';
    }
    const sizeBytes = content.plainBytes();
    await this.#head({ ...entry, sizeBytes });
    let left = sizeBytes;
    try {
      for await (const piece of content.pieces(signal)) {
        // More than was announced would be taken for the next header.
        const fitting = piece.subarray(0, left);
        left -= fitting.length;
        await this.#sink.write(fitting);
      }
    } finally {
      // Whatever cannot be read: the entries behind it stay where they are looked for.
      if (signal?.aborted !== true) {
        await this.#zeros(left);
        await this.#sink.write(tarPadding(sizeBytes));
      }
    }
    return 'written';
  }

  async link(facts: EntryFacts, target: string): Promise<Written> {
    await this.#head({ ...facts, mode: 0o777, type: 'symlink', sizeBytes: 0, target });
    return 'written';
  }

  async finish(): Promise<void> {
    await this.#sink.write(TAR_END);
    await this.#sink.finish();
  }

  abandon(): Promise<void> {
    return this.#sink.abandon();
  }

  async #head(entry: Omit<TarEntry, 'mtime'> & { readonly mtime: number | null }): Promise<void> {
    await this.#sink.write(tarHeader({ ...entry, mtime: entry.mtime ?? this.#now }));
  }

  async #zeros(count: number): Promise<void> {
    const zeros = Buffer.alloc(Math.min(count, SMALL_BYTES));
    for (let left = count; left > 0; left -= zeros.length) await this.#sink.write(zeros.subarray(0, left));
  }
}

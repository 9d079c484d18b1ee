/** One file, to a name that was chosen for it or to a stream. */
import type { ByteSink } from './byte-sink.js';
import { type EntryContent, type EntryFacts, type OutputTarget, SMALL_BYTES, type Written } from './output-target.js';

export class SingleTarget implements OutputTarget {
  readonly name;
  readonly #sink: ByteSink;
  readonly #umask: number;
  #facts: EntryFacts | undefined;

  constructor(name: 'file' | 'stream', sink: ByteSink, umask: number) {
    this.name = name;
    this.#sink = sink;
    this.#umask = umask;
  }

  folder(): void {}

  async file(facts: EntryFacts, content: EntryContent, signal?: AbortSignal): Promise<Written> {
    this.#facts = facts;
    if (content.storedBytes <= SMALL_BYTES) await this.#sink.write(content.readWhole());
    else for await (const piece of content.pieces(signal)) await this.#sink.write(piece);
    return 'written';
  }

  link(): Written {
    throw new TypeError('a link has no bytes');
  }

  /** Nothing was written: nothing gets a name. */
  async finish(): Promise<void> {
    if (this.#facts === undefined) return this.abandon();
    const { mode, mtime } = this.#facts;
    await this.#sink.finish({ mode: (mode & 0o777 & ~this.#umask) | 0o600, mtime });
  }

  abandon(): Promise<void> {
    return this.#sink.abandon();
  }
}

/** Reads exact amounts from a stream, leaving what follows in the stream's own buffer, so that it can be handed on (to TLS, to a service). */
import type { Readable } from 'node:stream';

export class PullReader {
  readonly #stream: Readable;
  #wake: (() => void) | undefined;
  #over: boolean;
  readonly #onReadable = () => this.#wake?.();
  readonly #onOver = () => {
    this.#over = true;
    this.#wake?.();
  };

  constructor(stream: Readable) {
    this.#stream = stream;
    this.#over = stream.readableEnded || stream.destroyed;
    stream.on('readable', this.#onReadable);
    for (const event of ['end', 'close', 'error']) stream.on(event, this.#onOver);
  }

  /** Exactly `length` bytes (at least 1), or undefined when the stream ends before. */
  async exactly(length: number): Promise<Buffer | undefined> {
    for (;;) {
      const bytes: Buffer | null = this.#stream.destroyed ? null : this.#stream.read(length);
      if (bytes !== null && bytes.length === length) return bytes;
      if (bytes !== null || this.#over) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
  }

  /** Stops reading. Bytes that were not asked for stay in the stream. */
  release(): void {
    this.#stream.off('readable', this.#onReadable);
    for (const event of ['end', 'close', 'error']) this.#stream.off(event, this.#onOver);
  }
}

/** Writes to a stream with back-pressure: never more than the stream's own buffer is waiting, and every wait can be cancelled. */
import type { Writable } from 'node:stream';
import { IbkError } from '../errors.js';
import { throwIfAborted } from './abort.js';

export class ByteWriter {
  readonly #out: Writable;
  #written = 0;
  #wake: (() => void) | undefined;

  constructor(out: Writable) {
    this.#out = out;
    out.on('drain', this.#onWake).on('close', this.#onWake).on('error', this.#onWake);
  }

  /** Bytes handed to the stream so far. */
  get written(): number {
    return this.#written;
  }

  /**
   * Writes the pieces as one, without joining them, and waits until the stream takes more.
   * @throws IbkError `connection_lost` when the stream is gone; the signal's reason
   */
  async write(pieces: readonly Buffer[], signal: AbortSignal): Promise<void> {
    throwIfAborted(signal);
    this.#throwIfClosed();
    this.#out.cork();
    let room = true;
    for (const piece of pieces) {
      room = this.#out.write(piece);
      this.#written += piece.length;
    }
    this.#out.uncork();
    if (room || !this.#out.writableNeedDrain) return;
    await this.#drained(signal);
    throwIfAborted(signal);
    this.#throwIfClosed();
  }

  /** Stops listening; the stream stays open. */
  detach(): void {
    this.#out.off('drain', this.#onWake).off('close', this.#onWake).off('error', this.#onWake);
    this.#wake?.();
  }

  #drained(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        signal.removeEventListener('abort', wake);
        this.#wake = undefined;
        resolve();
      };
      signal.addEventListener('abort', wake, { once: true });
      this.#wake = wake;
    });
  }

  #throwIfClosed(): void {
    if (!this.#out.destroyed && this.#out.writable) return;
    throw new IbkError('connection_lost', 'The other side closed the connection.', {
      cause: this.#out.errored ?? undefined,
    });
  }

  readonly #onWake = (): void => this.#wake?.();
}

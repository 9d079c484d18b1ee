/**
 * Pulls exact amounts of bytes out of a stream.
 *
 *   take(n)            n bytes at once if they are here, else undefined; no promise: for loops over many small frames
 *   exactly(n, signal) n bytes, waiting for them
 *   part(max)          what is here of the first chunk, 1 to max bytes, as a view; nothing when nothing is here
 *   arrival(n, signal) waits until n bytes are here
 *   some(max, signal)  the two together: waits for the first byte
 *   body(n, signal)    n bytes as a sequence of views on the stream's own chunks
 *   turn()             now and then in between: lets the socket be emptied first
 *   rest()             stops reading and gives back what was not consumed, to hand the stream to another reader
 *
 * Views stay valid as long as they are held. One read at a time. `n` must have been checked against a limit by the caller: nothing is
 * allocated before the bytes are there, but they are kept until all have come. The stream is paused while more than 1 MiB is unread.
 */
import type { Readable } from 'node:stream';
import { IbkError } from '../errors.js';
import { abortError } from './abort.js';

/** With more, chunks would wait so long that they outlive the young generation: 10 MB more where 250,000 small files come. */
const PAUSE_AT_BYTES = 1024 * 1024;
const RESUME_BELOW_BYTES = 512 * 1024;
/** Read between two looks at the socket. */
const TURN_BYTES = 128 * 1024;
const EMPTY = Buffer.alloc(0);

interface Waiter {
  readonly need: number;
  readonly settle: (error?: IbkError) => void;
}

export class ByteReader {
  readonly #source: Readable;
  readonly #chunks: Buffer[] = [];
  /** Index of the first chunk with unread bytes, and how many of its bytes were read. */
  #first = 0;
  #offset = 0;
  #buffered = 0;
  #received = 0;
  #paused = false;
  #detached = false;
  /** Since the last look at the socket. */
  #read = 0;
  #end: IbkError | undefined;
  #waiter: Waiter | undefined;

  constructor(source: Readable) {
    this.#source = source;
    source.on('error', this.#onError).on('end', this.#onEnd).on('close', this.#onEnd);
    if (source.destroyed || source.readableEnded) this.#finish(source.errored ?? undefined);
    else source.on('data', this.#onData).resume();
  }

  /** Bytes that have arrived and were not read yet. */
  get buffered(): number {
    return this.#buffered;
  }

  /**
   * For who works on much of what is here: a promise means, wait until what has arrived meanwhile is out of the socket. What sends goes on with the next bytes
   * while these are worked on.
   */
  turn(): Promise<void> | undefined {
    if (this.#read < TURN_BYTES) return undefined;
    this.#read = 0;
    return this.#paused || this.#end !== undefined ? undefined : new Promise((resolve) => setImmediate(resolve));
  }

  /** Bytes that have ever arrived: a watchdog sees by it whether the other side is silent. */
  get received(): number {
    return this.#received;
  }

  /** The next `length` bytes if they are here; a view unless they lie across chunks. */
  take(length: number): Buffer | undefined {
    if (length > this.#buffered) return undefined;
    if (length === 0) return EMPTY;
    const head = this.#chunks[this.#first] ?? EMPTY;
    if (this.#offset + length <= head.length) return this.#view(head, length);
    const joined = Buffer.allocUnsafe(length);
    for (let filled = 0; filled < length; ) {
      const chunk = this.#chunks[this.#first] ?? EMPTY;
      const part = this.#view(chunk, Math.min(length - filled, chunk.length - this.#offset));
      part.copy(joined, filled);
      filled += part.length;
    }
    return joined;
  }

  /**
   * What is here already is given even if the signal has aborted: a last word counts although its sender has hung up.
   * @throws IbkError `connection_lost` when the stream ends first; the signal's reason
   */
  async exactly(length: number, signal?: AbortSignal): Promise<Buffer> {
    for (;;) {
      const bytes = this.take(length);
      if (bytes !== undefined) return bytes;
      await this.#wait(length, signal);
    }
  }

  part(max: number): Buffer | undefined {
    if (this.#buffered === 0) return undefined;
    const chunk = this.#chunks[this.#first] ?? EMPTY;
    return this.#view(chunk, Math.min(max, chunk.length - this.#offset));
  }

  /**
   * Waiting for many bytes at once is cheaper than for each chunk, of which TLS makes one every 16 KiB.
   * @throws IbkError `connection_lost` when the stream ends first, also if some of the bytes came; the signal's reason
   */
  async arrival(length: number, signal?: AbortSignal): Promise<void> {
    if (this.#buffered < length) await this.#wait(length, signal);
  }

  /** As `exactly`, in the pieces that came. */
  async some(max: number, signal?: AbortSignal): Promise<Buffer> {
    if (this.#buffered === 0) await this.#wait(1, signal);
    return this.part(max) ?? EMPTY;
  }

  /** @throws IbkError `connection_lost` when the stream ends first; the signal's reason */
  async *body(length: number, signal?: AbortSignal): AsyncGenerator<Buffer, void> {
    for (let left = length; left > 0; ) {
      const view = await this.some(left, signal);
      left -= view.length;
      yield view;
    }
  }

  /** Stops reading for good; the stream is left paused, its remaining bytes untouched. */
  rest(): Buffer {
    if (this.#waiter !== undefined) throw new TypeError('rest() during a read');
    const unread = this.take(this.#buffered) ?? EMPTY;
    this.#detached = true;
    this.#source.pause();
    this.#source
      .off('data', this.#onData)
      .off('end', this.#onEnd)
      .off('close', this.#onEnd)
      .off('error', this.#onError);
    return unread;
  }

  #view(chunk: Buffer, length: number): Buffer {
    const view = chunk.subarray(this.#offset, this.#offset + length);
    this.#offset += length;
    this.#buffered -= length;
    this.#read += length;
    if (this.#offset === chunk.length) this.#dropFirst();
    if (this.#paused && this.#buffered < RESUME_BELOW_BYTES) this.#flow();
    return view;
  }

  #dropFirst(): void {
    this.#offset = 0;
    this.#first++;
    if (this.#first === this.#chunks.length) {
      this.#chunks.length = 0;
      this.#first = 0;
    } else if (this.#first === 256) {
      this.#chunks.splice(0, 256);
      this.#first = 0;
    }
  }

  #wait(need: number, signal: AbortSignal | undefined): Promise<void> {
    if (this.#waiter !== undefined || this.#detached) throw new TypeError('read during another read, or after rest()');
    if (signal?.aborted) return Promise.reject(abortError(signal));
    if (this.#end !== undefined) return Promise.reject(this.#end);
    return new Promise((resolve, reject) => {
      const stop = () => {
        this.#waiter = undefined;
        if (signal !== undefined) reject(abortError(signal));
      };
      signal?.addEventListener('abort', stop, { once: true });
      this.#waiter = {
        need,
        settle: (error) => {
          this.#waiter = undefined;
          signal?.removeEventListener('abort', stop);
          if (error === undefined) resolve();
          else reject(error);
        },
      };
      if (this.#paused) this.#flow();
    });
  }

  #flow(): void {
    this.#paused = false;
    if (this.#end === undefined && !this.#detached) this.#source.resume();
  }

  readonly #onData = (chunk: Buffer): void => {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#buffered += chunk.length;
    this.#received += chunk.length;
    const need = this.#waiter?.need ?? 0;
    if (this.#buffered >= Math.max(PAUSE_AT_BYTES, need)) {
      this.#paused = true;
      this.#source.pause();
    }
    if (this.#waiter !== undefined && this.#buffered >= need) this.#waiter.settle();
  };

  readonly #onEnd = (): void => this.#finish(this.#source.errored ?? undefined);

  readonly #onError = (error: Error): void => this.#finish(error);

  #finish(cause: Error | undefined): void {
    this.#end ??=
      cause instanceof IbkError
        ? cause
        : new IbkError('connection_lost', 'The other side closed the connection.', { cause });
    this.#waiter?.settle(this.#end);
  }
}

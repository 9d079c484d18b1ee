/** The phone's writing side: small pieces joined, large ones passed on as they are, never more than about 1 MiB waiting. */
import type { Duplex } from 'node:stream';
import { IbkError } from '../../errors.js';
import { abortError, throwIfAborted } from '../../io/abort.js';

/** Pieces below this are copied together; larger ones are written as they are. */
const SMALL_BYTES = 8 * 1024;
const JOIN_BYTES = 64 * 1024;
/** `room` starts writing when this much is waiting. */
const FLUSH_AT_BYTES = 512 * 1024;

export interface OutputFaults {
  /** Write in pieces of this many bytes. */
  readonly chunkBytes: number | undefined;
}

export class WireOutput {
  readonly #stream: Duplex;
  readonly #signal: AbortSignal;
  readonly #chunkBytes: number | undefined;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #join = Buffer.allocUnsafe(JOIN_BYTES);
  #joined = 0;
  #written = 0;
  #cut: { readonly atByte: number; readonly pull: () => void } | undefined;

  constructor(stream: Duplex, signal: AbortSignal, faults: OutputFaults) {
    this.#stream = stream;
    this.#signal = signal;
    this.#chunkBytes = faults.chunkBytes;
  }

  /** Bytes handed to the stream so far. */
  get written(): number {
    return this.#written;
  }

  /** From now on, `pull` is called as soon as `bytes` more have been written; nothing goes out after them. */
  cutAfter(bytes: number, pull: () => void): void {
    this.#cut = { atByte: this.#written + this.#waitingBytes + bytes, pull };
  }

  /** Queues bytes. Large buffers are kept as views: they must not change. */
  put(bytes: Buffer): void {
    this.#waitingBytes += bytes.length;
    if (bytes.length >= SMALL_BYTES) {
      this.#closeJoin();
      this.#waiting.push(bytes);
      return;
    }
    if (this.#joined + bytes.length > this.#join.length) this.#closeJoin();
    bytes.copy(this.#join, this.#joined);
    this.#joined += bytes.length;
  }

  /** True when `flush` should be awaited before more is queued. */
  get full(): boolean {
    return this.#waitingBytes >= FLUSH_AT_BYTES;
  }

  /** Writes what is queued and waits until the stream takes more. @throws IbkError `connection_lost`; the signal's reason */
  async flush(): Promise<void> {
    throwIfAborted(this.#signal);
    this.#closeJoin();
    const pieces = this.#chunkBytes === undefined ? this.#waiting : cutUp(this.#waiting, this.#chunkBytes);
    this.#waiting = [];
    this.#waitingBytes = 0;
    if (this.#chunkBytes !== undefined) {
      for (const piece of pieces) if (!this.#write(piece)) await this.#drained();
      return;
    }
    let roomLeft = true;
    this.#stream.cork();
    for (const piece of pieces) roomLeft = this.#write(piece) && roomLeft;
    this.#stream.uncork();
    if (!roomLeft) await this.#drained();
  }

  #write(piece: Buffer): boolean {
    if (this.#stream.destroyed || this.#stream.writableEnded) throw lost(this.#stream.errored);
    const cut = this.#cut;
    if (cut !== undefined && this.#written + piece.length >= cut.atByte) {
      const last = piece.subarray(0, Math.max(0, cut.atByte - this.#written));
      this.#stream.write(last, () => cut.pull());
      this.#stream.uncork();
      throw lost(null);
    }
    this.#written += piece.length;
    return this.#stream.write(piece);
  }

  #closeJoin(): void {
    if (this.#joined === 0) return;
    this.#waiting.push(this.#join.subarray(0, this.#joined));
    // The rest of the block is used on; a new one only when little is left.
    this.#join = this.#join.subarray(this.#joined);
    if (this.#join.length < SMALL_BYTES) this.#join = Buffer.allocUnsafe(JOIN_BYTES);
    this.#joined = 0;
  }

  #drained(): Promise<void> {
    const stream = this.#stream;
    const signal = this.#signal;
    return new Promise((resolve, reject) => {
      const settle = (error?: Error) => {
        stream.off('drain', onDrain).off('close', onClose).off('error', onClose);
        signal.removeEventListener('abort', onAbort);
        if (error === undefined) resolve();
        else reject(error);
      };
      const onDrain = () => settle();
      const onClose = () => settle(lost(stream.errored));
      const onAbort = () => settle(abortError(signal));
      stream.on('drain', onDrain).on('close', onClose).on('error', onClose);
      signal.addEventListener('abort', onAbort, { once: true });
      if (stream.destroyed) onClose();
      else if (!stream.writableNeedDrain) onDrain();
    });
  }
}

function lost(cause: Error | null): IbkError {
  return new IbkError('connection_lost', 'The computer closed the connection.', cause === null ? {} : { cause });
}

function cutUp(buffers: readonly Buffer[], size: number): Buffer[] {
  return buffers.flatMap((buffer) => {
    const pieces: Buffer[] = [];
    for (let at = 0; at < buffer.length; at += size) pieces.push(buffer.subarray(at, at + size));
    return pieces;
  });
}

/**
 * What goes to the device next in a file stream, gathered so that many small pieces cost one write.
 *
 * There are two buffers for the life of a conversation: one is filled while the stream still has the other. A file is read to the very place from which it
 * is encrypted; new memory for each piece, and a copy of it, cost more than the reading.
 */
import { throwIfAborted } from '../../io/abort.js';
import { BLOCK } from './uploads.js';

/** Apple's own block size; the device buffers one block. */
export const BLOCK_BYTES = 32 * 1024;
const HEAD_BYTES = 5;
const BUFFER_BYTES = 8 * (HEAD_BYTES + BLOCK_BYTES);
const SUCCESS = Buffer.from([0, 0, 0, 1, BLOCK.success]);
const END = Buffer.alloc(4);

/** Sends the bytes and waits until they may be changed. @throws IbkError `connection_lost`, the signal's reason */
export type WriteBytes = (bytes: Buffer, signal: AbortSignal) => Promise<void>;

/** How far the stream has got with what was handed to it, so that it can be ended properly when the run is stopped in the middle of it. */
export interface StreamPlace {
  readonly inStream: boolean;
  readonly inFile: boolean;
}

export class Outgoing {
  /** Of what was sent. */
  place: StreamPlace = { inStream: false, inFile: false };
  readonly #write: WriteBytes;
  #filling = Buffer.allocUnsafe(BUFFER_BYTES);
  #other = Buffer.allocUnsafe(BUFFER_BYTES);
  #used = 0;
  #inFile = false;
  #sending: Promise<void> = Promise.resolve();

  constructor(write: WriteBytes) {
    this.#write = write;
  }

  begin(): void {
    this.#used = 0;
    this.#inFile = false;
    this.place = { inStream: true, inFile: false };
  }

  /** The name that a file is announced by; its blocks follow. */
  async beginFile(path: string, signal: AbortSignal): Promise<void> {
    const name = Buffer.from(path, 'utf8');
    const head = Buffer.allocUnsafe(4);
    head.writeUInt32BE(name.length, 0);
    await this.#add(Buffer.concat([head, name]), true, signal);
  }

  /** Where the bytes of the next block go. Waits while there is no room. */
  async block(signal: AbortSignal): Promise<Buffer> {
    if (!this.#holds(HEAD_BYTES + BLOCK_BYTES)) await this.#send(signal);
    const start = this.#used + HEAD_BYTES;
    return this.#filling.subarray(start, start + BLOCK_BYTES);
  }

  /** The bytes that were put there: 1 to 32 KiB. */
  addBlock(bytes: number): void {
    putHead(this.#filling, this.#used, BLOCK.data, bytes);
    this.#used += HEAD_BYTES + bytes;
  }

  /** @param failure undefined: all of it was sent */
  async endFile(failure: string | undefined, signal: AbortSignal): Promise<void> {
    await this.#add(failure === undefined ? SUCCESS : failureBlock(failure), false, signal);
  }

  /** Nothing follows; waits until all of it is on its way. */
  async end(signal: AbortSignal): Promise<void> {
    await this.#add(END, false, signal);
    await this.#send(signal);
    this.place = { inStream: false, inFile: false };
    await this.#sending;
  }

  #holds(bytes: number): boolean {
    return this.#used + bytes <= BUFFER_BYTES;
  }

  /** Goes out in one piece, unless it is longer than a buffer. */
  async #add(bytes: Buffer, inFile: boolean, signal: AbortSignal): Promise<void> {
    if (!this.#holds(bytes.length)) await this.#send(signal);
    for (let from = 0; from < bytes.length; ) {
      if (!this.#holds(1)) await this.#send(signal);
      const count = bytes.copy(this.#filling, this.#used, from);
      this.#used += count;
      from += count;
    }
    this.#inFile = inFile;
  }

  async #send(signal: AbortSignal): Promise<void> {
    throwIfAborted(signal);
    const before = this.#sending;
    this.#sending = this.#write(this.#filling.subarray(0, this.#used), signal);
    // Whoever sends next, or ends, is told of a failure; until then nobody waits for it.
    this.#sending.catch(() => undefined);
    this.place = { inStream: true, inFile: this.#inFile };
    [this.#filling, this.#other] = [this.#other, this.#filling];
    this.#used = 0;
    await before;
  }
}

/** What ends a stream that was stopped at `place`: the file in flight fails, and no other follows. */
export function streamEnding({ inStream, inFile }: StreamPlace): Buffer[] {
  if (!inStream) return [];
  return inFile ? [failureBlock('Stopped'), END] : [END];
}

function failureBlock(text: string): Buffer {
  const words = Buffer.from(text, 'utf8');
  const block = Buffer.alloc(HEAD_BYTES + words.length, 0);
  putHead(block, 0, BLOCK.localError, words.length);
  words.copy(block, HEAD_BYTES);
  return block;
}

/** The length counts the code byte. */
function putHead(into: Buffer, at: number, code: number, dataBytes: number): void {
  into.writeUInt32BE(dataBytes + 1, at);
  into.writeUInt8(code, at + 4);
}

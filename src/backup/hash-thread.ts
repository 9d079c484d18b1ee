/**
 * SHA-256 beside receiving: a thread takes the checksum of large files while the next bytes arrive.
 *
 * Pieces lie in shared memory, which the thread is shown once: a message with a SharedArrayBuffer costs half a millisecond. Later messages are four numbers.
 *
 * The thread's program is text, not a module: it must run the same from the sources, the built package and a bundle.
 */
import { Worker } from 'node:worker_threads';

const PROGRAM = `
const { parentPort } = require('node:worker_threads');
const { createHash } = require('node:crypto');
const hashes = new Map();
const pieces = [];
parentPort.on('message', (message) => {
  if (message instanceof SharedArrayBuffer) {
    pieces.push(new Uint8Array(message));
    return;
  }
  const [what, id, piece, length] = message;
  const hash = hashes.get(id) ?? createHash('sha256');
  if (what === 0) {
    hashes.set(id, hash);
    hash.update(pieces[piece].subarray(0, length));
    parentPort.postMessage('');
    return;
  }
  hashes.delete(id);
  parentPort.postMessage(what === 1 ? hash.digest('hex') : '');
});
`;

const UPDATE = 0;
const DIGEST = 1;
const DROP = 2;

export interface ThreadHash {
  /** Resolves when the piece may be used again. */
  update(piece: SharedArrayBuffer, length: number): Promise<void>;
  /** Hex. */
  digest(): Promise<string>;
  /** Forgets what was taken. */
  drop(): void;
}

interface Waiting {
  readonly resolve: (answer: string) => void;
  readonly reject: (error: Error) => void;
}

export class HashThread {
  #worker: Worker | undefined;
  /** In the order in which they were asked, which is that of the answers. */
  readonly #waiting: Waiting[] = [];
  /** Numbers of the pieces that the thread has been shown. */
  readonly #shown = new Map<SharedArrayBuffer, number>();
  #next = 0;

  begin(): ThreadHash {
    const id = this.#next;
    this.#next += 1;
    return {
      update: (piece, length) => this.#ask(UPDATE, id, this.#show(piece), length).then(() => undefined),
      digest: () => this.#ask(DIGEST, id),
      drop: () => void this.#ask(DROP, id).catch(() => undefined),
    };
  }

  close(): void {
    const worker = this.#worker;
    this.#worker = undefined;
    this.#shown.clear();
    void worker?.terminate();
  }

  #show(piece: SharedArrayBuffer): number {
    const shown = this.#shown.get(piece);
    if (shown !== undefined) return shown;
    this.#thread().postMessage(piece);
    this.#shown.set(piece, this.#shown.size);
    return this.#shown.size - 1;
  }

  #ask(...message: readonly number[]): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#thread().postMessage(message);
    });
  }

  #thread(): Worker {
    if (this.#worker !== undefined) return this.#worker;
    const resourceLimits = { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 4 };
    const worker = new Worker(PROGRAM, { eval: true, env: {}, resourceLimits });
    worker.on('message', (answer: string) => this.#waiting.shift()?.resolve(answer));
    worker.on('error', (error) => this.#fail(error));
    worker.on('exit', () => this.#fail(new Error('the checksum thread has ended')));
    worker.unref();
    this.#worker = worker;
    return worker;
  }

  #fail(error: Error): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}

/**
 * SHA-256 beside receiving: a thread takes the checksum of large files while the next bytes arrive. Pieces lie in shared memory, so handing one over copies nothing.
 *
 * The thread's program is text, not a module: it must run the same from the sources, the built package and a bundle.
 */
import { Worker } from 'node:worker_threads';

const PROGRAM = `
const { parentPort } = require('node:worker_threads');
const { createHash } = require('node:crypto');
const hashes = new Map();
parentPort.on('message', ({ id, shared, length }) => {
  const hash = hashes.get(id) ?? createHash('sha256');
  if (shared === undefined) {
    hashes.delete(id);
    parentPort.postMessage(length === 0 ? hash.digest('hex') : '');
    return;
  }
  hashes.set(id, hash);
  hash.update(new Uint8Array(shared, 0, length));
  parentPort.postMessage('');
});
`;

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
  #next = 0;

  begin(): ThreadHash {
    const id = this.#next;
    this.#next += 1;
    return {
      update: (piece, length) => this.#ask({ id, shared: piece, length }).then(() => undefined),
      digest: () => this.#ask({ id, length: 0 }),
      drop: () => void this.#ask({ id, length: -1 }).catch(() => undefined),
    };
  }

  close(): void {
    const worker = this.#worker;
    this.#worker = undefined;
    void worker?.terminate();
  }

  #ask(message: { id: number; shared?: SharedArrayBuffer; length: number }): Promise<string> {
    this.#worker ??= this.#start();
    const worker = this.#worker;
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      worker.postMessage(message);
    });
  }

  #start(): Worker {
    const resourceLimits = { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 4 };
    const worker = new Worker(PROGRAM, { eval: true, env: {}, resourceLimits });
    worker.on('message', (answer: string) => this.#waiting.shift()?.resolve(answer));
    worker.on('error', (error) => this.#fail(error));
    worker.on('exit', () => this.#fail(new Error('the checksum thread has ended')));
    worker.unref();
    return worker;
  }

  #fail(error: Error): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}

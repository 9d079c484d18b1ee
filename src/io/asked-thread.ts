/**
 * A thread that is asked and answers in turn. The process does not end before it has answered, and does not wait for it afterwards.
 *
 * The thread's program is text, not a module: it must run the same from the sources, the built package and a bundle.
 */
import { createRequire } from 'node:module';
import type { TransferListItem, Worker, WorkerOptions } from 'node:worker_threads';

interface Waiting<Answer> {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

export class AskedThread<Answer> {
  readonly #worker: Worker;
  /** In the order in which they were asked, which is that of the answers. */
  readonly #waiting: Waiting<Answer>[] = [];
  #death: Error | undefined;

  /** @param does what it does, for the error when it dies: "writes" */
  constructor(program: string, does: string, options: Pick<WorkerOptions, 'resourceLimits' | 'workerData'>) {
    // Loaded here: most commands have no use for threads, and loading them takes time.
    const threads: typeof import('node:worker_threads') = createRequire(import.meta.url)('node:worker_threads');
    this.#worker = new threads.Worker(program, { eval: true, env: {}, ...options });
    this.#worker.on('message', (answer: Answer) => {
      this.#waiting.shift()?.resolve(answer);
      if (this.#waiting.length === 0) this.#worker.unref();
    });
    this.#worker.on('error', (error) => this.#fail(error));
    this.#worker.on('exit', () => this.#fail(new Error(`the thread that ${does} has ended`)));
  }

  /** What needs no answer. */
  tell(message: unknown): void {
    this.#worker.postMessage(message);
  }

  /** @throws when the thread has died, or dies before it answers */
  ask(message: unknown, handedOver: readonly TransferListItem[] = []): Promise<Answer> {
    if (this.#death !== undefined) return Promise.reject(this.#death);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      if (this.#waiting.length === 1) this.#worker.ref();
      this.#worker.postMessage(message, handedOver);
    });
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  #fail(error: Error): void {
    this.#death ??= error;
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}

import type { NamedFile } from './verify-manifest.js';

/** What the manifest names, to be taken in step with the files. */
export class Expected {
  readonly #values: AsyncGenerator<NamedFile, void>;
  #next: NamedFile | undefined;
  #ended = false;

  constructor(values: AsyncGenerator<NamedFile, void>) {
    this.#values = values;
  }

  /** Those before `fileId`, or all that are left. */
  async *before(fileId: string | undefined): AsyncGenerator<NamedFile, void> {
    for (let next = await this.#peek(); next !== undefined; next = await this.#peek()) {
      if (fileId !== undefined && next.fileId >= fileId) return;
      this.#next = undefined;
      yield next;
    }
  }

  /** The one of this name, if that is next. */
  async take(fileId: string): Promise<NamedFile | undefined> {
    const next = await this.#peek();
    if (next?.fileId !== fileId) return undefined;
    this.#next = undefined;
    return next;
  }

  async close(): Promise<void> {
    await this.#values.return();
  }

  async #peek(): Promise<NamedFile | undefined> {
    if (this.#next !== undefined || this.#ended) return this.#next;
    const step = await this.#values.next();
    if (step.done === true) this.#ended = true;
    else this.#next = step.value;
    return this.#next;
  }
}

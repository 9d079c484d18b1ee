/** Many lines for a reader that may be slow, or go away: written page by page, and no further ahead than the system takes them. */
import { EventEmitter, once } from 'node:events';
import type { Screen } from './terminal.js';

export class LineWriter {
  readonly #screen: Screen;
  readonly #signal: AbortSignal;
  #text = '';

  constructor(screen: Screen, signal: AbortSignal) {
    this.#screen = screen;
    this.#signal = signal;
  }

  line(text: string): void {
    this.text(`${text}\n`);
  }

  /** Part of a line. */
  text(text: string): void {
    this.#text += text;
  }

  /** @throws the signal's reason */
  async flush(): Promise<void> {
    this.#signal.throwIfAborted();
    if (this.#text === '') return;
    const { stream } = this.#screen;
    const text = this.#text;
    this.#text = '';
    if (stream.write(text) || !(stream instanceof EventEmitter)) return;
    try {
      await once(stream, 'drain', { signal: this.#signal });
    } catch (error) {
      this.#signal.throwIfAborted();
      throw error;
    }
  }
}

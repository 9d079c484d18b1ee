/**
 * The live area: a few lines at the bottom of a terminal that are drawn again and again, at most ten times a second by
 * the clock. Whatever else is printed meanwhile goes above it. It knows nothing of backups.
 */
import type { Clock } from '../io/clock.js';
import type { Screen } from './terminal.js';

const FRAME_MS = 100;
const HIDE_CURSOR = '\x1b[?25l';
/** Written by whoever ends the process at once, in case a live area is open. */
export const SHOW_CURSOR = '\x1b[?25h';
const ERASE_TO_END_OF_LINE = '\x1b[K';
const ERASE_BELOW = '\x1b[J';

/** Makes the lines for this moment. `frame` counts up with each drawing, for a spinner. */
export type Draw = (frame: number) => readonly string[];

export class LiveArea {
  readonly #screen: Screen;
  readonly #clock: Clock;
  readonly #draw: Draw;
  readonly #stop = new AbortController();
  #height = 0;
  #frame = 0;
  #running: Promise<void> | undefined;

  constructor(screen: Screen, clock: Clock, draw: Draw) {
    this.#screen = screen;
    this.#clock = clock;
    this.#draw = draw;
  }

  /** Draws now and from then on ten times a second, until `close`. */
  start(): void {
    if (this.#running !== undefined) return;
    this.#screen.write(HIDE_CURSOR);
    this.#paint();
    this.#running = this.#tick();
  }

  /** Prints lines above the area; they stay. */
  printAbove(lines: readonly string[]): void {
    this.#erase();
    for (const line of lines) this.#screen.line(line);
    this.#paint();
  }

  /** Takes the area away and gives the cursor back. Safe to call twice. */
  async close(): Promise<void> {
    if (this.#running === undefined || this.#stop.signal.aborted) return;
    this.#stop.abort();
    await this.#running;
    this.#erase();
    this.#screen.write(SHOW_CURSOR);
  }

  async #tick(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        await this.#clock.sleep(FRAME_MS, signal);
      } catch {
        return;
      }
      this.#frame++;
      this.#paint();
    }
  }

  /** One write a frame, so that nothing flickers; unchanged lines are rewritten in place, not erased first. */
  #paint(): void {
    if (this.#stop.signal.aborted) return;
    const lines = this.#draw(this.#frame);
    const up = this.#height > 0 ? `\x1b[${this.#height}A` : '';
    const body = lines.map((line) => `\r${line}${ERASE_TO_END_OF_LINE}\n`).join('');
    this.#screen.write(`${up}${body}${lines.length < this.#height ? ERASE_BELOW : ''}`);
    this.#height = lines.length;
  }

  #erase(): void {
    if (this.#height > 0) this.#screen.write(`\x1b[${this.#height}A\r${ERASE_BELOW}`);
    this.#height = 0;
  }
}

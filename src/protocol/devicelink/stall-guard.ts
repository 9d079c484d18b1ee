/**
 * Ends a wait in which the device has been silent for too long. Silence of minutes is normal (a scan, a passcode), so the limit is the user's.
 *
 * Only time in which we wait for the device counts: not time that the host's own disk takes.
 */
import { IbkError } from '../../errors.js';
import type { Clock } from '../../io/clock.js';

/** The last byte is known to this. */
const LOOK_EVERY_MS = 1000;

export class StallGuard {
  readonly #clock: Clock;
  readonly #limitMs: number;
  readonly #traffic: () => number;
  readonly #stalled = new AbortController();
  readonly #stopped = new AbortController();
  #seen = -1;
  #lastMs: number;
  #pauses = 0;

  /** @param traffic a number that grows with every byte sent or received */
  constructor(clock: Clock, limitMs: number, traffic: () => number) {
    this.#clock = clock;
    this.#limitMs = limitMs;
    this.#traffic = traffic;
    this.#lastMs = clock.monotonic();
    void this.#watch();
  }

  /** Aborts with `timeout`, reason `stall`. */
  get signal(): AbortSignal {
    return this.#stalled.signal;
  }

  /** Milliseconds since the last byte, or since the last pause ended. */
  silentMs(): number {
    this.#look();
    return this.#clock.monotonic() - this.#lastMs;
  }

  /** Time does not count until the returned function is called: somebody else is being waited for. */
  pause(): () => void {
    this.#pauses++;
    let paused = true;
    return () => {
      if (!paused) return;
      paused = false;
      this.#pauses--;
      this.#lastMs = this.#clock.monotonic();
    };
  }

  stop(): void {
    this.#stopped.abort();
  }

  #look(): void {
    const traffic = this.#traffic();
    if (traffic === this.#seen && this.#pauses === 0) return;
    this.#seen = traffic;
    this.#lastMs = this.#clock.monotonic();
  }

  async #watch(): Promise<void> {
    try {
      for (;;) {
        const silent = this.silentMs();
        if (silent >= this.#limitMs) break;
        await this.#clock.sleep(Math.min(LOOK_EVERY_MS, this.#limitMs - silent), this.#stopped.signal);
      }
    } catch {
      return; // stopped
    }
    const seconds = Math.round(this.#limitMs / 1000);
    this.#stalled.abort(new IbkError('timeout', `The device was silent for ${seconds} s.`, { reason: 'stall' }));
  }
}

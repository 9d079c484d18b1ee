/** The passcode prompt that newer iOS shows before each backup. */
import type { Clock } from '../../io/clock.js';
import type { ScenarioSet } from '../scenario.js';

/** iOS gives up after about three minutes. */
const PROMPT_MS = 180_000;

export class PasscodePrompt {
  readonly #scenarios: ScenarioSet;
  readonly #clock: Clock;
  #answer: ((entered: boolean) => void) | undefined;

  constructor(scenarios: ScenarioSet, clock: Clock) {
    this.#scenarios = scenarios;
    this.#clock = clock;
  }

  get showing(): boolean {
    return this.#answer !== undefined;
  }

  /** Resolves with true when the passcode was entered, with false when it was refused or nobody came. */
  async ask(signal: AbortSignal): Promise<boolean> {
    if (this.#scenarios.has('passcode-refused')) return false;
    const entersAfterMs = this.#scenarios.number('passcode-late', 0) * 1000;
    const manual = this.#scenarios.has('passcode-manual');
    if (!manual && entersAfterMs === 0) return true;
    const over = new AbortController();
    const either = AbortSignal.any([signal, over.signal]);
    const finger = new Promise<boolean>((resolve) => {
      this.#answer = resolve;
    });
    const late = this.#clock
      .sleep(manual ? PROMPT_MS : Math.min(entersAfterMs, PROMPT_MS), either)
      .then(() => !manual && entersAfterMs < PROMPT_MS)
      .catch(() => false);
    try {
      return await Promise.race([finger, late]);
    } finally {
      this.#answer = undefined;
      over.abort();
    }
  }

  /** A finger on the screen. @returns false when no prompt is showing */
  answer(entered: boolean): boolean {
    const showing = this.showing;
    this.#answer?.(entered);
    return showing;
  }
}

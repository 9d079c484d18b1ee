/** The "Trust This Computer?" dialog. */
import type { ScenarioSet } from '../scenario.js';

export type TrustAnswer = 'pending' | 'accepted' | 'refused';

export class TrustDialog {
  readonly #mode: 'automatic' | 'refuse' | 'manual';
  /** How many requests see the dialog before it is answered, in automatic mode. */
  readonly #polls: number;
  #asked = 0;
  #answer: 'accepted' | 'refused' | undefined;

  constructor(scenarios: ScenarioSet) {
    this.#mode = scenarios.has('trust-refused') ? 'refuse' : scenarios.has('trust-manual') ? 'manual' : 'automatic';
    this.#polls = scenarios.number('trust-pending', 1);
  }

  get showing(): boolean {
    return this.#asked > 0 && this.#answer === undefined;
  }

  /** One Pair request of a computer that is not trusted yet. An acceptance counts once; a refusal until the cable is pulled. */
  ask(): TrustAnswer {
    this.#asked += 1;
    if (this.#mode === 'automatic' && this.#asked > this.#polls) this.#answer ??= 'accepted';
    if (this.#mode === 'refuse' && this.#asked > this.#polls) this.#answer ??= 'refused';
    const answer = this.#answer ?? 'pending';
    if (answer === 'accepted') this.#reset();
    return answer;
  }

  /** A finger on the screen. Before the dialog shows, it answers the next one. */
  answer(accept: boolean): void {
    this.#answer = accept ? 'accepted' : 'refused';
  }

  /** A dialog goes away with the cable, and with it what was tapped. */
  cablePulled(): void {
    this.#reset();
  }

  #reset(): void {
    this.#asked = 0;
    this.#answer = undefined;
  }
}

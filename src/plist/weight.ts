/**
 * What a decoded property list costs in memory, in units of a reference with a short text (some 40 bytes). A document of a few megabytes may stand for
 * gigabytes: by containers that are used again and again, or by a million empty dictionaries, which are the dearest of all values (200 bytes each).
 */
export interface DecodeBounds {
  /** Most weight of the result, counted after shared references are followed. */
  readonly maxValues: number;
  readonly maxDepth: number;
}

/** Of any value, and what comes on top of it for those that are objects of their own, and for dictionaries. */
export const WEIGHT = { value: 1, object: 1, dict: 3 } as const;

export class Weight {
  readonly #most: number;
  #sum = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** @throws Error in plain words */
  add(weight: number): void {
    this.#sum += weight;
    if (this.#sum > this.#most) throw new Error(`more than ${this.#most} values`);
  }
}

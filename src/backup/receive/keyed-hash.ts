/**
 * A hash of words with secret multipliers: whoever chooses the words cannot choose which of them share a slot. Each word is mixed through before the
 * next comes in: a sum of products would leave what differs in high bits in the high bits, whatever the multipliers.
 */
import { randomFillSync } from 'node:crypto';

export class KeyedHash {
  readonly #multipliers: Uint32Array;
  readonly #shift: number;

  /** @param words of a key @param bits of a slot's number, 1 to 31 */
  constructor(words: number, bits: number) {
    this.#multipliers = randomFillSync(new Uint32Array(words));
    this.#shift = 32 - bits;
  }

  slotOf(key: Uint32Array): number {
    let hash = 0;
    for (let word = 0; word < this.#multipliers.length; word++) {
      hash ^= key[word] ?? 0;
      hash = Math.imul(hash ^ (hash >>> 16), (this.#multipliers[word] ?? 0) | 1);
      hash = Math.imul(hash ^ (hash >>> 15), SPREAD);
      hash ^= hash >>> 13;
    }
    return hash >>> this.#shift;
  }
}

/** Odd, its ones spread out: what the secret multiplier has left in a few bits goes to all. */
const SPREAD = 0x85ebca6b;

/**
 * Which names are taken in which folder, for millions of them: eight bytes each, a hash in place of the name.
 *
 * Two names with the same hash cost a needless `_2`, and nothing else; the seed makes it a matter of luck.
 */
import { randomInt } from 'node:crypto';

const FIRST_SLOTS = 1024;

export class TakenNames {
  readonly #seed = randomInt(0xffff_ffff);
  #slots = new Uint32Array(FIRST_SLOTS * 2);
  #count = 0;

  /** @returns false where it was taken before */
  take(folder: number, name: string): boolean {
    let [a, b] = [this.#seed ^ folder, (this.#seed >>> 7) ^ Math.imul(folder, 0x9e3779b1)];
    for (let index = 0; index < name.length; index++) {
      const code = name.charCodeAt(index);
      a = Math.imul(a ^ code, 0x01000193);
      b = Math.imul(b ^ code, 0x5bd1e995);
      b ^= b >>> 15;
    }
    // 0 is an empty slot.
    const [high, low] = [mixed(a) >>> 0 || 1, mixed(b ^ a) >>> 0];
    if (!insert(this.#slots, high, low)) return false;
    this.#count++;
    if (this.#count * 4 > this.#slots.length) this.#grow();
    return true;
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Uint32Array(old.length * 2);
    for (let at = 0; at < old.length; at += 2) {
      const [high = 0, low = 0] = [old[at], old[at + 1]];
      if (high !== 0) insert(this.#slots, high, low);
    }
  }
}

function insert(slots: Uint32Array, high: number, low: number): boolean {
  const last = slots.length - 2;
  for (let at = (low * 2) & last; ; at = (at + 2) & last) {
    if (slots[at] === 0) {
      slots[at] = high;
      slots[at + 1] = low;
      return true;
    }
    if (slots[at] === high && slots[at + 1] === low) return false;
  }
}

/** So that near names are far apart. */
function mixed(hash: number): number {
  const first = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  const second = Math.imul(first ^ (first >>> 13), 0xc2b2ae35);
  return second ^ (second >>> 16);
}

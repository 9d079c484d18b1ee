/** Numbers that look random and follow from a label: the same phone for the same seed, on every machine. */
import { createHash } from 'node:crypto';

export class SeededRandom {
  #state: number;

  /** The sequence follows from `label` alone. */
  constructor(label: string) {
    this.#state = createHash('sha256').update(label).digest().readUInt32LE(0);
  }

  /** A number from 0 (inclusive) to 1 (exclusive): mulberry32, quick and good enough for made-up content. */
  unit(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }

  /** An integer from 0 to `limit` - 1. */
  below(limit: number): number {
    return Math.floor(this.unit() * limit);
  }

  /** @throws TypeError when `values` is empty */
  pick<T>(values: readonly T[]): T {
    const value = values[this.below(values.length)];
    if (value === undefined) throw new TypeError('nothing to pick from');
    return value;
  }
}

/** `length` (at most 32) bytes that follow from a label. */
export function seededBytes(label: string, length: number): Buffer {
  return createHash('sha256').update(label).digest().subarray(0, length);
}

/** An upper-case UUID that follows from a label. */
export function seededUuid(label: string): string {
  const hex = seededBytes(label, 16).toString('hex').toUpperCase();
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-A${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

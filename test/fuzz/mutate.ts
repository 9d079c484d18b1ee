/** Damaged forms of good input: what a disk, a bad tool or an attacker makes of it. */
import type { Random } from '../support/random.js';

const MOST_BYTES = 256 * 1024;
/** At the edges of what lengths and counts can say. */
const EDGES = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0xffffffff] as const;

export function mutated(seeds: readonly Buffer[], random: Random): Buffer {
  let bytes: Buffer = Buffer.from(random.choice(seeds));
  for (let left = 1 + random.below(6); left > 0; left--) bytes = once(bytes, seeds, random);
  return bytes.subarray(0, MOST_BYTES);
}

function once(bytes: Buffer, seeds: readonly Buffer[], random: Random): Buffer {
  const at = random.below(bytes.length + 1);
  const length = random.below(random.chance(0.7) ? 9 : bytes.length + 1);
  switch (random.below(8)) {
    case 0:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]);
    case 1:
      return Buffer.concat([bytes.subarray(0, at), noise(length, random), bytes.subarray(at)]);
    case 2:
      return bytes.subarray(0, at);
    case 3:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at, at + length), bytes.subarray(at)]);
    case 4: {
      const other = random.choice(seeds);
      return Buffer.concat([bytes.subarray(0, at), other.subarray(random.below(other.length + 1))]);
    }
    case 5:
      return written(bytes, at, random.choice([1, 2, 4]), random.choice(EDGES));
    case 6:
      return written(bytes, at, 1, random.below(256));
    default: {
      const flipped = Buffer.from(bytes);
      if (at < flipped.length) flipped[at] = (flipped[at] ?? 0) ^ (1 << random.below(8));
      return flipped;
    }
  }
}

function written(bytes: Buffer, at: number, size: number, value: number): Buffer {
  if (at + size > bytes.length) return bytes;
  const copy = Buffer.from(bytes);
  copy.writeUIntBE(value % 2 ** (8 * size), at, size);
  return copy;
}

export function noise(length: number, random: Random): Buffer {
  return Buffer.from(Array.from({ length: Math.min(length, 64) }, () => random.below(256)));
}

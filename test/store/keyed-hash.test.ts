import { expect, test } from 'vitest';
import { KeyedHash } from '../../src/backup/receive/keyed-hash.js';

const BITS = 17;

/** Keys of five words that differ only in these bits. */
function keysOf(bits: readonly (readonly [word: number, bit: number])[]): Uint32Array[] {
  return Array.from({ length: 2 ** bits.length }, (_, n) => {
    const key = new Uint32Array(5).fill(0x77777777);
    bits.forEach(([word, bit], at) => {
      key[word] = ((key[word] ?? 0) ^ (((n >>> at) & 1) << bit)) >>> 0;
    });
    return key;
  });
}

const words = [0, 1, 2, 3, 4];
const few = (bits: readonly number[]) => words.flatMap((word) => bits.map((bit): [number, number] => [word, bit]));

test.each([
  ['the highest bits of each word', few([29, 30, 31])],
  ['the lowest bits of each word', few([0, 1, 2])],
  ['a high and a low bit of each, and one in the middle', few([0, 16, 31])],
  ['one word', Array.from({ length: 15 }, (_, bit): [number, number] => [2, bit * 2])],
])('keys that differ only in %s find slots of their own', (_, bits) => {
  const keys = keysOf(bits);
  const hash = new KeyedHash(5, BITS);
  const taken = new Map<number, number>();
  for (const key of keys) {
    const slot = hash.slotOf(key);
    expect(slot).toBeGreaterThanOrEqual(0);
    expect(slot).toBeLessThan(2 ** BITS);
    taken.set(slot, (taken.get(slot) ?? 0) + 1);
  }
  // 32,768 keys in 131,072 slots: by chance some 29,000 are taken, and none by more than a handful.
  expect(taken.size).toBeGreaterThan(keys.length / 2);
  expect(Math.max(...taken.values())).toBeLessThan(64);
});

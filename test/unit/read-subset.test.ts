import { expect, test } from 'vitest';
import { parseReadSubset } from '../../src/operations/read-subset.js';

const TODAY = new Date('2026-11-21T08:00:00Z');
const PATHS = Array.from({ length: 7000 }, (_, index) => `ab/${index.toString(16).padStart(40, '0')}`);

test('the sevenths are always the same, and together all files, each once', () => {
  const parts = [1, 2, 3, 4, 5, 6, 7].map((part) => parseReadSubset(`${part}/7`, TODAY));
  for (const path of PATHS) expect(parts.filter((part) => part?.has(path))).toHaveLength(1);
  const tomorrow = parseReadSubset('1/7', new Date('2026-11-22T08:00:00Z'));
  expect(PATHS.filter((path) => tomorrow?.has(path) !== parts[0]?.has(path))).toEqual([]);
});

test('a percentage is about so many, the same within a day and others the next', () => {
  const chosen = (words: string, now: Date) => PATHS.filter((path) => parseReadSubset(words, now)?.has(path));
  const today = chosen('10%', TODAY);
  expect(Math.abs(today.length - 700)).toBeLessThan(100);
  expect(chosen('10%', new Date('2026-11-21T23:59:59Z'))).toEqual(today);
  expect(chosen('10%', new Date('2026-11-22T00:00:00Z'))).not.toEqual(today);
  expect(chosen('100%', TODAY)).toEqual(PATHS);
});

test.each(['', '10', '0%', '101%', '0/7', '8/7', '1/0', '1/7/2', '-1%', '1e1%', 'x'])('%j is no part', (words) => {
  expect(parseReadSubset(words, TODAY)).toBeUndefined();
});

import { describe, expect, test } from 'vitest';
import {
  formatAge,
  formatBytes,
  formatCounter,
  formatDate,
  formatDuration,
  formatEstimate,
  formatLimit,
  formatPercent,
  formatUtc,
  groupThousands,
} from '../../src/figures.js';

describe('sizes', () => {
  test.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.0 kB'],
    [410_000, '410 kB'],
    [868_214_016, '868 MB'],
    [42_000_214_016, '42.0 GB'],
    [99_950_000, '100 MB'],
    [999_600_000, '1.0 GB'],
    [1_104_882_176, '1.1 GB'],
    [2e15, '2,000 TB'],
  ])('%d is %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text));
  test('needs round up, free space rounds down', () => {
    expect(formatBytes(41_334_217_728, 'up')).toBe('41.4 GB');
    expect(formatBytes(30_099_999_999, 'down')).toBe('30.0 GB');
    expect(formatBytes(11_334_217_728, 'up')).toBe('11.4 GB');
    expect(formatBytes(999_999_999, 'down')).toBe('999 MB');
    expect(formatBytes(349_900_000_000, 'down')).toBe('349 GB');
    expect(formatBytes(99_960_000_000, 'down')).toBe('99.9 GB');
  });
});

test('times', () => {
  expect([0, 9.9, 59, 60, 221, 3599, 7440].map(formatDuration)).toEqual([
    '0 s',
    '9 s',
    '59 s',
    '1 min 00 s',
    '3 min 41 s',
    '59 min 59 s',
    '2 h 04 min',
  ]);
  expect([90, 900, 5400, 86_400, 0].map(formatLimit)).toEqual(['1 min 30 s', '15 min', '1 h 30 min', '1 d', '0 s']);
  expect([3, 41, 58, 290, 7300].map(formatEstimate)).toEqual([
    'about 10 s',
    'about 40 s',
    'about 1 min',
    'about 5 min',
    'about 2 h 02 min',
  ]);
  expect([24, 182, 3600].map(formatCounter)).toEqual(['0:24', '3:02', '1:00:00']);
});

test('ages', () => {
  const now = Date.UTC(2026, 10, 21, 12);
  const age = (seconds: number) => formatAge(new Date(now - seconds * 1000), now);
  expect([-100, 59, 60, 7199, 86_400, 20 * 86_400].map(age)).toEqual(['now', 'now', '1 min', '1 h', '1 d', '20 d']);
});

test('numbers and dates', () => {
  expect([0, 999, 1000, 48_917, 1_234_567].map(groupThousands)).toEqual(['0', '999', '1,000', '48,917', '1,234,567']);
  expect([0, 61.99, 99.999, 100, 120, -1].map(formatPercent)).toEqual(['0 %', '61 %', '99 %', '100 %', '100 %', '0 %']);
  expect(formatDate(new Date(2026, 10, 21, 8, 6))).toBe('2026-11-21 08:06');
  expect(formatUtc(new Date(Date.UTC(2026, 10, 21, 7, 6, 0, 123)))).toBe('2026-11-21T07:06:00Z');
});

/** Which versions rules keep: against what restic kept of snapshots with the same times (fixtures/retention), and the reasons that people read. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Candidate, decide } from '../../src/operations/retention/decide.js';
import { before, parseSpan, retentionPolicy } from '../../src/operations/retention/policy.js';
import { reasonWords } from '../../src/ui/forget-screen.js';

interface Vectors {
  readonly zone: string;
  readonly snapshots: readonly { readonly time: string; readonly tags: readonly string[] }[];
  readonly cases: readonly { readonly policy: Record<string, string>; readonly keep: readonly number[] }[];
}

const vectors: Vectors = JSON.parse(
  readFileSync(new URL('../../fixtures/retention/restic.json', import.meta.url), 'utf8'),
);
const zone = process.env['TZ'];
beforeAll(() => {
  process.env['TZ'] = vectors.zone;
});
afterAll(() => {
  if (zone === undefined) delete process.env['TZ'];
  else process.env['TZ'] = zone;
});

const version = (madeAt: string, more: Partial<Candidate> = {}): Candidate => ({
  ...{
    id: madeAt,
    madeAt: new Date(madeAt),
    complete: true,
    unreadable: false,
    tags: [],
    pinned: false,
    latest: false,
  },
  ...more,
});

const policyOf = (rules: Record<string, string>) => {
  const policy = retentionPolicy(new Map(Object.entries(rules)));
  if (policy === undefined) throw new Error('no rules');
  return policy;
};

test.each(vectors.cases)('$policy', ({ policy, keep }) => {
  const versions = vectors.snapshots.map(({ time, tags }, index) => version(time, { id: `${index}`, tags })).reverse();
  // That restic did not have the rule about the oldest yet.
  const kept = decide(versions, policyOf(policy)).flatMap(({ action, reasons, version: { id } }) =>
    action === 'keep' && !reasons.every(({ kind }) => kind === 'oldest') ? [Number(id)] : [],
  );
  // What restic would forget of all, ibk keeps: the newest.
  const newest = vectors.snapshots.length - 1;
  expect(kept.sort((a, b) => a - b)).toEqual([...new Set([...keep, newest])].sort((a, b) => a - b));
});

test('reasons', () => {
  const days = [
    '21T08',
    '20T08',
    '19T08',
    '18T20',
    '18T08',
    '17T08',
    '16T08',
    '15T08',
    '14T08',
    '08T08',
    '05T08',
    '01T08',
  ];
  const versions = [
    ...days.map((day) => version(`2026-11-${day}:05:00`)),
    version('2026-10-12T08:02:00', { pinned: true }),
    version('2026-10-11T08:02:00', { complete: false }),
  ];
  const found = decide(versions, policyOf({ 'keep-daily': '7', 'keep-weekly': '4' }));
  expect(found.map(({ action, reasons }) => `${action} ${reasonWords(reasons)}`)).toEqual([
    'keep day 1, week 1',
    'keep day 2',
    'keep day 3',
    'keep day 4',
    'forget a later one of that day is kept',
    'keep day 5',
    'keep day 6',
    'keep day 7, week 2',
    'forget beyond 7 days; week 2 has 2026-11-15',
    'keep week 3',
    'forget beyond 7 days; week 3 has 2026-11-08',
    'keep week 4',
    'keep pinned',
    'forget not complete',
  ]);
});

test('the newest stays, whatever the rules say', () => {
  const versions = [version('2026-11-21T08:00:00'), version('2026-11-20T08:00:00', { tags: ['golden'] })];
  const [newest, other] = decide(versions, policyOf({ 'keep-tag': '#golden' }));
  expect(newest?.reasons).toEqual([{ kind: 'newest' }]);
  expect(other?.reasons).toEqual([{ kind: 'tag', tag: 'golden' }]);
});

test('the oldest stays while a rule has some left to keep', () => {
  const versions = ['21T20', '21T10', '20T10', '20T08'].map((time) => version(`2026-11-${time}:00:00`));
  const kept = (rules: Record<string, string>) =>
    decide(versions, policyOf(rules)).map(({ action, reasons }) => `${action} ${reasonWords(reasons)}`);
  expect(kept({ 'keep-daily': '3' }).slice(2)).toEqual(['keep day 2', 'keep the oldest']);
  expect(kept({ 'keep-daily': '2' }).slice(2)).toEqual(['keep day 2', 'forget a later one of that day is kept']);
});

test('spans and numbers', () => {
  expect(parseSpan('1y6m')).toMatchObject({ years: 1, months: 6 });
  expect(parseSpan('8w')).toMatchObject({ days: 56 });
  expect(before(new Date(2026, 2, 31, 12), parseSpan('1m') ?? fail())).toEqual(new Date(2026, 1, 31, 12));
  for (const text of ['', '30', 'd', '1d1y', '-1d']) expect(parseSpan(text)).toBeUndefined();
  expect(retentionPolicy(new Map())).toBeUndefined();
  expect(policyOf({ 'keep-last': 'unlimited' }).counts.last).toBeGreaterThan(999_999);
  for (const rules of [{ 'keep-last': '-1' }, { 'keep-daily': 'x' }, { 'keep-last': '0' }, { 'keep-within': '5' }])
    expect(() => policyOf(rules as Record<string, string>)).toThrow(expect.objectContaining({ exit: 2 }));
});

function fail(): never {
  throw new Error('no span');
}

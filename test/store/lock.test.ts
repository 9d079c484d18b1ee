/** One writer, also on a share where another computer's lock does not show. */
import { existsSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { acquireLock } from '../../src/backup/lock/lock.js';
import type { Clock } from '../../src/io/clock.js';

let folder: string;
let passed: number;
let onSleep: () => void;
const clock: Clock = {
  now: () => 1_000_000 + passed,
  monotonic: () => passed,
  sleep: async (ms) => {
    passed += ms;
    onSleep();
  },
};

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ibk-lock-'));
  passed = 0;
  onSleep = () => {};
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const holderPath = () => join(folder, 'holder.json');
const take = () => acquireLock(folder, { clock, command: 'test' });

function elsewhere(nonce = 'abcd'): void {
  const holder = {
    host: 'other',
    machine: 'another computer',
    boot: 'b',
    pid: 1,
    started: '1',
    nonce,
    command: 'backup',
    since: '',
  };
  writeFileSync(holderPath(), JSON.stringify(holder));
}

test('the second is refused until the first lets go', async () => {
  const first = await take();
  await expect(take()).rejects.toMatchObject({ code: 'in_use', details: { pid: process.pid } });
  first.release();
  expect(existsSync(holderPath())).toBe(false);
  (await take()).release();
});

test('a holder that cannot be read is as good as none', async () => {
  writeFileSync(holderPath(), '{"half');
  (await take()).release();
});

test('a holder on another computer that shows no life for 90 seconds is gone', async () => {
  elsewhere();
  const lock = await take();
  expect(passed).toBeGreaterThanOrEqual(90_000);
  expect(JSON.parse(readFileSync(holderPath(), 'utf8'))).toMatchObject({ pid: process.pid });
  lock.release();
});

test('a holder on another computer that renews its file keeps the lock', async () => {
  elsewhere();
  onSleep = () => utimesSync(holderPath(), passed, passed);
  await expect(take()).rejects.toMatchObject({ code: 'in_use', details: { host: 'other' } });
  expect(existsSync(holderPath())).toBe(true);
});

test('a holder finds out before the next head that it was robbed', async () => {
  const lock = await take();
  lock.check();
  elsewhere('ffff');
  expect(() => lock.check()).toThrow(expect.objectContaining({ code: 'in_use', reason: 'lock_lost' }));
  lock.release();
  expect(existsSync(holderPath())).toBe(true);
});

/** Tags, rules, forgetting and what versions take, as a user meets them. What the phone held at each backup tells whether a version is whole. */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { markReading } from '../../src/backup/lock/reading-marks.js';
import { BackupStore } from '../../src/backup/store.js';
import { nextSecond } from '../support/next-second.js';
import { type Phone, plugIn } from '../support/phone.js';
import { change, type PhoneState, readBack, stateOf } from '../support/phone-history.js';
import { tempHome, transcript } from '../support/run-ibk.js';
import { expectValidLines } from '../support/schemas.js';

const home = tempHome();
const root = join(home, 'root');
const golden = (name: string) => `../../fixtures/golden/${name}.txt`;
const states = new Map<string, PhoneState>();
let phone: Phone;
let texts: string[] = [];

const udid = () => phone.sim.phones[0]?.udid ?? '';
const ibk = (...args: string[]) => phone.ibk([...args, '-o', root]);
const versions = () => new BackupStore(root, udid()).versions();

async function say(...args: string[]) {
  const ran = await ibk(...args);
  texts.push(transcript(args, ran, root));
  return ran;
}

/** Every version that is left holds what the phone held. */
async function allWhole(): Promise<number> {
  const kept = versions();
  for (const { id } of kept) {
    const { wrong, lost } = await readBack(root, udid(), id, states.get(id) ?? new Map());
    expect([id, wrong, lost]).toEqual([id, [], []]);
  }
  return kept.length;
}

beforeAll(async () => {
  phone = await plugIn(home, { scenarios: ['paired'] });
  for (let made = 0; made < 6; made++) {
    if (made > 0) await change(phone.sim);
    const state = await stateOf(phone.sim);
    await nextSecond();
    expect((await ibk('backup', '-q', ...(made === 2 ? ['--tag', 'golden'] : []))).exit).toBe(0);
    states.set(versions()[0]?.id ?? '', state);
  }
});
afterAll(async () => {
  await phone[Symbol.asyncDispose]();
  rmSync(home, { recursive: true, force: true });
});

test('tags, rules, and the newest', async () => {
  texts = [];
  await say('tag', 'latest~4', '--pin', '--note', 'before the repair');
  await say('tag', 'latest~4');
  expect((await say('forget', 'latest~4', '--yes')).exit).toBe(2);
  await say('stats');
  const before = expectValidLines((await ibk('stats', '--json')).stdout)[0];
  const plan = expectValidLines((await ibk('forget', '--keep-last', '2', '-n', '--json')).stdout)[0];
  expect((await say('forget', '--keep-last', '2', '--keep-tag', 'golden', '--dry-run')).exit).toBe(0);
  expect((await say('forget', '--keep-last', '2')).exit).toBe(2);
  expect(await allWhole()).toBe(6);
  expect((await say('forget', '--keep-last', '2', '--yes')).exit).toBe(0);
  expect(await allWhole()).toBe(3);
  const after = expectValidLines((await ibk('stats', '--json')).stdout)[0];
  const total = (stats: Record<string, unknown> | undefined) =>
    (stats?.['devices'] as { total_bytes: number }[] | undefined)?.[0]?.total_bytes ?? 0;
  expect(total(before) - total(after)).toBe(plan?.['freed_bytes']);
  expect((await say('forget', 'latest', '--yes')).exit).toBe(2);
  const [newest] = versions();
  expect((await say('forget', newest?.id.slice(-8) ?? '', '--yes')).exit).toBe(0);
  expect(await allWhole()).toBe(2);
  expect((await say('verify', '--read-data')).exit).toBe(0);
  await say('list');
  const text = [...states.keys()].reduce((all, id) => all.replaceAll(id.slice(-8), 'v0123456'), texts.join('\n'));
  await expect(text.replaceAll(root, '~')).toMatchFileSnapshot(golden('keeping'));
});

test('rules of the config file, for a device alone; a backup goes on from what was put back', async () => {
  const config = join(home, 'keep.toml');
  writeFileSync(config, `keep-last = 9\n[device."${udid()}"]\nkeep-last = 1\n`);
  await change(phone.sim);
  const state = await stateOf(phone.sim);
  const release = markReading(root, udid(), versions()[0]?.id ?? '');
  expect((await phone.ibk(['backup', '-q', '-o', root], { env: { IBK_CONFIG: config } })).exit).toBe(0);
  states.set(versions()[0]?.id ?? '', state);
  // The pinned one, the one that is read, the newest.
  expect(await allWhole()).toBe(3);
  const read = versions()[1]?.id.slice(-8) ?? '';
  expect((await ibk('forget', read, '--yes')).exit).toBe(11);
  release();
  expect((await phone.ibk(['forget', '--yes', '-o', root], { env: { IBK_CONFIG: config } })).exit).toBe(0);
  expect(await allWhole()).toBe(2);
  writeFileSync(config, 'keep-dayly = 7\n[device."x"]\nkeep-last = "two"\n');
  const refused = await phone.ibk(['forget', '-o', root], { env: { IBK_CONFIG: config } });
  expect([refused.exit, refused.stderr]).toEqual([2, expect.stringContaining('keep-last has the wrong type')]);
});

test('leftovers go, versions stay; all of a device', async () => {
  const own = join(root, '.ibk', udid());
  const remnant = join(own, 'versions', '20200101-000000-kkkkkkkk', 'files', 'ab');
  mkdirSync(remnant, { recursive: true });
  writeFileSync(join(remnant, `ab${'0'.repeat(38)}`), Buffer.alloc(1000));
  mkdirSync(join(own, 'mine'));
  expect(expectValidLines((await ibk('prune', '--json')).stdout)[0]).toMatchObject({
    removed: 1,
    freed_bytes: 1000,
    unknown: [`.ibk/${udid()}/mine`],
  });
  expect(readdirSync(own)).toContain('mine');
  expect((await ibk('prune', '--yes')).exit).toBe(0);
  expect(readdirSync(own)).not.toContain('mine');
  expect(await allWhole()).toBe(2);
  expect((await ibk('tag', 'latest~1', '--unpin')).exit).toBe(0);
  expect((await ibk('forget', '--all', '-u', udid(), '--yes')).exit).toBe(0);
  expect(readdirSync(root).sort()).toEqual(['.ibk']);
  expect((await ibk('list', '--json')).stdout).toContain('"devices":[]');
  expect((await ibk('backup', '-q')).exit).toBe(0);
  expect(versions()).toHaveLength(1);
});

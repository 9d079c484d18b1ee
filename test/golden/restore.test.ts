/** Restoring as a user meets it: with the built ibk and simulated phones. What a phone holds afterwards is told by the phone. */
import { cpSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { controlSimulator } from '../../src/sim/index.js';
import { phoneOf, restarted, plugIn } from '../support/phone.js';
import { tempHome, transcript } from '../support/run-ibk.js';
import { expectValidLines } from '../support/schemas.js';
import { treeHash } from '../support/tree-hash.js';

const home = tempHome();
afterAll(() => rmSync(home, { recursive: true, force: true }));
const golden = (name: string) => `../../fixtures/golden/${name}.txt`;

test('the plan, the restore, and a phone that holds what it held; the backup is untouched', async () => {
  await using phone = await plugIn(home, { scenarios: ['paired'] });
  const root = join(home, 'plain');
  const ibk = (...args: string[]) => phone.ibk([...args, '-o', root]);
  expect((await ibk('backup', '-q')).exit).toBe(0);
  const before = await phoneOf(phone).content.tree(false);
  await controlSimulator(phone.sim.listen, 'mutate', { Add: 3, Change: 5, Remove: 2, Rename: 1 });
  const folder = treeHash(root);
  const texts: string[] = [];
  const say = async (...args: string[]) => {
    const ran = await ibk(...args);
    texts.push(transcript(args, ran, root));
    return ran;
  };
  await say('restore', '--dry-run');
  expect((await say('restore')).exit).toBe(2);
  const back = restarted(phone);
  expect((await say('restore', '--remove', '--yes')).exit).toBe(0);
  await back;
  expect(await phoneOf(phone).content.tree(false)).toEqual(before);
  expect(treeHash(root)).toBe(folder);
  expect(phone.sim.violations).toEqual([]);
  await expect(texts.join('\n').replaceAll(root, '~')).toMatchFileSnapshot(golden('restore'));
});

test('each refusal comes before the first byte, all of them at once', async () => {
  await using good = await plugIn(home, { scenarios: ['paired'], encryption: { password: 'right' } });
  const root = join(home, 'refused');
  const env = { IBK_PASSWORD: 'right' };
  expect((await good.ibk(['backup', '-q', '-o', root])).exit).toBe(0);
  await using bad = await plugIn(home, { scenarios: ['paired', 'find-my', 'phone-full', 'product-version=15.1'] });
  const before = await phoneOf(bad).content.tree(false);
  const texts: string[] = [];
  const attempt = async (args: readonly string[], more: Record<string, string>) => {
    const ran = await bad.ibk([...args, '-o', root], { env: more });
    texts.push(transcript(args, ran, root));
    return ran.exit;
  };
  expect(await attempt(['restore', '--yes'], env)).toBe(15);
  expect(await attempt(['restore', '--yes'], { IBK_PASSWORD: 'wrong' })).toBe(12);
  expect(await attempt(['restore', '--yes'], {})).toBe(12);
  const folder = join(root, phoneOf(good).udid);
  const [hash] = readdirSync(folder).filter((name) => /^[0-9a-f]{2}$/.test(name));
  const [file] = readdirSync(join(folder, hash ?? ''));
  renameSync(join(folder, hash ?? '', file ?? ''), join(root, 'taken'));
  expect(await attempt(['restore', '--yes'], env)).toBe(13);
  const lines = expectValidLines((await bad.ibk(['restore', '--json', '-o', root], { env })).stdout);
  expect(lines.map(({ type }) => type)).toEqual(['plan', 'error']);
  expect(await phoneOf(bad).content.tree(false)).toEqual(before);
  expect(phoneOf(bad).backupStats.requests).toEqual({});
  await expect(texts.join('\n').replaceAll(root, '~')).toMatchFileSnapshot(golden('restore-refused'));
});

test('a phone that asks for what is not its own gets nothing', async () => {
  const root = join(home, 'attacked');
  {
    await using quiet = await plugIn(home, { scenarios: ['paired'] });
    expect((await quiet.ibk(['backup', '-q', '-o', root])).exit).toBe(0);
  }
  const parent = treeHash(root);
  for (const attack of ['parent:download', 'other-device:download', 'ibk-inside:list', 'parent:copy-to']) {
    await using phone = await plugIn(home, { scenarios: ['paired', `attack=${attack}`] });
    const { exit, stderr } = await phone.ibk(['restore', '--yes', '-q', '-o', root]);
    expect([attack, exit]).toEqual([attack, 16]);
    expect(stderr).toContain('It got nothing');
    expect(treeHash(root)).toBe(parent);
    expect(phone.sim.violations).toEqual([]);
  }
});

test('what a phone has copied lies beside the backup, and goes away', async () => {
  await using phone = await plugIn(home, { scenarios: ['paired', 'restore-copy'] });
  const root = join(home, 'copied');
  expect((await phone.ibk(['backup', '-q', '-o', root])).exit).toBe(0);
  const folder = treeHash(root);
  const back = restarted(phone);
  expect((await phone.ibk(['restore', '--yes', '-q', '-o', root])).exit).toBe(0);
  await back;
  expect(treeHash(root)).toBe(folder);
  expect(phone.sim.violations).toEqual([]);
});

test('one backup goes to four phones, each with its result', async () => {
  await using source = await plugIn(home, { scenarios: ['paired'], files: 20, bytes: 200_000 });
  const root = join(home, 'rack');
  expect((await source.ibk(['backup', '-q', '-o', root])).exit).toBe(0);
  const held = await phoneOf(source).content.tree(false);
  await using rack = await plugIn(home, {
    scenarios: ['paired'],
    ios: ['17', '17', '26', '15'],
    files: 5,
    bytes: 5000,
    seed: 7,
  });
  const args = ['restore', phoneOf(source).udid, '--to', 'all', '--remove', '--yes'];
  const ran = await rack.ibk([...args, '--json', '-o', root]);
  // The phone with iOS 15 is too old for it: nothing is sent to anybody.
  expect(ran.exit).toBe(15);
  const udids = rack.sim.phones.slice(0, 3).flatMap(({ udid }) => ['--to', udid]);
  const back = Promise.all(
    rack.sim.phones.slice(0, 3).map((each) => new Promise<void>((resolve) => each.once('plugged', () => resolve()))),
  );
  const sent = await rack.ibk(['restore', phoneOf(source).udid, ...udids, '--remove', '--yes', '--json', '-o', root]);
  expect(sent.exit).toBe(0);
  const lines = expectValidLines(sent.stdout);
  expect(lines.filter(({ type }) => type === 'summary')).toHaveLength(4);
  await back;
  for (const each of rack.sim.phones.slice(0, 3)) expect(await each.content.tree(false)).toEqual(held);
  expect(rack.sim.violations).toEqual([]);
});

test('a pulled cable and errors of the phone: the backup is intact, and it says in what state the phone is', async () => {
  await using source = await plugIn(home, { scenarios: ['paired'] });
  const root = join(home, 'broken');
  expect((await source.ibk(['backup', '-q', '-o', root])).exit).toBe(0);
  const folder = treeHash(root);
  const texts: string[] = [];
  const expected = [
    ['cut=receive', 24],
    ['final=102:finish', 25],
    ['final=105:scan', 14],
    ['final=205:receive', 13],
    ['final=207:scan', 12],
    ['final=211:passcode', 28],
  ] as const;
  for (const [scenario, exit] of expected) {
    await using phone = await plugIn(home, { scenarios: ['paired', scenario] });
    const before = await phoneOf(phone).content.tree(false);
    const ran = await phone.ibk(['restore', '--yes', '-q', '-o', root]);
    texts.push(`${scenario}\n${transcript(['restore', '--yes', '-q'], ran, root)}`);
    expect([scenario, ran.exit]).toEqual([scenario, exit]);
    expect(await phoneOf(phone).content.tree(false)).toEqual(before);
  }
  expect(treeHash(root)).toBe(folder);
  await expect(texts.join('\n').replaceAll(root, '~')).toMatchFileSnapshot(golden('restore-errors'));
});

test('the folder of another tool, under a name of its own', async () => {
  await using phone = await plugIn(home, { scenarios: ['paired'] });
  const root = join(home, 'foreign');
  expect((await phone.ibk(['backup', '-q', '-o', root])).exit).toBe(0);
  const held = await phoneOf(phone).content.tree(false);
  const elsewhere = join(home, 'a copy of it');
  cpSync(join(root, phoneOf(phone).udid), elsewhere, { recursive: true });
  mkdirSync(join(home, 'empty-root'));
  writeFileSync(join(elsewhere, 'notes.txt'), 'not part of it');
  await controlSimulator(phone.sim.listen, 'mutate', { Change: 4 });
  const back = restarted(phone);
  const ran = await phone.ibk(['restore', elsewhere, '--remove', '--yes', '-q', '-o', join(home, 'empty-root')]);
  expect([ran.exit, ran.stderr]).toEqual([0, '']);
  await back;
  expect(await phoneOf(phone).content.tree(false)).toEqual(held);
});

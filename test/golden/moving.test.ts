/** Copies, taking in, changed copies and parts of a backup, with the built ibk and simulated phones. What a phone holds afterwards is told by the phone. */
import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, expect, test } from 'vitest';
import { systemClock } from '../../src/io/clock.js';
import { controlSimulator } from '../../src/sim/index.js';
import { RESTORE_ALL, runAgainst } from '../support/debian-phone.js';
import { phoneOf, restarted, type Phone, plugIn } from '../support/phone.js';
import { tempHome, transcript } from '../support/run-ibk.js';
import { expectValidLines } from '../support/schemas.js';
import { describeWithTools } from '../support/tools.js';
import { filesHash, treeHash } from '../support/tree-hash.js';

const home = tempHome();
afterAll(() => rmSync(home, { recursive: true, force: true }));
const golden = (name: string) => `../../fixtures/golden/${name}.txt`;

function session(phone: Phone, name: string) {
  const root = join(home, name);
  const env = { IBK_PASSWORD: 'correct horse' };
  const texts: string[] = [];
  const ibk = (...args: string[]) => phone.ibk([...args, '-o', root], { env, cwd: home });
  return {
    root,
    ibk,
    ok: async (...args: string[]) => expect(await ibk(...args)).toMatchObject({ exit: 0 }),
    say: async (...args: string[]) => void texts.push(transcript(args, await ibk(...args), home)),
    json: async (...args: string[]) => expectValidLines((await ibk(...args, '--json')).stdout),
    text: () =>
      texts
        .join('\n')
        .replaceAll(home, '~')
        .replace(/(?<=as |restore |verify )[g-hj-km-np-tv-z][0-9a-z]{7}\b/g, 'v0123456'),
  };
}

const isOfApp = (path: string, id: string) => new RegExp(`^AppDomain(?:Group|Plugin)?-(?:group\\.)?${id}`).test(path);

test('an encrypted backup edited: verifies, extracts, restores; the original is the same byte for byte', async () => {
  await using phone = await plugIn(home, {
    scenarios: ['paired'],
    files: 60,
    encryption: { password: 'correct horse' },
  });
  const { root, ok, json, say, text } = session(phone, 'edited');
  await ok('backup', '-q');
  const before = (await phoneOf(phone).content.tree(true)) ?? {};
  const folder = join(root, phoneOf(phone).udid);
  const original = treeHash(folder);
  const mine = 'mine.txt';
  writeFileSync(join(home, mine), 'put by a person\n');
  const done = (
    await json('edit', 'latest', 'put', mine, 'HomeDomain/Library/New/mine.txt', 'rm', '--app', 'com.example.chat')
  ).at(-1);
  const version = String(done?.['version']);
  expect(done).toMatchObject({ type: 'summary', exit: 0 });
  expect(treeHash(folder)).toBe(original);
  await ok('verify', version, '--read-data');
  await ok('verify', 'latest', '--read-data');
  await ok('extract', version, '--path', 'HomeDomain/Library/New/mine.txt', '--to', 'got.txt');
  expect(readFileSync(join(home, 'got.txt'), 'utf8')).toBe('put by a person\n');
  // A copy of the copy: one file replaced.
  const again = (await json('edit', version, 'put', mine, 'HomeDomain/Library/SMS/sms.db')).at(-1);
  await ok('verify', String(again?.['version']), '--read-data');
  // The phone goes on; the copy stays what it was, and is never the latest.
  await controlSimulator(phone.sim.listen, 'mutate', { Add: 2, Change: 8, Remove: 2 });
  await ok('backup', '-q');
  await ok('verify', version, '--read-data');
  const [list] = (await json('list')) as unknown as [{ devices: { versions: Record<string, unknown>[] }[] }];
  const rows = list.devices[0]?.versions ?? [];
  expect(rows.map(({ edited_from }) => edited_from !== null).filter(Boolean)).toHaveLength(2);
  expect(rows.find(({ latest }) => latest)?.['edited_from']).toBe(null);
  const back = restarted(phone);
  await ok('restore', version, '--remove', '--yes');
  await back;
  const after = (await phoneOf(phone).content.tree(true)) ?? {};
  const kept = Object.entries(before).filter(([path]) => !isOfApp(path, 'com.example.chat'));
  const { 'HomeDomain/Library/New/mine.txt': put, ...others } = after;
  expect(put?.size).toBe(16);
  expect(others).toEqual(Object.fromEntries(kept));
  await say('edit', 'latest', 'rm', 'app:com.example.chatt');
  await say('edit', 'latest', 'put', 'nowhere', 'HomeDomain/x');
  await say('edit', 'latest', 'put', mine, '../x');
  await say('edit', 'latest', 'put', mine, 'HomeDomain/../../x');
  await say('edit', 'latest', 'frobnicate');
  await say('edit', 'latest', 'rm', 'HomeDomain/Library/SMS', '-n');
  await expect(text()).toMatchFileSnapshot(golden('edit'));
});

test.each([
  ['plain', {}],
  ['encrypted', { encryption: { password: 'correct horse' } }],
  ['iOS 9', { ios: ['9'] as const }],
])('restore --only brings an app back and leaves the rest of the phone as it was: %s', async (kind, options) => {
  await using phone = await plugIn(home, { scenarios: ['paired'], files: 60, ...options });
  const isEncrypted = kind === 'encrypted';
  const { root, ok, ibk, say, text } = session(phone, `only-${kind}`);
  await ok('backup', '-q');
  const backedUp = (await phoneOf(phone).content.tree(isEncrypted)) ?? {};
  await controlSimulator(phone.sim.listen, 'mutate', { Add: 6, Change: 20, Remove: 10, Rename: 4 });
  const before = (await phoneOf(phone).content.tree(isEncrypted)) ?? {};
  const original = treeHash(root);
  await say('restore', '--only', 'app:com.example.notes', '--dry-run');
  await say('restore', '--only', 'app:com.example.notess', '--yes');
  await say('restore', '--only', 'app:com.example.notes', '--remove', '--yes');
  const back = restarted(phone);
  await ok('restore', '--only', 'app:com.example.notes', '--yes');
  await back;
  const after = (await phoneOf(phone).content.tree(isEncrypted)) ?? {};
  const part = (tree: typeof before, isIn: boolean) =>
    Object.fromEntries(Object.entries(tree).filter(([path]) => isOfApp(path, 'com.example.notes') === isIn));
  expect(Object.keys(part(backedUp, true)).length).toBeGreaterThan(3);
  expect(part(after, false)).toEqual(part(before, false));
  expect(part(after, true)).toEqual({ ...part(before, true), ...part(backedUp, true) });
  expect(treeHash(root)).toBe(original);
  const skipped = restarted(phone);
  expect((await ibk('restore', '--skip', 'app:com.example.notes', '--skip', 'type:photos', '--yes')).exit).toBe(0);
  await skipped;
  const last = (await phoneOf(phone).content.tree(isEncrypted)) ?? {};
  expect(part(last, true)).toEqual(part(after, true));
  expect(last['HomeDomain/Library/SMS/sms.db']).toEqual(backedUp['HomeDomain/Library/SMS/sms.db']);
  if (kind === 'plain') await expect(text()).toMatchFileSnapshot(golden('restore-part'));
});

test('copies go into another root and come back as versions, whatever the order', async () => {
  // A backup knows its second: no two of a real phone are made in one.
  let ahead = 0;
  const clock = { ...systemClock, now: () => systemClock.now() + ahead };
  await using phone = await plugIn(home, { scenarios: ['paired'], clock });
  const { root, ok, say, json, text } = session(phone, 'from');
  const trees: string[] = [];
  for (let round = 0; round < 3; round++) {
    await ok('backup', '-q');
    trees.push(filesHash(join(root, phoneOf(phone).udid)));
    ahead += 1000;
    await controlSimulator(phone.sim.listen, 'mutate', { Add: 2, Change: 3, Remove: 1 });
  }
  await ok('copy', 'latest~2', '--to', 'oldest', '-q');
  await ok('copy', 'latest~1', '--to', 'middle');
  await ok('copy', 'latest', '--to', 'newest', '--link');
  expect(['oldest', 'middle', 'newest'].map((name) => filesHash(join(home, name)))).toEqual(trees);
  const other = session(phone, 'to');
  for (const name of ['middle', 'newest', 'oldest']) await other.ok('import', join(home, name), '-q');
  for (const [step, name] of ['newest', 'middle', 'oldest'].entries()) {
    await other.ok('verify', `latest~${step}`, '--read-data', '-q');
    await other.ok('copy', `latest~${step}`, '--to', `${name}-again`, '-q');
    expect(filesHash(join(home, `${name}-again`))).toBe(trees[2 - step]);
  }
  // The phone goes on where the taken-in backup ends.
  await other.ok('backup', '-q');
  await other.ok('verify', '--read-data', '-q');
  // With their history, and later only what is new.
  const second = session(phone, 'second');
  await ok('copy', '--history', '--to', second.root, '-q');
  await controlSimulator(phone.sim.listen, 'mutate', { Add: 1, Change: 2, Remove: 1 });
  await ok('backup', '-q');
  await say('copy', '--to', 'second');
  const [here, copied] = (await Promise.all([json('list'), second.json('list')])).map(([list]) => list);
  expect(versionsIn(copied)).toEqual(versionsIn(here));
  for (const step of [0, 2]) await second.ok('verify', `latest~${step}`, '--read-data', '-q');
  await say('copy', '--to', 'second', '-n');
  await say('copy', 'latest~1', '--to', 'said');
  await say('copy', 'latest~1', '--to', 'said');
  await say('copy', 'latest', '--to', 'said.tar');
  await say('copy', 'latest', '--to', 'other', '--dry-run');
  await say('import', 'newest', '-o', other.root);
  await say('import', 'nowhere');
  mkdirSync(join(home, 'broken'));
  cpSync(join(home, 'middle'), join(home, 'broken'), { recursive: true });
  rmSync(join(home, 'broken', 'Manifest.db'));
  await say('import', 'broken', '-o', other.root);
  // A link in the place of a file is not followed, and no folder of the computer becomes part of a backup.
  rmSync(join(home, 'oldest', 'Manifest.db'));
  symlinkSync('/etc/passwd', join(home, 'oldest', 'Manifest.db'));
  await say('import', 'oldest', '-o', join(home, 'trap'));
  await expect(text()).toMatchFileSnapshot(golden('moving'));
});

describeWithTools('copies, to other programs', ['idevicebackup2', 'idevicepair', 'tar', 'unzip'], () => {
  test('an old version copied is restored by idevicebackup2; archives unpack to the same', async () => {
    await using phone = await plugIn(home, { scenarios: [] });
    const run = (program: string, ...args: string[]) => runAgainst(phone.sim.listen, program, ...args);
    await run('idevicepair', 'pair');
    expect((await run('idevicepair', 'pair')).text).toContain('SUCCESS');
    const { ok } = session(phone, 'debian');
    await ok('backup', '-q');
    const before = await phoneOf(phone).content.tree(false);
    await controlSimulator(phone.sim.listen, 'mutate', { Add: 4, Change: 6, Remove: 3, Rename: 1 });
    await ok('backup', '-q');
    const { udid } = phoneOf(phone);
    const out = join(home, 'debian-copy');
    await ok('copy', 'latest~1', '--to', join(out, udid), '-q');
    for (const name of ['old.tar.gz', 'old.zip']) await ok('copy', 'latest~1', '--to', name, '-q');
    const back = restarted(phone);
    const restored = await run('idevicebackup2', 'restore', ...RESTORE_ALL, out);
    expect(restored.text).toContain('Restore Successful');
    expect(restored.exit).toBe(0);
    await back;
    expect(await phoneOf(phone).content.tree(false)).toEqual(before);
    await execa('tar', ['xzf', join(home, 'old.tar.gz'), '-C', mkdir('untarred')]);
    await execa('unzip', ['-q', join(home, 'old.zip'), '-d', mkdir('unzipped')]);
    for (const name of ['untarred', 'unzipped']) expect(treeHash(join(home, name))).toBe(treeHash(out));
  });
});

function mkdir(name: string): string {
  mkdirSync(join(home, name));
  return join(home, name);
}

/** What is told of each version of a list. */
function versionsIn(list: Record<string, unknown> | undefined): unknown {
  const { devices } = list as { devices: { versions: Record<string, unknown>[] }[] };
  return devices[0]?.versions.map(({ version, made_at, files, bytes, files_added, files_changed, files_removed }) => ({
    ...{ version, made_at, files, bytes, files_added, files_changed, files_removed },
  }));
}

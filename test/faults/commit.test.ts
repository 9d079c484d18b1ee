/** A commit that is interrupted anywhere is completed at the next start; before its list is written, nothing has changed. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { cp, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { applyCommit, planCommit, readSealedCommit, sealCommit } from '../../src/backup/commit.js';
import type { DevicePath } from '../../src/backup/device-path.js';
import { type BackupLayout, backupLayout } from '../../src/backup/layout.js';
import { openStore } from '../../src/backup/store.js';
import { systemClock } from '../../src/io/clock.js';
import { buildBinaryPlist } from '../../src/plist/codec.js';
import { plistDict } from '../../src/plist/value.js';
import { temporaryRoot } from '../support/ibk-backup.js';

const UDID = '00008120-5100000000000001';
const id = (letter: string) => `${letter}${letter}/${letter.repeat(40)}`;
const status = (state: string) => buildBinaryPlist(plistDict({ SnapshotState: state, Date: new Date(0) }));
const manifest = buildBinaryPlist(plistDict({ Version: '10.0', IsEncrypted: false }));

/** Every file and folder below, with its content and its mode. */
function tree(folder: string): Record<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
  return Object.fromEntries(
    names.map((name) => {
      const stat = statSync(join(folder, name));
      const mode = (stat.mode & 0o777).toString(8);
      return [name, stat.isDirectory() ? `folder ${mode}` : `${mode} ${readFileSync(join(folder, name), 'latin1')}`];
    }),
  );
}

async function earlierBackup(root: string): Promise<BackupLayout> {
  const layout = backupLayout(root, UDID);
  for (const letter of ['a', 'b', 'c']) {
    await mkdir(join(layout.folder, letter + letter), { recursive: true });
    await writeFile(join(layout.folder, id(letter)), `old ${letter}`);
  }
  await writeFile(join(layout.folder, 'Status.plist'), status('finished'));
  await writeFile(join(layout.folder, 'Manifest.plist'), manifest);
  await writeFile(join(layout.folder, 'Manifest.db'), 'old db');
  return layout;
}

async function receive(root: string) {
  const store = await openStore(root, UDID, systemClock);
  const put = (name: string, content: string | Buffer) =>
    store.incoming.write(name as DevicePath, Buffer.from(content));
  await put(id('a'), 'new a');
  await put(id('d'), 'new d');
  store.incoming.remove(id('b') as DevicePath);
  await store.incoming.move(id('c') as DevicePath, id('e') as DevicePath);
  await put('Manifest.db', 'new db');
  await put('Status.plist', status('finished'));
  await put('Snapshot/left', 'over');
  return store;
}

test('the commit is complete after a crash at each of its steps', async () => {
  await using place = await temporaryRoot();
  const root = join(place.path, 'root');
  const layout = await earlierBackup(root);
  const before = tree(layout.folder);
  const store = await receive(root);
  expect(tree(layout.folder)).toEqual(before);
  const plan = await planCommit(store.incoming, [], new Date(0));
  await sealCommit(layout, store.incoming, plan);
  expect(tree(layout.folder)).toEqual(before);
  await cp(root, join(place.path, 'sealed'), { recursive: true });
  await applyCommit(layout, plan);
  await store.close();
  const after = tree(layout.folder);
  expect(Object.keys(after)).not.toContain('Snapshot');
  expect(after[id('a')]).toBe('600 new a');
  expect(after[id('e')]).toBe('600 old c');
  expect(after[id('b')]).toBeUndefined();
  expect(after.ee).toBe('folder 700');

  // Each prefix of what the commit does, made by hand on a copy of the sealed state.
  const steps: ((folder: string, own: string) => Promise<void>)[] = [
    async (folder) => rm(join(folder, 'Status.plist')),
    async (folder) => rm(join(folder, id('b'))),
    async (folder) => void (await mkdir(join(folder, 'dd'), { recursive: true })),
    ...plan.puts.map(({ path, blob }) => async (folder: string, own: string) => {
      await mkdir(join(folder, path, '..'), { recursive: true });
      await rename(join(own, 'incoming', (blob % 256).toString(16).padStart(2, '0'), String(blob)), join(folder, path));
    }),
  ];
  for (let done = 0; done <= steps.length; done++) {
    const crashed = join(place.path, `crashed-${done}`);
    await cp(join(place.path, 'sealed'), crashed, { recursive: true });
    const copy = backupLayout(crashed, UDID);
    for (const step of steps.slice(0, done)) await step(copy.folder, copy.own);
    const next = await openStore(crashed, UDID, systemClock);
    await next.close();
    const recovered = tree(copy.folder);
    for (const name of Object.keys(after)) {
      if (after[name]?.startsWith('folder') !== true)
        expect(recovered[name], `${name} after ${done} steps`).toBe(after[name]);
    }
    expect(Object.keys(recovered).filter((name) => recovered[name]?.startsWith('folder') !== true)).toEqual(
      Object.keys(after).filter((name) => after[name]?.startsWith('folder') !== true),
    );
    expect(readdirSync(copy.own).sort()).toEqual(['lock']);
  }
}, 60_000);

test('a list that was not written to its end never counted', async () => {
  await using place = await temporaryRoot();
  const layout = await earlierBackup(place.path);
  const before = tree(layout.folder);
  const store = await receive(place.path);
  await sealCommit(layout, store.incoming, await planCommit(store.incoming, [], new Date(0)));
  const whole = readFileSync(layout.commitList);
  await store.close();
  for (const length of [0, 1, 40, whole.length - 2]) {
    await writeFile(layout.commitList, whole.subarray(0, length));
    expect(await readSealedCommit(layout)).toBeUndefined();
  }
  const next = await openStore(place.path, UDID, systemClock);
  await next.close();
  expect(tree(layout.folder)).toEqual(before);
});

test('what an interrupted run had received is dropped at the next start', async () => {
  await using place = await temporaryRoot();
  const layout = await earlierBackup(place.path);
  const before = tree(layout.folder);
  const store = await receive(place.path);
  await cp(layout.incoming, join(place.path, 'kept'), { recursive: true });
  await store.close();
  await rename(join(place.path, 'kept'), layout.incoming);
  const next = await openStore(place.path, UDID, systemClock);
  expect(await next.incoming.list('dd' as DevicePath)).toEqual([]);
  await next.close();
  expect(tree(layout.folder)).toEqual(before);
  expect(readdirSync(layout.own)).toEqual(['lock']);
});

test('one writer at a time, who is named', async () => {
  await using place = await temporaryRoot();
  const first = await openStore(place.path, UDID, systemClock);
  await expect(openStore(place.path, UDID, systemClock)).rejects.toMatchObject({
    code: 'in_use',
    details: { pid: process.pid },
  });
  await first.close();
  const second = await openStore(place.path, UDID, systemClock);
  await second.close();
});

test.each([
  [
    'a Snapshot folder',
    'finished',
    async (folder: string) => {
      await mkdir(join(folder, 'Snapshot', 'ab'), { recursive: true });
      await writeFile(join(folder, 'Snapshot', 'ab', 'x'), 'x');
    },
    ['Snapshot'],
  ],
  [
    'a Manifest.plist of no bytes',
    'unfinished',
    (folder: string) => writeFile(join(folder, 'Manifest.plist'), ''),
    ['Manifest.db', 'Manifest.plist'],
  ],
  [
    'a state other than finished',
    'unfinished',
    (folder: string) => writeFile(join(folder, 'Status.plist'), status('uploading')),
    ['Manifest.db', 'Manifest.plist', 'Status.plist'],
  ],
] as const)(
  '%s of another tool is hidden from the device, and set aside by the commit',
  async (_what, state, make, kept) => {
    await using place = await temporaryRoot();
    const layout = await earlierBackup(place.path);
    await make(layout.folder);
    const before = tree(layout.folder);
    const store = await openStore(place.path, UDID, systemClock);
    expect(store.earlier.state).toBe(state);
    const shown = (await store.incoming.list('' as DevicePath)).map(({ name }) => name);
    for (const name of store.earlier.leftovers) expect(shown).not.toContain(name);
    expect(tree(layout.folder)).toEqual(before);
    for (const name of ['Status.plist', 'Manifest.plist', 'Manifest.db']) {
      await store.incoming.write(name as DevicePath, Buffer.from(name === 'Status.plist' ? status('finished') : 'new'));
    }
    await store.commit();
    await store.close();
    const [time = ''] = readdirSync(layout.aside);
    expect(time).toMatch(/^\d{8}-\d{6}-[0-9a-f]{4}$/);
    for (const name of kept) expect(readdirSync(join(layout.aside, time))).toContain(name);
    expect(readdirSync(layout.folder)).not.toContain('Snapshot');
    expect(readFileSync(join(layout.folder, 'Manifest.db'), 'utf8')).toBe('new');
  },
);

test('folders are 0700 and files 0600 under an odd umask too', async () => {
  await using place = await temporaryRoot();
  const root = join(place.path, 'root');
  const umask = process.umask(0o377);
  try {
    const store = await openStore(root, UDID, systemClock);
    await store.incoming.write(id('a') as DevicePath, Buffer.from('a'));
    await store.incoming.write('Status.plist' as DevicePath, status('finished'));
    await store.commit();
    await store.close();
  } finally {
    process.umask(umask);
  }
  const modes = Object.entries(tree(join(root, UDID))).map(([name, what]) => `${name} ${what.slice(0, 10)}`);
  expect(modes.filter((line) => !/ (?:folder 700|600 )/.test(line))).toEqual([]);
  expect(modes).toHaveLength(3);
});

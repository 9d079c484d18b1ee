/** The store on a real disk: modes, lock, other programs, lost and damaged records, hostile paths. */
import {
  existsSync,
  linkSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { StoreWarning } from '../../src/backup/records/context.js';
import { BackupStore } from '../../src/backup/store.js';
// @ts-expect-error plain JavaScript, shared with the process that is killed
import * as phone from '../support/scripted-phone.js';

const { UDID, phoneState, sendState } = phone as {
  UDID: string;
  phoneState: (n: number) => Map<string, Buffer>;
  sendState: (lease: unknown, n: number) => Promise<void>;
};
const WORKER = new URL('../support/store-worker.js', import.meta.url).pathname;

let home: string;
let root: string;
let store: BackupStore;
let warnings: StoreWarning[];

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'ibk-store-'));
  root = join(home, 'root');
  warnings = [];
  store = new BackupStore(root, UDID, { onWarning: (warning) => warnings.push(warning) });
});
afterEach(() => rm(home, { recursive: true, force: true }));

async function backup(n: number): Promise<string> {
  const lease = await store.lease({ command: 'test' });
  try {
    await sendState(lease, n);
    return (await lease.commit({ date: Date.UTC(2026, 0, 1, 0, n) })).version.id;
  } finally {
    lease.abort();
  }
}

async function start(): Promise<void> {
  (await store.lease({ command: 'test' })).abort();
}

function read(version: string, path: string): Buffer {
  const file = store.open(version, path);
  const bytes = Buffer.alloc(file.stat().sizeBytes);
  file.read(bytes, 0);
  file.close();
  return bytes;
}

function expectState(version: string, n: number): void {
  for (const [path, content] of phoneState(n)) expect(read(version, path).equals(content), path).toBe(true);
}

const own = (...path: string[]) => join(root, '.ibk', UDID, ...path);
const inFolder = (...path: string[]) => join(root, UDID, ...path);

test('every version reads back, checksums and all', async () => {
  const ids: string[] = [];
  for (let n = 0; n < 5; n++) ids.push(await backup(n));
  for (const [n, id] of ids.entries()) expectState(id, n);
  expect(store.versions().map(({ id }) => id)).toEqual([...ids].reverse());
  for (const id of ids) {
    expect(await store.verify(id, { readData: true })).toMatchObject({ problems: [], withoutChecksum: 0 });
  }
});

test('forgetting the middle and the oldest leaves the others as they were', async () => {
  const ids: string[] = [];
  for (let n = 0; n < 5; n++) ids.push(await backup(n));
  const lease = await store.lease({ command: 'forget' });
  await lease.forget(ids[2] ?? '');
  await lease.forget(ids[0] ?? '');
  lease.abort();
  for (const n of [1, 3, 4]) expectState(ids[n] ?? '', n);
  expect(() => store.open(ids[2] ?? '', 'Status.plist')).toThrow(expect.objectContaining({ code: 'not_found' }));
});

test('folders are 0700 and files 0600 under any umask', async () => {
  const { exitCode, stderr } = await execa('sh', ['-c', `umask 0277; exec node ${WORKER} ${root}/new 1`], {
    reject: false,
  });
  expect(exitCode, stderr).toBe(0);
  for (const entry of readdirSync(join(root, 'new'), { recursive: true, encoding: 'utf8' })) {
    const stat = statSync(join(root, 'new', entry));
    expect([entry, (stat.mode & 0o777).toString(8)]).toEqual([entry, stat.isDirectory() ? '700' : '600']);
  }
});

test('a second writer is told who the first is; readers are not kept out', async () => {
  const id = await backup(0);
  const lease = await store.lease({ command: 'the first' });
  await expect(store.lease({ command: 'the second' })).rejects.toMatchObject({ code: 'in_use' });
  const other = await execa('node', [WORKER, root, '1'], { reject: false });
  expect(other.exitCode).not.toBe(0);
  expect(other.stderr).toContain(`process ${process.pid}`);
  expectState(id, 0);
  lease.abort();
  await backup(1);
});

test('a holder whose process id belongs to another process now does not keep anybody out', async () => {
  await backup(0);
  const stale = {
    host: 'here',
    machine: '',
    boot: '',
    pid: process.ppid,
    started: '1',
    nonce: 'abcd',
    command: '',
    since: '',
  };
  const lease = await store.lease({ command: 'test' });
  const holder = JSON.parse(readFileSync(own('holder.json'), 'utf8')) as object;
  lease.abort();
  writeFileSync(own('holder.json'), JSON.stringify({ ...holder, ...stale, ...pick(holder, ['machine', 'boot']) }));
  await backup(1);
});

function pick(from: object, keys: readonly string[]): object {
  return Object.fromEntries(Object.entries(from).filter(([key]) => keys.includes(key)));
}

test('what another program did becomes a version; what it overwrote is lost, never wrong', async () => {
  const first = await backup(0);
  const second = await backup(1);
  const [path] = [...phoneState(1).keys()].filter(
    (name) =>
      phoneState(0)
        .get(name)
        ?.equals(phoneState(1).get(name) ?? Buffer.alloc(0)) === true,
  );
  if (path === undefined) throw new Error('nothing stayed the same');
  rmSync(inFolder(path));
  writeFileSync(inFolder(path), 'from another program');
  rmSync(inFolder('Status.plist'));
  writeFileSync(inFolder('Status.plist'), 'its own');
  expect(() => store.open(second, path)).toThrow(expect.objectContaining({ code: 'damaged', reason: 'lost' }));
  await start();
  expect(() => store.open(first, path)).toThrow(expect.objectContaining({ code: 'damaged', reason: 'lost' }));
  expect(store.versions()[0]).toMatchObject({ origin: 'foreign', complete: false });
  expect(warnings.map(({ kind }) => kind)).toEqual(['foreign_change']);
  const { problems } = await store.verify(first);
  expect(problems).toEqual([{ path, kind: 'missing' }]);
  const third = await backup(2);
  expectState(third, 2);
  expect(store.versions().map(({ id }) => id)).toEqual([third, second, first]);
});

test('a folder made by another program is taken in, and continued', async () => {
  const other = new BackupStore(`${root}/other`, UDID);
  const lease = await other.lease({ command: 'test' });
  await sendState(lease, 0);
  await lease.commit({ date: 0 });
  lease.abort();
  rmSync(join(root, 'other/.ibk'), { recursive: true });
  store = new BackupStore(`${root}/other`, UDID);
  await start();
  const [found] = store.versions();
  expect(found).toMatchObject({ origin: 'foreign', complete: true });
  const next = await backup(1);
  expectState(next, 1);
  expectState(found?.id ?? '', 0);
});

test('the same bytes under a new time are the same file', async () => {
  const id = await backup(0);
  const [path = ''] = phoneState(0).keys();
  utimesSync(inFolder(path), 1, 1);
  utimesSync(inFolder('Status.plist'), 1, 1);
  expectState(id, 0);
  await start();
  expect(store.versions()).toHaveLength(1);
  expectState(id, 0);
});

test.each(['lost', 'damaged'])('a %s catalog is made anew', async (how) => {
  const ids = [await backup(0), await backup(1), await backup(2)];
  if (how === 'lost') rmSync(own('catalog.db'));
  else writeFileSync(own('catalog.db'), 'no database, '.repeat(1000));
  for (const [n, id] of ids.entries()) expectState(id, n);
  ids.push(await backup(3));
  for (const [n, id] of ids.entries()) expectState(id, n);
});

test('a torn head is as good as none', async () => {
  const id = await backup(0);
  const [head = ''] = readdirSync(own()).filter((name) => name.startsWith('head.'));
  const next = `head.${Number(head.slice(5)) + 1}`;
  writeFileSync(own(next), readFileSync(own(head)).subarray(0, 100));
  expectState(id, 0);
  await backup(1);
  expectState(id, 0);
});

test('a lost head stops everything that writes; the newest backup is still in its folder', async () => {
  await backup(0);
  await backup(1);
  for (const name of readdirSync(own())) if (name.startsWith('head.')) rmSync(own(name));
  await expect(start()).rejects.toMatchObject({ code: 'damaged', reason: 'head_lost' });
  expect(existsSync(inFolder('Status.plist'))).toBe(true);
});

test('a head of a newer ibk is left alone', async () => {
  await backup(0);
  const lines = '{"format":2}';
  const { createHash } = await import('node:crypto');
  writeFileSync(own('head.9999'), `${lines}\n${createHash('sha256').update(lines).digest('hex')}\n`);
  await expect(start()).rejects.toMatchObject({ code: 'incompatible' });
});

test('leftovers of another tool are set aside', async () => {
  await backup(0);
  const { mkdirSync } = await import('node:fs');
  mkdirSync(inFolder('Snapshot/ab'), { recursive: true });
  writeFileSync(inFolder('Snapshot/ab/x'), 'half a backup');
  writeFileSync(inFolder('Manifest.plist'), '');
  const id = await backup(1);
  expectState(id, 1);
  expect(existsSync(inFolder('Snapshot'))).toBe(false);
  expect(warnings.map(({ kind }) => kind)).toContain('set_aside');
  const aside = readdirSync(own('aside'), { recursive: true, encoding: 'utf8' });
  expect(aside.filter((name) => name.endsWith('/x') || name.endsWith('Manifest.plist'))).toHaveLength(2);
});

test.each([
  '../escape',
  `${UDID}/../escape`,
  '/etc/passwd',
  `.ibk/${UDID}/head.1`,
  `${UDID}/.ibk/x`,
  'other/x',
  `${UDID}\\x`,
  `${UDID}/a\0b`,
  `${UDID}/C:/x`,
])('a path outside the folder is refused: %j', async (path) => {
  const lease = await store.lease({ command: 'test' });
  const before = readdirSync(join(root, '..')).length;
  for (const call of [
    () => lease.host.receive(path),
    () => lease.host.open(path),
    () => lease.host.list(path),
    () => lease.host.remove(path),
    () => lease.host.makeDirectory(path),
    () => lease.host.move(path, `${UDID}/x`),
    () => lease.host.move(`${UDID}/x`, path),
    () => lease.host.copy(path, `${UDID}/x`),
  ]) {
    expect(call).toThrow(expect.objectContaining({ code: 'unsafe' }));
  }
  lease.abort();
  expect(readdirSync(join(root, '..')).length).toBe(before);
});

test('no link is followed: neither a folder nor a file', async () => {
  const id = await backup(0);
  const [path = ''] = [...phoneState(0).keys()].filter((name) => name.includes('/'));
  const secret = join(root, 'secret');
  writeFileSync(secret, 'not for the phone');
  rmSync(inFolder(path));
  symlinkSync(secret, inFolder(path));
  expect(() => store.open(id, path)).toThrow(expect.objectContaining({ reason: 'lost' }));
  const lease = await store.lease({ command: 'test' });
  expect(() => lease.host.open(`${UDID}/${path}`)).toThrow(expect.objectContaining({ code: 'ENOENT' }));
  lease.abort();
  expectState(await backup(1), 1);
  expect(warnings.map(({ kind }) => kind)).toContain('set_aside');
  rmSync(inFolder(), { recursive: true });
  symlinkSync(root, inFolder());
  await expect(start()).rejects.toMatchObject({ code: 'unsafe', reason: 'link_in_path' });
});

test('a file with a second name elsewhere is not changed in place', async () => {
  await backup(0);
  linkSync(inFolder('Manifest.db'), join(root, 'second-name'));
  await backup(1);
  expect(readFileSync(join(root, 'second-name')).equals(phoneState(0).get('Manifest.db') ?? Buffer.alloc(0))).toBe(
    true,
  );
});

/** Somebody with write access to `.ibk` lays traps: links, pipes, folders where files should be, forged records. Nothing outside is opened, nothing hangs. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest';
import { BackupStore } from '../../src/backup/store.js';
import { runIbk, tempHome } from '../support/run-ibk.js';
// @ts-expect-error plain JavaScript, shared with the process that is killed
import * as phone from '../support/scripted-phone.js';

const { UDID, phoneState, sendState } = phone as {
  UDID: string;
  phoneState: (n: number) => Map<string, Buffer>;
  sendState: (lease: unknown, n: number) => Promise<void>;
};

const cliHome = tempHome();
afterAll(() => rmSync(cliHome, { recursive: true, force: true }));

let home: string;
let root: string;
let outside: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'ibk-hostile-'));
  root = join(home, 'root');
  outside = join(home, 'outside');
  mkdirSync(outside);
  writeFileSync(join(outside, 'kept'), 'not ours');
});
afterEach(() => rm(home, { recursive: true, force: true }));

const own = (path = '') => join(root, '.ibk', UDID, path);

async function backup(n: number): Promise<string> {
  const lease = await new BackupStore(root, UDID).lease({ command: 'test' });
  try {
    await sendState(lease, n);
    return (await lease.commit({ date: Date.UTC(2026, 0, 1, 0, n) })).version.id;
  } finally {
    lease.abort();
  }
}

/** The first line of an error of the built ibk, and its exit status. */
async function ibk(...args: string[]): Promise<{ exit: number | undefined; text: string }> {
  const { exit, stdout, stderr } = await runIbk(cliHome, [...args, '-o', root]);
  return { exit, text: stdout + stderr };
}

function outsideIsAsItWas(): void {
  expect(readdirSync(outside)).toEqual(['kept']);
  expect(readFileSync(join(outside, 'kept'), 'utf8')).toBe('not ours');
}

/** Moves what is there outside and puts a link in its place. */
function linkAway(path: string): void {
  const target = join(home, 'moved');
  if (existsSync(path)) renameSync(path, target);
  mkdirSync(dirname(path), { recursive: true });
  symlinkSync(target, path);
}

test.each([['.ibk'], [`.ibk/${UDID}`]])('%s as a link is refused by everybody, unsafe', async (path) => {
  await backup(1);
  linkAway(join(root, path));
  const before = execFileSync('find', [join(home, 'moved'), '-printf', '%p %s %T@\n']).toString();
  await expect(backup(2)).rejects.toMatchObject({ code: 'unsafe', reason: 'link_in_path' });
  for (const args of [['verify'], ['unlock'], ['doctor']]) {
    const { exit, text } = await ibk(...args);
    expect(text, args.join()).toContain('is a link to another place');
    // Of what doctor finds the first counts: there is no usbmuxd here.
    expect(exit, text).toBe(args[0] === 'doctor' ? 29 : 16);
  }
  const listed = await ibk('list', '--json');
  expect(JSON.parse(listed.text)).toMatchObject({ devices: [{ problem: 'unsafe' }] });
  expect(execFileSync('find', [join(home, 'moved'), '-printf', '%p %s %T@\n']).toString()).toBe(before);
});

test('a link below the store is refused, or removed without being followed', async () => {
  await backup(1);
  await backup(2);
  for (const name of ['lock', 'holder.json', 'catalog.db', 'catalog.db-journal', 'lock-journal']) {
    const kept = existsSync(own(name)) ? readFileSync(own(name)) : undefined;
    rmSync(own(name), { force: true });
    symlinkSync(join(outside, 'kept'), own(name));
    await expect(backup(3), name).rejects.toMatchObject({
      code: 'unsafe',
      details: { path: expect.stringContaining(name) },
    });
    rmSync(own(name));
    if (kept !== undefined) writeFileSync(own(name), kept);
    outsideIsAsItWas();
  }
  for (const name of ['incoming', 'versions', 'aside']) {
    const kept = join(home, 'kept-folder');
    if (existsSync(own(name))) renameSync(own(name), kept);
    symlinkSync(outside, own(name));
    if (name !== 'aside') await expect(backup(3), name).rejects.toMatchObject({ code: 'unsafe' });
    else {
      mkdirSync(join(root, UDID, 'Snapshot'));
      writeFileSync(join(root, UDID, 'Snapshot/x'), '1');
      await expect(backup(3), name).rejects.toMatchObject({ code: 'unsafe' });
    }
    rmSync(own(name));
    if (existsSync(kept)) renameSync(kept, own(name));
    outsideIsAsItWas();
  }
  const head = readdirSync(own()).find((name) => name.startsWith('head.')) ?? '';
  symlinkSync(join(outside, 'kept'), own(`head.${Number(head.slice(5)) + 1}`));
  await backup(3);
  outsideIsAsItWas();
});

test('a lock that is no lock: something written into it, a folder, a pipe', async () => {
  await backup(1);
  writeFileSync(own('lock'), 'x'.repeat(5000));
  expect((await ibk('unlock')).exit).toBe(0);
  await backup(2);
  expect(statSync(own('lock')).size).toBe(0);

  rmSync(own('lock'));
  mkdirSync(own('lock'));
  await expect(backup(3)).rejects.toMatchObject({ code: 'damaged', details: { path: 'lock' } });
  expect((await ibk('unlock')).exit).toBe(13);
  rmSync(own('lock'), { recursive: true });

  for (const name of ['lock', 'holder.json']) {
    rmSync(own(name), { force: true });
    execFileSync('mkfifo', [own(name)]);
    await expect(backup(3), name).rejects.toMatchObject({ code: 'unsafe' });
    expect((await ibk('unlock')).exit, name).toBe(16);
    expect((await ibk('doctor')).text, name).toContain('a link or a device');
    rmSync(own(name));
  }
  mkdirSync(own('holder.json'));
  await expect(backup(3)).rejects.toMatchObject({ code: 'damaged' });
  rmSync(own('holder.json'), { recursive: true });
  writeFileSync(own('holder.json'), Buffer.alloc(50_000_000));
  await backup(3);
  expect(existsSync(own('holder.json'))).toBe(false);
});

interface Record {
  [key: string]: unknown;
}

function rewriteHead(change: (head: Record) => void): () => void {
  const name = readdirSync(own()).find((each) => each.startsWith('head.')) ?? '';
  const kept = readFileSync(own(name));
  const head = JSON.parse(kept.toString().split('\n')[0] ?? '') as Record;
  change(head);
  const line = JSON.stringify(head).replace('"HUGE"', '1e999');
  writeFileSync(own(name), `${line}\n${sha256(`${line}`)}\n`);
  return () => writeFileSync(own(name), kept);
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** The newest list, with one line changed, its checksum and that in the head made to fit. */
function rewriteList(change: (line: Record) => void): () => void {
  let undoList = () => {};
  const undoHead = rewriteHead((head) => {
    const entry = (head['chain'] as Record[]).at(-1) ?? {};
    const path = own(`versions/${entry['id']}/${entry['delta']}`);
    const kept = readFileSync(path, 'utf8');
    const lines = kept.trimEnd().split('\n');
    const changed = JSON.parse(lines[1] ?? '') as Record;
    change(changed);
    lines[1] = JSON.stringify(changed);
    const body = `${lines.slice(0, -1).join('\n')}\n`;
    writeFileSync(path, `${body}${JSON.stringify({ count: lines.length - 2, sha256: sha256(body) })}\n`);
    entry['listSha256'] = sha256(body);
    undoList = () => writeFileSync(path, kept);
  });
  return () => {
    undoHead();
    undoList();
  };
}

test('a forged head is refused, damaged or incompatible, before anything is touched', async () => {
  await backup(1);
  await backup(2);
  const forgeries: [string, (head: Record) => void][] = [
    ['an id that is a path', (head) => Object.assign(head['current'] as object, { id: '../../../outside/kept' })],
    [
      'a list that is a path',
      (head) => Object.assign((head['chain'] as Record[])[0] ?? {}, { delta: '../../../../outside/kept' }),
    ],
    ['a version twice', (head) => (head['chain'] as unknown[]).push((head['chain'] as unknown[])[0])],
    ['another store', (head) => Object.assign(head, { udid: '00008110-AABBCCDDAABBCCDD' })],
    ['a date beyond all dates', (head) => Object.assign(head['current'] as object, { date: 1e300 })],
    ['no number', (head) => Object.assign(head, { sealedAt: 'HUGE' })],
    ['a newer format', (head) => Object.assign(head, { format: 2 })],
    ['an unknown operation', (head) => Object.assign(head, { op: { t: 'burn', path: outside } })],
    [
      'a commit of another state',
      (head) =>
        Object.assign(head, {
          op: {
            t: 'commit',
            phase: 1,
            out: '20200101-000000-k7f29b1e',
            list: 'delta.9',
            listSha256: '0'.repeat(64),
            counts: (head['chain'] as Record[])[0]?.['counts'],
            next: { ...(head['current'] as object), id: '20200101-000000-k7f29b1f' },
          },
        }),
    ],
  ];
  for (const [what, change] of forgeries) {
    const undo = rewriteHead(change);
    const before = readdirSync(own(), { recursive: true }).sort().join();
    const failure = await backup(3).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(failure, what).toMatchObject({ code: expect.stringMatching(/^(damaged|incompatible)$/) });
    expect(readdirSync(own(), { recursive: true }).sort().join(), what).toBe(before);
    expect(() => new BackupStore(root, UDID).history(), what).toThrow(expect.objectContaining({ name: 'IbkError' }));
    undo();
  }
  outsideIsAsItWas();
  await backup(3);
});

test('a forged list is refused by writers and readers', async () => {
  const first = await backup(1);
  await backup(2);
  const forgeries: [string, (line: Record) => void][] = [
    ['a path out of the folder', (line) => Object.assign(line, { p: '../../outside/kept' })],
    ['an absolute path', (line) => Object.assign(line, { p: join(outside, 'kept') })],
    ['a path with a part upward', (line) => Object.assign(line, { p: 'a0/../../../outside/kept' })],
    ['a place out of the store', (line) => Object.assign(line, { k: 'stored', at: '../../../../outside' })],
    ['content from elsewhere', (line) => Object.assign(line, { src: '../../../outside/kept' })],
    ['content from a version', (line) => Object.assign(line, { src: `versions/${first}/files/Info.plist` })],
    ['a size below nothing', (line) => Object.assign(line, { old: { size: -2, mtimeUs: 1, sha256: null } })],
    ['no size', (line) => Object.assign(line, { old: { size: 'x', mtimeUs: 1, sha256: null } })],
    ['out of order', (line) => Object.assign(line, { p: 'zz' })],
  ];
  const catalog = readFileSync(own('catalog.db'));
  for (const [what, change] of forgeries) {
    const undo = rewriteList(change);
    // Without the catalog everybody reads the lists.
    rmSync(own('catalog.db'), { force: true });
    await expect(backup(3), what).rejects.toMatchObject({ code: 'damaged', reason: 'change_list' });
    const store = new BackupStore(root, UDID);
    expect(() => store.open(first, 'Info.plist'), what).toThrow(expect.objectContaining({ code: 'damaged' }));
    undo();
  }
  rmSync(own('catalog.db'), { force: true });
  writeFileSync(own('catalog.db'), catalog);
  outsideIsAsItWas();
  await backup(3);
});

test('a list that is gone is damage, not a bug and not a full disk', async () => {
  const first = await backup(1);
  await backup(2);
  const list = readdirSync(own(`versions/${first}`)).find((name) => name.startsWith('delta.')) ?? '';
  rmSync(own(`versions/${first}/${list}`));
  rmSync(own('catalog.db'));
  await expect(backup(3)).rejects.toMatchObject({ code: 'damaged', reason: 'change_list' });
  expect(() => new BackupStore(root, UDID).open(first, 'Info.plist')).toThrow(
    expect.objectContaining({ code: 'damaged' }),
  );
});

test('a forged catalog opens nothing outside', async () => {
  const first = await backup(1);
  await backup(2);
  const path = [...phoneState(1).keys()].find((name) => name.includes('/')) ?? '';
  const db = new Database(own('catalog.db'));
  db.prepare("UPDATE line SET at = '../../../../outside'").run();
  db.prepare("INSERT INTO cur_file VALUES ('../../outside/kept', 8, 0, NULL)").run();
  db.close();
  const store = new BackupStore(root, UDID);
  const line = ['Info.plist', 'Status.plist', path];
  for (const each of line) {
    try {
      store.open(first, each).close();
    } catch (error) {
      expect(error, each).toMatchObject({ code: expect.stringMatching(/^(unsafe|damaged|not_found)$/) });
    }
  }
  expect((await ibk('verify', '--read-data')).exit).toBe(16);
  outsideIsAsItWas();
});

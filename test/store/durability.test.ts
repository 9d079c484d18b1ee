/** `--durability`: what is forced onto the disk, and what a power cut may cost: the newest backup, never an earlier one. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Durability, StoreWarning } from '../../src/backup/records/context.js';
import { prepareEarlier } from '../../src/backup/earlier.js';
import { BackupStore } from '../../src/backup/store.js';
// @ts-expect-error plain JavaScript, shared with the process that is killed
import * as phone from '../support/scripted-phone.js';

const { UDID, phoneState, sendState } = phone as {
  UDID: string;
  phoneState: (n: number) => Map<string, Buffer>;
  sendState: (lease: unknown, n: number, options?: { full: boolean }) => Promise<void>;
};

let root: string;
let warnings: StoreWarning[];
let changes: string[];
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'ibk-durability-'));
  [warnings, changes] = [[], []];
});
afterEach(() => rm(root, { recursive: true, force: true }));

function store(durability: Durability): BackupStore {
  return new BackupStore(root, UDID, {
    durability,
    onWarning: (warning) => warnings.push(warning),
    beforeChange: (what) => changes.push(what),
  });
}

async function backup(n: number, durability: Durability): Promise<string> {
  const lease = await store(durability).lease({ command: 'test' });
  try {
    const { state } = prepareEarlier(lease);
    await sendState(lease, n, { full: state !== 'finished' });
    return (await lease.commit({ date: Date.UTC(2026, 0, 1, 0, n) })).version.id;
  } finally {
    lease.abort();
  }
}

function head(): { path: string; record: { unsynced: { boot: string } | null } } {
  const own = join(root, '.ibk', UDID);
  const path = join(own, readdirSync(own).find((name) => name.startsWith('head.')) ?? '');
  return { path, record: JSON.parse(readFileSync(path, 'utf8').split('\n')[0] ?? '') };
}

/** As after a new start of the computer. */
function restartComputer(): void {
  const { path, record } = head();
  const line = JSON.stringify({ ...record, unsynced: { boot: 'the start before' } });
  writeFileSync(path, `${line}\n${createHash('sha256').update(line).digest('hex')}\n`);
}

function reads(version: string, path: string): Buffer | string {
  try {
    const file = store('full').open(version, path);
    const bytes = Buffer.alloc(file.stat().sizeBytes);
    file.read(bytes, 0);
    file.close();
    return bytes;
  } catch (error) {
    return error instanceof Error && 'reason' in error ? String(error.reason) : String(error);
  }
}

test('relaxed leaves the content to the disk, none everything, and the head says so', async () => {
  await backup(1, 'full');
  expect(changes).toContain('syncfs');
  expect(head().record.unsynced).toBeNull();
  changes = [];
  await backup(2, 'relaxed');
  expect(changes).not.toContain('syncfs');
  expect(changes).toContain('fsync-dir');
  expect(head().record.unsynced).toEqual({ boot: expect.any(String) });
});

test('a power cut after a relaxed backup: what is torn is found, told and sent again; the version before is whole', async () => {
  const before = await backup(1, 'full');
  const cut = await backup(2, 'relaxed');
  const changed = [...phoneState(2)].filter(([path, content]) => {
    const old = phoneState(1).get(path);
    return path.length === 43 && content.length > 0 && old !== undefined && !old.equals(content);
  });
  const [torn = '', empty = ''] = changed.map(([path]) => path);
  restartComputer();
  truncateSync(join(root, UDID, torn), 1);
  truncateSync(join(root, UDID, empty), 0);
  (await store('relaxed').lease({ command: 'test' })).abort();
  expect(warnings).toEqual([{ kind: 'power_cut', message: expect.stringContaining('2 files of the last backup') }]);
  expect(head().record.unsynced).toBeNull();
  const [newest, , oldest] = store('full').versions();
  expect(newest).toMatchObject({ current: true, complete: false });
  expect(oldest?.id).toBe(before);
  for (const [path, content] of phoneState(1)) expect(reads(before, path), path).toEqual(content);
  for (const [path, content] of phoneState(2))
    expect(reads(cut, path), path).toEqual(path === torn || path === empty ? 'lost' : content);

  const next = await backup(3, 'relaxed');
  expect(
    store('full')
      .versions()
      .map(({ id }) => id),
  ).toEqual([next, cut, before]);
  for (const [path, content] of phoneState(3)) expect(reads(next, path), path).toEqual(content);
});

test('nothing torn: the head forgets it, also after the very first backup and without a catalog', async () => {
  await backup(1, 'none');
  restartComputer();
  rmSync(join(root, '.ibk', UDID, 'catalog.db'));
  (await store('full').lease({ command: 'test' })).abort();
  expect(head().record.unsynced).toBeNull();
  expect(warnings).toEqual([]);

  await backup(2, 'relaxed');
  (await store('full').lease({ command: 'test' })).abort();
  expect(head().record.unsynced).toBeNull();
});

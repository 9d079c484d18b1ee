/** A sync that begins while more is received: it may only ever make the last one shorter. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { DiskFileSystem } from '../../src/backup/disk/disk-file-system.js';
import { DiskSync } from '../../src/backup/disk/disk-sync.js';
import { Incoming } from '../../src/backup/receive/incoming.js';
import { StoreLayout } from '../../src/backup/records/layout.js';

const MiB = 1024 * 1024;
const layout = new StoreLayout('0'.repeat(40));
let root: string;
/** With another number than that of the temp folder. */
const otherDisk = ['/dev/shm', '/var/tmp'].find(
  (each) => existsSync(each) && statSync(each).dev !== statSync(tmpdir()).dev,
);

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'ibk-disk-sync-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** `sync -f` cannot open it, and fails as it does after a failed write. */
async function failsToSync(folder = root): Promise<{ folder: string; path: string; close(): void }> {
  const server = createServer();
  const path = join(folder, 'socket');
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return { folder, path, close: () => server.close() };
}

/** Process numbers of the programs that this one runs for a path. */
function childrenFor(path: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const isOurs = readFileSync(`/proc/${pid}/status`, 'utf8').includes(`\nPPid:\t${process.pid}\n`);
        return isOurs && readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(path);
      } catch {
        return false;
      }
    })
    .map(Number);
}

describe.runIf(process.platform === 'linux')(
  'a write that failed is told once by the system, and by ibk to everyone',
  () => {
    test('who asks while it fails, or later, hears of it, and so does another backup that was under way', async () => {
      const [own, other] = [new DiskSync(), new DiskSync()];
      const bad = await failsToSync();
      own.early(bad.path).begin();
      await expect(own.all(root)).rejects.toMatchObject({ code: 'EIO' });
      await expect(own.all(root)).rejects.toMatchObject({ code: 'EIO' });
      await expect(other.all(root)).rejects.toMatchObject({ code: 'EIO' });
      // What begins now has written nothing yet.
      expect(await new DiskSync().all(root)).toBe(true);
      bad.close();
    });

    test('a path is that of this program, wherever its shell is', async () => {
      expect(await new DiskSync().all('src')).toBe(true);
      const sync = new DiskSync();
      sync.early('src').begin();
      expect(await sync.all('src')).toBe(true);
    });

    test('where it never works, nothing is known', async () => {
      const bad = await failsToSync();
      expect(await new DiskSync().all(bad.path)).toBe(false);
      bad.close();
      expect(await new DiskSync().all(join(root, 'not there'))).toBe(false);
    });

    test.runIf(otherDisk !== undefined)(
      'on what may be the same disk under another number, each file is to be synced by itself',
      async () => {
        const sync = new DiskSync();
        const bad = await failsToSync(mkdtempSync(join(otherDisk ?? '', 'ibk-disk-sync-')));
        sync.early(bad.path).begin();
        await expect(new DiskSync().all(bad.folder)).rejects.toMatchObject({ code: 'EIO' });
        expect(await sync.all(root)).toBe(false);
        bad.close();
        rmSync(bad.folder, { recursive: true });
      },
    );

    test('one shell serves a backup for all its early syncs, and ends with it', async () => {
      const sync = new DiskSync();
      const early = sync.early(root);
      early.begin();
      const shell = childrenFor(root);
      expect(shell).toHaveLength(1);
      for (let i = 0; i < 3; i++) {
        expect(await sync.all(tmpdir())).toBe(true);
        early.begin();
        expect(childrenFor(root)).toEqual(shell);
      }
      early.close();
      await vi.waitFor(() => expect(childrenFor(root)).toEqual([]));
      early.begin();
      expect(childrenFor(root)).toHaveLength(1);
      early.close();
      expect(await sync.all(tmpdir())).toBe(true);
      await vi.waitFor(() => expect(childrenFor(root)).toEqual([]));
    });

    test('what a sync was told that was killed is not known: each file is to be synced by itself', async () => {
      const sync = new DiskSync();
      const early = sync.early(root);
      early.begin();
      expect(await sync.all(tmpdir())).toBe(true);
      const [shell = 0] = childrenFor(root);
      process.kill(shell, 'SIGSTOP');
      early.begin();
      process.kill(shell, 'SIGKILL');
      expect(await sync.all(tmpdir())).toBe(false);
      // It is gone, and has nothing to lose.
      early.begin();
      expect(await new DiskSync().all(tmpdir())).toBe(true);
      early.close();
    });

    test('one that went well leaves the last one to say so', async () => {
      const sync = new DiskSync();
      const bad = await failsToSync();
      sync.early(root).begin();
      sync.early(bad.path).begin(); // While one runs, no other is begun.
      expect(await sync.all(root)).toBe(true);
      bad.close();
    });
  },
);

test('begins with every 128 MiB, where that is wanted', async () => {
  const receive = async (options: { syncsEarly?: boolean }): Promise<number> => {
    const fs = new DiskFileSystem(root, { syncs: false });
    const begin = vi.fn();
    vi.spyOn(fs, 'earlySync').mockReturnValue({ begin, close: () => {} });
    const folder = join(root, layout.inOwn('incoming'));
    mkdirSync(folder, { recursive: true });
    const incoming = new Incoming(fs, layout, options);
    const writer = incoming.begin();
    const chunk = Buffer.alloc(MiB, 1);
    for (let i = 0; i < 130; i++) await writer.write(chunk);
    await writer.finish(() => {});
    incoming.close();
    rmSync(folder, { recursive: true });
    return begin.mock.calls.length;
  };
  expect(await receive({})).toBe(0);
  expect(await receive({ syncsEarly: true })).toBe(1);
});

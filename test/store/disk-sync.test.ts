/** A sync that begins while more is received: it may only ever make the last one shorter. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { DiskFileSystem } from '../../src/backup/disk/disk-file-system.js';
import { DiskSync } from '../../src/backup/disk/disk-sync.js';
import { Incoming } from '../../src/backup/receive/incoming.js';
import { StoreLayout } from '../../src/backup/records/layout.js';

const MiB = 1024 * 1024;
const layout = new StoreLayout('0'.repeat(40));
let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'ibk-disk-sync-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

test.runIf(process.platform === 'linux')('one that failed on the way is never taken for done', async () => {
  const sync = new DiskSync();
  expect(await sync.all(root)).toBe(true);
  sync.begin(join(root, 'not there'));
  // Asked while it runs, and again when it has ended: what it may have been told, nobody is told a second time.
  expect(await sync.all(root)).toBe(false);
  expect(await sync.all(root)).toBe(false);
});

test.runIf(process.platform === 'linux')('one that went well leaves the last one to say so', async () => {
  const sync = new DiskSync();
  sync.begin(root);
  sync.begin(join(root, 'not there')); // While one runs, no other is begun.
  expect(await sync.all(root)).toBe(true);
});

test('begins with every 256 pieces of a large file, where that is wanted', async () => {
  const receive = async (options: { syncsEarly?: boolean }): Promise<number> => {
    const fs = new DiskFileSystem(root, { syncs: false });
    const begun = vi.spyOn(fs, 'beginSync');
    const folder = join(root, layout.inOwn('incoming'));
    mkdirSync(folder, { recursive: true });
    const incoming = new Incoming(fs, layout, options);
    const writer = incoming.begin();
    const chunk = Buffer.alloc(MiB, 1);
    for (let i = 0; i < 260; i++) await writer.write(chunk);
    await writer.finish(() => {});
    incoming.close();
    rmSync(folder, { recursive: true });
    return begun.mock.calls.length;
  };
  expect(await receive({})).toBe(0);
  expect(await receive({ syncsEarly: true })).toBe(1);
});

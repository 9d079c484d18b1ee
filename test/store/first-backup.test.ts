/** The commit of a first backup of several batches stops in the middle: after the next start the folder and the catalog hold all of it. */
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { Catalog } from '../../src/backup/records/catalog.js';
import { commitOverlay } from '../../src/backup/commit/commit.js';
import { storeContext } from '../../src/backup/records/context.js';
import { DiskFileSystem } from '../../src/backup/disk/disk-file-system.js';
import type { DatabaseUse, StoreDatabase, StoreFileSystem } from '../../src/backup/disk/file-system.js';
import { StoreLayout } from '../../src/backup/records/layout.js';
import { LEAST_FOR_THREAD } from '../../src/backup/disk/move-thread.js';
import { Overlay } from '../../src/backup/receive/overlay.js';
import { recoverStore } from '../../src/backup/commit/recovery.js';
import { type CrashKind, MemoryFileSystem } from '../support/memory-file-system.js';
import { Random } from '../support/random.js';

const layout = new StoreLayout('00008110-00112233aabbccdd');
const contentOf = (path: string) => `content of ${path}`;
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

function pathsOf(count: number): string[] {
  const names = Array.from({ length: count }, (_, at) => sha256(String(at)).slice(0, 40));
  return [...names.map((name) => `${name.slice(0, 1)}0/${name}`), 'Info.plist', 'Manifest.db', 'Status.plist'].sort();
}

function contextOf(fs: StoreFileSystem) {
  return storeContext(fs, layout, {
    now: () => Date.UTC(2026, 10, 21),
    describe: (read) => ({ date: undefined, complete: read('Status.plist', 1024) !== undefined }),
  });
}

/** @param onDecided from here on the commit is rolled forward */
async function backUp(fs: StoreFileSystem, paths: readonly string[], onDecided: () => void): Promise<void> {
  const ctx = contextOf(fs);
  const { head, catalog } = await recoverStore(ctx);
  try {
    const overlay = new Overlay(ctx, catalog);
    for (const path of paths) {
      const writer = overlay.begin(path);
      writer.write(Buffer.from(contentOf(path)));
      await overlay.place(path, writer);
    }
    await overlay.settle();
    await commitOverlay(ctx, catalog, head, overlay, { date: 1_000 }, onDecided);
  } finally {
    catalog.close();
  }
}

/** After the next start. */
async function expectWhole(fs: StoreFileSystem, paths: readonly string[]): Promise<void> {
  const { head, catalog } = await recoverStore(contextOf(fs));
  try {
    expect(head.op).toBeNull();
    expect(catalog.current).toBe(head.current?.id);
    expect(head.chain).toEqual([]);
    expect(catalog.pathsAfter('', '', paths.length + 1).sort()).toEqual(paths);
    const wrong = paths.filter((path) => {
      const text = contentOf(path);
      const [stat, row] = [fs.stat(layout.inFolder(path)), catalog.file(path)];
      const isThere = stat?.kind === 'file' && stat.sizeBytes === text.length;
      return !isThere || row?.size !== text.length || row.mtimeUs !== stat.mtimeUs || row.sha256 !== sha256(text);
    });
    expect(wrong).toEqual([]);
  } finally {
    catalog.close();
  }
}

function expectNoRows(fs: StoreFileSystem): void {
  const handle = fs.openDatabase(layout.inOwn('catalog.db'), 'read');
  if (handle === undefined) throw new Error('no catalog');
  const catalog = new Catalog(handle, 'read');
  expect([catalog.current, catalog.pathsAfter('', '', 1)]).toEqual([undefined, []]);
  catalog.close();
}

test.each<CrashKind>(['kill', 'ordered', 'unordered'])('a crash between the batches, %s', async (kind) => {
  const paths = pathsOf(1_300);
  for (const after of [3, 540, 1_100, 1_320, 1_335]) {
    const fs = new MemoryFileSystem(new Random(after), kind !== 'unordered', true);
    const crash = backUp(fs, paths, () => {
      fs.crashAt = fs.operations + after;
    });
    await crash.then(
      () => {
        throw new Error(`no crash after ${after}`);
      },
      () => {},
    );
    fs.crash(kind);
    await expectWhole(fs, paths);
  }
});

test('a disk that fails while the thread moves', async () => {
  const paths = pathsOf(LEAST_FOR_THREAD + 1_000);
  // In the second batch, in the last one, at the barrier, at Status.plist.
  for (const [stop, isMoving] of [
    ['rename 700', true],
    [`rename ${paths.length - 5}`, true],
    ['fsync-dir 12', false],
    [`rename ${paths.length}`, false],
  ] as const) {
    const root = mkdtempSync(join(tmpdir(), 'ibk-first-'));
    afterAll(() => rmSync(root, { recursive: true, force: true }));
    const isThere = (path: string) => existsSync(join(root, layout.inFolder(path)));
    let isDecided = false;
    let leftAtBarrier: number | undefined;
    const counts = new Map<string, number>();
    const beforeChange = (what: string) => {
      if (!isDecided) return;
      if (what === 'fsync-dir' && counts.has('rename')) leftAtBarrier ??= paths.filter((path) => !isThere(path)).length;
      counts.set(what, (counts.get(what) ?? 0) + 1);
      if (`${what} ${counts.get(what)}` === stop) throw Object.assign(new Error('EIO'), { code: 'EIO' });
    };
    const failing = new DiskFileSystem(root, { beforeChange, syncs: false });
    const failed = backUp(failing, paths, () => {
      isDecided = true;
    });
    await expect(failed, stop).rejects.toMatchObject({ code: 'EIO' });
    // Manifest.db and the property lists come after it.
    expect(leftAtBarrier, stop).toBe(isMoving ? undefined : 3);
    const fs = new DiskFileSystem(root, { syncs: false });
    expectNoRows(fs);
    await expectWhole(fs, paths);
  }
});

test('no room for the catalog keeps no file from its place', async () => {
  const paths = pathsOf(1_300);
  class Small extends MemoryFileSystem {
    pages = 20;
    override openDatabase(path: string, use: DatabaseUse): StoreDatabase | undefined {
      const handle = super.openDatabase(path, use);
      if (use === 'catalog') handle?.db.pragma(`max_page_count = ${this.pages}`);
      return handle;
    }
  }
  const fs = new Small(new Random(1), true, true);
  await expect(backUp(fs, paths, () => {})).rejects.toMatchObject({ code: 'SQLITE_FULL' });
  expect(fs.filesBelow(layout.folder)).toEqual(paths.map((path) => layout.inFolder(path)));
  fs.pages = 1_000_000;
  await expectWhole(fs, paths);
});

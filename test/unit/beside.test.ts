/** Versions that come into being in a folder of their own: what they store, what they share, and what is left of one that fails. */
import { beforeEach, expect, test } from 'vitest';
import { VersionBuilder } from '../../src/backup/commit/build-version.js';
import { commitOverlay } from '../../src/backup/commit/commit.js';
import { type StoreContext, storeContext } from '../../src/backup/records/context.js';
import { editVersion } from '../../src/backup/commit/edit-version.js';
import { StoreLayout } from '../../src/backup/records/layout.js';
import { Overlay } from '../../src/backup/receive/overlay.js';
import { type OpenedStore, recoverStore } from '../../src/backup/commit/recovery.js';
import { VersionReader } from '../../src/backup/versions/resolve.js';
import { layOver, takeInBelow } from '../../src/backup/take-in.js';
import { MemoryFileSystem } from '../support/memory-file-system.js';
import { memorySource } from '../support/memory-source.js';
import { Random } from '../support/random.js';

const file = (digit: string) => `${digit}${digit}/${digit.repeat(40)}`;
const METADATA = { 'Info.plist': 'info', 'Manifest.db': 'manifest', 'Status.plist': 'status' };
const treeOf = (files: Record<string, string>) => new Map(Object.entries({ ...METADATA, ...files }));

let fs: MemoryFileSystem;
let ctx: StoreContext;
beforeEach(() => {
  fs = new MemoryFileSystem(new Random(1), true, true);
  let [clock, ids] = [Date.UTC(2026, 10, 21), 0];
  ctx = storeContext(fs, new StoreLayout('00008110-00112233aabbccdd'), {
    now: () => {
      clock += 1000;
      return clock;
    },
    newShortId: () => {
      ids += 1;
      return `k${String(ids).padStart(7, '0')}`;
    },
    describe: () => ({ date: undefined, complete: true }),
    pause: () => undefined,
  });
});

async function withStore<T>(work: (store: OpenedStore) => Promise<T>): Promise<T> {
  const store = await recoverStore(ctx);
  try {
    return await work(store);
  } finally {
    store.catalog.close();
  }
}

const becomesNewest = (tree: Map<string, string>, told: { file: number; kept: number } = { file: 0, kept: 0 }) =>
  withStore(async ({ head, catalog }) => {
    const overlay = new Overlay(ctx, catalog);
    const onFile = (_: number, isKept: boolean) => {
      if (isKept) told.kept += 1;
      else told.file += 1;
    };
    await layOver(ctx, catalog, overlay, memorySource(tree, true), { onFile });
    const { result } = await commitOverlay(ctx, catalog, head, overlay, { date: ctx.now() });
    overlay.close();
    return result.version.id;
  });

const becomesOldest = (source: ReturnType<typeof memorySource>) =>
  withStore(({ head, catalog }) =>
    takeInBelow(ctx, catalog, head, source, { date: 1000, ios: '16.2', encrypted: false }, {}),
  );

const edited = (of: string, changes: Record<string, string | null>) =>
  withStore(async ({ head, catalog }) => {
    const pieces = Object.entries(changes).map(
      ([path, content]) => [path, content === null ? null : once(content)] as const,
    );
    return (await editVersion(ctx, catalog, head, of, new Map(pieces))).entry;
  });

async function* once(content: string): AsyncGenerator<Buffer, void> {
  yield Buffer.from(content);
}

function contentOf(version: string, path: string): string | undefined {
  const reader = new VersionReader(ctx);
  const reading = reader.open(version, path);
  if (reading.state !== 'found') return undefined;
  const bytes = Buffer.alloc(reading.file.stat().sizeBytes);
  reading.file.read(bytes, 0);
  reading.file.close();
  reader.close();
  return bytes.toString();
}

/** Of a version's folder, without what describes it. */
const storedIn = (version: string) =>
  fs
    .filesBelow(`${ctx.layout.version(version)}/files`)
    .map((path) => path.slice(ctx.layout.version(version).length + '/files/'.length));

test('laid over the newest backup only what differs is copied, and what only that has goes', async () => {
  const first = await becomesNewest(treeOf({ [file('a')]: 'a', [file('b')]: 'b' }));
  const told = { file: 0, kept: 0 };
  const second = await becomesNewest(treeOf({ [file('b')]: 'b', [file('c')]: 'c', 'Manifest.db': 'other' }), told);
  // c, Manifest.db, and Status.plist, which every commit replaces.
  expect(told).toEqual({ file: 3, kept: 2 });
  expect(contentOf(second, file('a'))).toBe(undefined);
  expect(contentOf(first, file('a'))).toBe('a');
});

test('below all others a backup stores what the oldest has not, and nothing that was there changes', async () => {
  const newest = await becomesNewest(treeOf({ [file('a')]: 'a', [file('b')]: 'b' }));
  const { chain, current } = await becomesOldest(
    memorySource(treeOf({ [file('a')]: 'other', [file('c')]: 'c', 'Manifest.db': 'older' }), false),
  );
  expect(current?.id).toBe(newest);
  expect(chain).toMatchObject([{ facts: { ios: '16.2', files: 2, bytes: 6, metadataBytes: 15 } }]);
  const id = chain[0]?.id ?? '';
  expect(storedIn(id)).toEqual(['Manifest.db', file('a'), file('c')]);
  expect([file('a'), file('b'), file('c'), 'Info.plist'].map((path) => contentOf(id, path))).toEqual([
    'other',
    undefined,
    'c',
    'info',
  ]);
  expect(contentOf(newest, file('b'))).toBe('b');
});

test('of a backup with a file that cannot be read nothing is left', async () => {
  await becomesNewest(treeOf({ [file('a')]: 'a' }));
  const before = fs.filesBelow('');
  const source = memorySource(treeOf({ [file('b')]: 'b', [file('c')]: 'c' }), false);
  const broken = { ...source, open: (path: string) => (path === file('c') ? undefined : source.open(path)) };
  await expect(becomesOldest(broken)).rejects.toMatchObject({ code: 'damaged', reason: 'missing_files' });
  expect(fs.filesBelow('')).toEqual(before);
  expect(fs.list(ctx.layout.inOwn('versions'))).toEqual([]);
});

test('a copy of a copy shares what the first put there, and both say what they hold', async () => {
  const base = await becomesNewest(treeOf({ [file('a')]: 'a', [file('b')]: 'b' }));
  const one = await edited(base, { [file('c')]: 'put', [file('a')]: null, [file('d')]: null });
  const two = await edited(one.id, { [file('c')]: 'put again', [file('b')]: null });
  const three = await edited(one.id, { [file('b')]: 'bb' });
  expect([one, two, three].map(({ facts: { files, bytes } }) => [files, bytes])).toEqual([
    [2, 4],
    [1, 9],
    [2, 5],
  ]);
  expect([one, two, three].map((copy) => copy.base)).toEqual([base, base, base]);
  // d was never there: no line says so.
  expect(one.counts).toMatchObject({ added: 1, removed: 1, replaced: 0 });
  expect(storedIn(three.id)).toEqual([file('b')]);
  expect(contentOf(three.id, file('c'))).toBe('put');
  expect([file('a'), file('b'), file('c')].map((path) => contentOf(two.id, path))).toEqual([
    undefined,
    undefined,
    'put again',
  ]);
  expect(contentOf(base, file('a'))).toBe('a');
});

test('an edit whose new content fails leaves nothing; of no version there is none', async () => {
  const base = await becomesNewest(treeOf({ [file('a')]: 'a' }));
  const before = fs.filesBelow('');
  async function* failing(): AsyncGenerator<Buffer, void> {
    yield Buffer.from('half');
    throw new Error('the file is gone');
  }
  const changes = new Map([[file('b'), failing()]]);
  const edit = (of: string) => withStore(({ head, catalog }) => editVersion(ctx, catalog, head, of, changes));
  await expect(edit(base)).rejects.toThrow('the file is gone');
  expect(fs.filesBelow('')).toEqual(before);
  await expect(edit('20200101-000000-kkkkkkkk')).rejects.toMatchObject({ code: 'not_found', reason: 'version' });
});

test('what is being built is marked as such until a head names it', async () => {
  const newest = await becomesNewest(treeOf({}));
  const id = '20200101-000000-kkkkkkkk';
  const marker = `${ctx.layout.version(id)}/building`;
  const builder = await VersionBuilder.begin(ctx, id, 'delta.99', newest);
  builder.add(file('a'), await builder.put(file('a'), once('a')), null);
  expect(fs.bytesOf(marker)).toEqual(Buffer.alloc(0));
  // A run that ends here leaves it to the next start.
  await withStore(async () => {});
  expect(fs.filesBelow(ctx.layout.version(id))).toEqual([]);
  expect(fs.bytesOf(marker)).toBe(undefined);
});

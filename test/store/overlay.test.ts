/** What a device sees while it is being received, against the folder beneath. */
import { beforeEach, expect, test } from 'vitest';
import { commitOverlay } from '../../src/backup/commit/commit.js';
import { storeContext, type StoreWarning } from '../../src/backup/records/context.js';
import { StoreLayout } from '../../src/backup/records/layout.js';
import { Overlay } from '../../src/backup/receive/overlay.js';
import { type OpenedStore, recoverStore } from '../../src/backup/commit/recovery.js';
import { VersionReader } from '../../src/backup/versions/resolve.js';
import { MemoryFileSystem } from '../support/memory-file-system.js';
import { Random } from '../support/random.js';

const UDID = '00008110-00112233aabbccdd';
const A = `aa/${'aa'.padEnd(40, '1')}`;
const B = `bb/${'bb'.padEnd(40, '2')}`;
const layout = new StoreLayout(UDID);

let fs: MemoryFileSystem;
let opened: OpenedStore;
let overlay: Overlay;
let warnings: StoreWarning[];

async function begin(): Promise<void> {
  warnings = [];
  const ctx = context();
  opened = await recoverStore(ctx);
  overlay = new Overlay(ctx, opened.catalog);
}

function context() {
  return storeContext(fs, layout, {
    now: () => 1_000,
    describe: (read) => ({ date: undefined, complete: read('Status.plist', 1024) !== undefined }),
    pause: () => undefined,
    warn: (warning) => warnings.push(warning),
  });
}

async function commit(): Promise<void> {
  send('Status.plist', `status ${fs.operations}`);
  await commitOverlay(context(), opened.catalog, opened.head, overlay, { date: 1_000 });
  opened.catalog.close();
  await begin();
}

function send(path: string, content: string): void {
  const writer = overlay.begin(path);
  writer.write(Buffer.from(content));
  overlay.place(path, writer);
}

function read(path: string): string {
  const file = overlay.open(path);
  const bytes = Buffer.alloc(file.stat().sizeBytes);
  file.read(bytes, 0);
  return bytes.toString();
}

const names = (folder: string): string[] =>
  overlay
    .list(folder)
    .map(({ name }) => name)
    .sort();
const inFolder = (path: string): string | undefined => fs.bytesOf(layout.inFolder(path))?.toString();

beforeEach(async () => {
  fs = new MemoryFileSystem(new Random(1), true, true);
  await begin();
  send(A, 'old a');
  send(B, 'old b');
  send('Manifest.db', 'old manifest');
  await commit();
});

test('what is sent is seen at once, and the folder is as it was', () => {
  send(A, 'new a');
  expect(read(A)).toBe('new a');
  expect(read(B)).toBe('old b');
  expect(inFolder(A)).toBe('old a');
});

test('a file that is being received does not replace the old one before it is whole', () => {
  const writer = overlay.begin(A);
  writer.write(Buffer.from('half'));
  expect(read(A)).toBe('old a');
  void writer.discard();
  expect(read(A)).toBe('old a');
});

test('a listing shows both layers, without Snapshot of the folder and what computers leave there', () => {
  fs.overwrite(layout.inFolder('.DS_Store'), Buffer.from('x'));
  fs.overwrite(layout.inFolder('Snapshot/old'), Buffer.from('x'));
  send('Snapshot/Manifest.db', 'new');
  expect(names('')).toEqual(['Manifest.db', 'Snapshot', 'Status.plist', 'aa', 'bb']);
  expect(names('Snapshot')).toEqual(['Manifest.db']);
  expect(names('nothing')).toEqual([]);
  expect(overlay.list('aa')).toMatchObject([{ type: 'file', sizeBytes: 5 }]);
});

test('the files of a folder by name', () => {
  send('Info.plist', 'new');
  overlay.remove('Manifest.db');
  expect([...overlay.fileNames('')].sort()).toEqual(['Info.plist', 'Status.plist']);
  expect(overlay.fileNames('aa')).toEqual(new Set([A.slice(3)]));
  overlay.remove('aa');
  expect(overlay.fileNames('aa').size).toBe(0);
});

test('a removed folder hides what lies in it, also when it is made again', async () => {
  overlay.remove('aa');
  expect(names('')).not.toContain('aa');
  expect(() => overlay.open(A)).toThrow(expect.objectContaining({ code: 'ENOENT' }));
  overlay.makeDirectory('aa');
  expect(names('aa')).toEqual([]);
  await commit();
  expect(inFolder(A)).toBeUndefined();
  expect(inFolder(B)).toBe('old b');
});

test('removing what is not there is success', () => {
  overlay.remove('Snapshot');
  overlay.remove(`cc/${'c'.repeat(40)}`);
});

test('moving out of Snapshot replaces, and leaves nothing behind', async () => {
  send(`Snapshot/${A}`, 'new a');
  overlay.move(`Snapshot/${A}`, A);
  expect(names('Snapshot/aa')).toEqual([]);
  await commit();
  expect(inFolder(A)).toBe('new a');
});

test('moving a whole folder', async () => {
  send(`Snapshot/${A}`, 'new a');
  overlay.move('Snapshot/aa', 'aa');
  expect(read(A)).toBe('new a');
  await commit();
  expect(inFolder(A)).toBe('new a');
});

test('a finished file moved to another name keeps its bytes, and the old version its own', async () => {
  const target = `bb/${'bb'.padEnd(40, '3')}`;
  overlay.move(A, target);
  expect(() => overlay.open(A)).toThrow(expect.objectContaining({ code: 'ENOENT' }));
  expect(read(target)).toBe('old a');
  await commit();
  expect(inFolder(target)).toBe('old a');
  expect(inFolder(A)).toBeUndefined();
});

test('a copy is a file of its own', async () => {
  const target = `aa/${'aa'.padEnd(40, '9')}`;
  overlay.copy(A, target);
  send(A, 'new a');
  expect(read(target)).toBe('old a');
  await commit();
  expect([inFolder(A), inFolder(target)]).toEqual(['new a', 'old a']);
});

test('there and back again is no change', async () => {
  overlay.move(A, `cc/${'c'.repeat(40)}`);
  overlay.move(`cc/${'c'.repeat(40)}`, A);
  await commit();
  expect(opened.head.chain.at(-1)?.counts).toMatchObject({ added: 0, replaced: 1, removed: 0 });
});

test('equal content sent again is no change', async () => {
  send(A, 'old a');
  await commit();
  expect(opened.head.chain.at(-1)?.counts).toMatchObject({ added: 0, replaced: 1, removed: 0 });
});

test('the content of a file that is sent twice is kept once', () => {
  send(A, 'first');
  send(A, 'second');
  overlay.remove(A);
  expect(fs.filesBelow(layout.inOwn('incoming'))).toEqual([layout.inOwn('incoming/index.db')]);
});

test.each([
  ['EINVAL', `aa/${'AA'.padEnd(40, '1')}`],
  ['EINVAL', 'manifest.db'],
  ['EINVAL', 'SNAPSHOT/x'],
  ['EINVAL', 'aux'],
  ['EINVAL', 'a:b'],
  ['EINVAL', 'ends with a dot.'],
  ['EINVAL', 'x'.repeat(256)],
  ['EINVAL', 'a/b/c/d/e/f/g/h/i'],
  ['EINVAL', 'control\u0007'],
  ['EISDIR', ''],
  ['EISDIR', 'aa'],
  ['ENOTDIR', `${A}/inside`],
])('refuses with %s: %s', (code, path) => {
  expect(() => overlay.begin(path)).toThrow(expect.objectContaining({ code }));
});

test('two names that differ in case only are one too many', () => {
  send('Notes.txt', 'x');
  expect(() => overlay.begin('notes.TXT')).toThrow(expect.objectContaining({ code: 'EEXIST' }));
});

test('an unknown but plain name is kept, with a warning; Snapshot is not', async () => {
  send('extra/Notes.txt', 'x');
  send(`Snapshot/${B}`, 'forgotten');
  await commitOverlay(context(), opened.catalog, opened.head, overlay, { date: 1 });
  expect(inFolder('extra/Notes.txt')).toBe('x');
  expect(inFolder(B)).toBe('old b');
  expect(warnings.map(({ kind }) => kind).sort()).toEqual(['snapshot_dropped', 'unknown_name']);
});

test('another program during a run stops the commit and loses nothing', async () => {
  send(A, 'new a');
  fs.overwrite(layout.inFolder('Status.plist'), Buffer.from('foreign'));
  await expect(commitOverlay(context(), opened.catalog, opened.head, overlay, { date: 1 })).rejects.toMatchObject({
    code: 'in_use',
    reason: 'foreign_change',
  });
  expect([inFolder(A), inFolder('Status.plist')]).toEqual(['old a', 'foreign']);
});

test('another program in the middle of the commit: both states are kept, and its file is not taken for ours', async () => {
  send(A, 'new a');
  send('Manifest.db', 'new manifest');
  send('Status.plist', 'new status');
  fs.hook = () => {
    if (inFolder('Manifest.db') !== undefined) return;
    fs.hook = undefined;
    fs.overwrite(layout.inFolder('Manifest.db'), Buffer.from('foreign manifest'));
  };
  const { head, result } = await commitOverlay(context(), opened.catalog, opened.head, overlay, { date: 1 });
  expect(head.current).toMatchObject({ origin: 'foreign' });
  expect(inFolder('Manifest.db')).toBe('foreign manifest');
  const reader = new VersionReader(context());
  const reading = reader.open(result.version.id, 'Manifest.db');
  if (reading.state !== 'found') throw new Error(reading.state);
  const bytes = Buffer.alloc(reading.file.stat().sizeBytes);
  reading.file.read(bytes, 0);
  expect(bytes.toString()).toBe('new manifest');
});

/** Extraction into a folder on a real disk, out of a backup in memory: names, links, hostile records, what stands in the way, failures. */
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, describe, expect, test } from 'vitest';
import { IbkError } from '../../src/errors.js';
import { extract, type ExtractOptions } from '../../src/operations/extract/extract.js';
import type { ExtractReport } from '../../src/operations/extract/report.js';
import { FolderTarget, type Overwrite } from '../../src/output/folder-target.js';
import { POSIX_PLACE, STRICTEST_PLACE } from '../../src/output/name-rules.js';
import { damaged, type FakeFile, fakeSource } from '../support/fake-source.js';

const scratch = mkdtempSync(join(tmpdir(), 'ibk-extract-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
let count = 0;

/** An empty folder with a neighbour that nothing may touch. */
function newPlace(): string {
  const top = join(scratch, String(count++), 'to');
  mkdirSync(top, { recursive: true });
  writeFileSync(join(top, '../secret'), 'untouched');
  return top;
}

interface TryOptions extends Partial<ExtractOptions> {
  readonly overwrite?: Overwrite;
  readonly top?: string;
  readonly umask?: number;
}

async function tryExtract(
  files: readonly FakeFile[],
  { overwrite = 'never', top = newPlace(), umask = 0o022, ...options }: TryOptions = {},
): Promise<{ top: string; report: ExtractReport; tree: string[] }> {
  const target = new FolderTarget(top, readdirSync(top).length === 0, { overwrite, platform: 'linux', umask });
  const report = await extract(fakeSource(files), target, {
    layout: 'domain',
    withoutDomain: true,
    names: 'auto',
    place: POSIX_PLACE,
    ...options,
  });
  expect(readFileSync(join(top, '../secret'), 'utf8')).toBe('untouched');
  return { top, report, tree: treeOf(top) };
}

/** Links are not followed, as `readdirSync` of a tree would. */
function treeOf(top: string, below = ''): string[] {
  return readdirSync(join(top, below), { withFileTypes: true })
    .flatMap((entry) => {
      const path = below === '' ? entry.name : `${below}/${entry.name}`;
      return entry.isDirectory() ? [path, ...treeOf(top, path)] : [path];
    })
    .sort();
}
const skips = ({ skipped }: ExtractReport) => skipped.map(({ relativePath, words }) => `${relativePath}: ${words}`);
const folder = (path: string, details = {}): FakeFile => ({ path, kind: 'directory', details });
const link = (path: string, target: string): FakeFile => ({ path, kind: 'symlink', details: { target } });

test('files with their times and modes, folders with theirs, and a small and a large one', async () => {
  const large = Buffer.alloc(3_000_001, 'large ');
  const { top, report } = await tryExtract([
    folder('', { mtime: 1_500_000_000 }),
    folder('Library', { mode: 0o700, mtime: 1_600_000_000 }),
    { path: 'Library/a.db', bytes: 'a', details: { mode: 0o4755 } },
    { path: 'Library/locked', bytes: 'b', details: { mode: 0o444, mtime: 1_400_000_000.5 } },
    { path: 'Library/large', bytes: large },
    { path: 'not described/empty', bytes: '' },
  ]);
  expect(report).toMatchObject({ code: 'ok', filesDone: 4, filesSkipped: 0, bytesDone: 3_000_003 });
  const stat = (path: string) => {
    const { mode, mtimeMs } = statSync(join(top, path));
    return [(mode & 0o7777).toString(8), mtimeMs / 1000];
  };
  expect(stat('Library/a.db')).toEqual(['755', 1_700_000_000]);
  expect(stat('Library/locked')).toEqual(['644', 1_400_000_000.5]);
  expect(stat('Library')).toEqual(['700', 1_600_000_000]);
  expect(stat('.')[1]).toBe(1_500_000_000);
  expect(readFileSync(join(top, 'Library/large')).equals(large)).toBe(true);
});

test('a umask takes bits, but never those of the owner', async () => {
  const { top } = await tryExtract(
    [{ path: 'a/b', bytes: 'x', details: { mode: 0o666 } }, folder('a', { mode: 0o777 })],
    {
      umask: 0o027,
    },
  );
  expect(statSync(join(top, 'a')).mode & 0o777).toBe(0o750);
});

describe('layouts', () => {
  const files: FakeFile[] = [
    { path: 'Library/SMS/sms.db', bytes: '1' },
    { domain: 'CameraRollDomain', path: 'Media/DCIM/100APPLE/IMG_1.HEIC', bytes: '2' },
    { domain: 'CameraRollDomain', path: 'Media/DCIM/101APPLE/IMG_1.HEIC', bytes: '3' },
    { domain: 'AppDomain-com.example.notes', path: 'Documents/n.txt', bytes: '4' },
    { domain: 'NewDomain', path: 'x', bytes: '5' },
  ];
  const filesOf = (tree: string[]) => tree.filter((path) => /\.|x$/.test(path.split('/').at(-1) ?? ''));

  test('domain', async () => {
    const { tree } = await tryExtract(files, { withoutDomain: false });
    expect(filesOf(tree)).toEqual([
      'AppDomain-com.example.notes',
      'AppDomain-com.example.notes/Documents/n.txt',
      'CameraRollDomain/Media/DCIM/100APPLE/IMG_1.HEIC',
      'CameraRollDomain/Media/DCIM/101APPLE/IMG_1.HEIC',
      'HomeDomain/Library/SMS/sms.db',
      'NewDomain/x',
    ]);
  });

  test('device', async () => {
    const { tree } = await tryExtract(files, { layout: 'device' });
    expect(filesOf(tree)).toEqual([
      'NewDomain/x',
      'var/mobile/Containers/Data/Application/com.example.notes',
      'var/mobile/Containers/Data/Application/com.example.notes/Documents/n.txt',
      'var/mobile/Library/SMS/sms.db',
      'var/mobile/Media/DCIM/100APPLE/IMG_1.HEIC',
      'var/mobile/Media/DCIM/101APPLE/IMG_1.HEIC',
    ]);
  });

  test('flat', async () => {
    const { tree, report, top } = await tryExtract([folder('Library'), ...files], { layout: 'flat' });
    expect(tree).toEqual(['IMG_1.HEIC', 'IMG_1_2.HEIC', 'n.txt', 'sms.db', 'x']);
    expect(readFileSync(join(top, 'IMG_1_2.HEIC'), 'utf8')).toBe('3');
    expect(report.renamed).toEqual([{ from: 'IMG_1.HEIC', to: 'IMG_1_2.HEIC' }]);
  });
});

test('names that a place cannot hold are changed and reported, with their folders once', async () => {
  const { tree, report } = await tryExtract(
    [
      { path: 'Library/Logs/aux.log', bytes: '1' },
      { path: 'a:b/one', bytes: '1' },
      { path: 'a:b/two', bytes: '1' },
      { path: 'X', bytes: '1' },
      { path: 'x', bytes: '2' },
    ],
    { place: STRICTEST_PLACE },
  );
  expect(tree).toEqual(['Library', 'Library/Logs', 'Library/Logs/aux_.log', 'X', 'a_b', 'a_b/one', 'a_b/two', 'x_2']);
  expect(report.code).toBe('ok');
  expect(report.renamed.map(({ from, to }) => `${from} → ${to}`)).toEqual([
    'Library/Logs/aux.log → Library/Logs/aux_.log',
    'a:b → a_b',
    'x → x_2',
  ]);
});

test('hostile paths and domains leave nothing outside the folder, and are listed', async () => {
  const hostile = [
    'Library/Safari/../../x',
    '../secret',
    '/etc/passwd',
    'a//b',
    './a',
    'a/.',
    'nul\0byte',
    'ok/..',
    '..',
  ];
  const { tree, report } = await tryExtract([
    ...hostile.map((path) => ({ path, bytes: 'evil' })),
    { domain: '../x', path: 'a', bytes: 'evil' },
    { domain: '..', path: 'secret', bytes: 'evil' },
    { domain: 'a/b', path: 'c', bytes: 'evil' },
    { domain: '', path: 'c', bytes: 'evil' },
    folder('../made'),
    { path: 'C:\\x', bytes: 'drive letters are names like others here' },
    { path: `${'x'.repeat(300)}`, bytes: 'long' },
    { path: 'esc\x1b[2J\nx', bytes: 'shown' },
  ]);
  expect(tree).toEqual(['C:\\x', 'esc_[2J_x', 'x'.repeat(255)]);
  expect(report).toMatchObject({ code: 'partial', exit: 3, filesSkipped: 14, filesDone: 3 });
  expect(skips(report)).toContain('Library/Safari/../../x: refused: path leaves the folder');
  expect(skips(report)).toContain('a//b: refused: its name cannot be kept here');
});

test('a link is kept where it stays inside; nothing is written through one', async () => {
  const { top, report } = await tryExtract([
    folder('Library/Logs'),
    link('Library/Logs/Latest', '/private/var/mobile/Library/Logs/2026'),
    link('Library/Shared', '../Documents'),
    link('out', '..'),
    { path: 'out/secret', bytes: 'evil' },
    link('etc', '/etc'),
    { path: 'etc/passwd', bytes: 'evil' },
    link('Library/winding', 'Shared/../../../x'),
    link('empty', ''),
  ]);
  expect(readlinkSync(join(top, 'Library/Logs/Latest'))).toBe('2026');
  expect(readlinkSync(join(top, 'Library/Shared'))).toBe('../Documents');
  expect(lstatSync(join(top, 'out')).isDirectory()).toBe(true);
  expect(readFileSync(join(top, 'etc/passwd'), 'utf8')).toBe('evil');
  expect(skips(report)).toEqual(
    ['out', 'etc', 'Library/winding', 'empty'].map((path) => `${path}: refused: link leaves the folder`),
  );
  const { report: chain } = await tryExtract([
    link('x', 'd1/d2'),
    link('d1/d2', '..'),
    { path: 'x/secret', bytes: 'evil' },
  ]);
  expect(chain.filesSkipped).toBe(0);
});

test('links of other domains keep their way in the layout of the device', async () => {
  const files = [
    { ...link('Library/Files', '/var/mobile/Containers/Shared/AppGroup/group.x/y'), domain: 'HomeDomain' },
    { domain: 'RootDomain', path: 'Library/x', bytes: 'x' },
  ];
  const { top } = await tryExtract(files, { layout: 'device' });
  const target = readlinkSync(join(top, 'var/mobile/Library/Files'));
  expect(target).toBe('../Containers/Shared/AppGroup/group.x/y');
  expect((await tryExtract(files, { withoutDomain: false })).report.filesSkipped).toBe(1);
});

describe('what is there already', () => {
  const files: FakeFile[] = [{ path: 'a/b', bytes: 'backup' }];
  function withFile(mtime: number): string {
    const top = newPlace();
    mkdirSync(join(top, 'a'));
    writeFileSync(join(top, 'a/b'), 'mine');
    utimesSync(join(top, 'a/b'), mtime, mtime);
    return top;
  }
  const content = (top: string) => readFileSync(join(top, 'a/b'), 'utf8');

  test.each([
    ['never', 0, 'mine'],
    ['if-newer', 1_600_000_000, 'backup'],
    ['if-newer', 1_700_000_001, 'mine'],
    ['if-newer', 1_800_000_000, 'mine'],
    ['always', 1_800_000_000, 'backup'],
  ] as const)('--overwrite %s, file of %d: %s', async (overwrite, mtime, kept) => {
    const { top, report } = await tryExtract(files, { overwrite, top: withFile(mtime) });
    expect(content(top)).toBe(kept);
    expect(report).toMatchObject({ code: 'ok', filesKept: kept === 'mine' ? 1 : 0 });
  });

  test('a link in the place of a folder is never followed, one in the place of a file is replaced', async () => {
    const top = newPlace();
    symlinkSync('..', join(top, 'a'));
    symlinkSync('../secret', join(top, 'c'));
    const through = { path: 'a/secret', bytes: 'evil' };
    const { report } = await tryExtract([...files, through, { path: 'c', bytes: 'c' }], { overwrite: 'always', top });
    expect(skips(report)).toEqual([
      'a/b: refused: a link is in the place of its folder',
      'a/secret: refused: a link is in the place of its folder',
    ]);
    expect(lstatSync(join(top, 'c')).isFile()).toBe(true);
  });

  test('a pipe, a folder and a file in the way', async () => {
    const top = newPlace();
    await execa('mkfifo', [join(top, 'pipe')]);
    mkdirSync(join(top, 'folder/full'), { recursive: true });
    writeFileSync(join(top, 'file'), 'x');
    const wanted = ['pipe', 'folder', 'file/x'].map((path) => ({ path, bytes: 'new' }));
    const { report } = await tryExtract(wanted, { overwrite: 'always', top });
    expect(readFileSync(join(top, 'pipe'), 'utf8')).toBe('new');
    expect(skips(report)).toEqual([
      'folder: refused: a folder is in its place',
      'file/x: refused: a file is in the place of its folder',
    ]);
  });
});

test('what cannot be read is listed, and the others follow', async () => {
  const { tree, report } = await tryExtract([
    { path: 'missing' },
    { path: 'lost', bytes: '', fails: damaged('lost') },
    { path: 'record', bytes: '', fails: damaged('record') },
    { path: 'key', bytes: '', fails: damaged('key') },
    { path: 'content', bytes: '', fails: damaged('content') },
    { path: 'pipe', bytes: '', fails: new IbkError('unsafe', 'A pipe.') },
    { path: 'good', bytes: 'x' },
  ]);
  expect(tree).toEqual(['good']);
  expect(skips(report)).toEqual([
    'missing: missing from the backup',
    'lost: overwritten or removed by another program',
    'record: its record in the backup is damaged',
    'key: its key is missing or damaged',
    'content: its content is damaged',
    'pipe: refused: no ordinary file in its place',
  ]);
});

test('stopped: whole files stay, no half one is left', async () => {
  const stop = new AbortController();
  const files = [
    { path: 'a', bytes: 'a' },
    { path: 'large', bytes: Buffer.alloc(5_000_000) },
    { path: 'z', bytes: 'z' },
  ];
  const top = newPlace();
  const reason = new IbkError('interrupted', 'Stopped by you.');
  const sink = { progress: ({ bytesDone }: { bytesDone: number }) => bytesDone > 2_000_000 && stop.abort(reason) };
  const stopped = tryExtract(files, { top, signal: stop.signal, sink });
  await expect(stopped).rejects.toMatchObject({
    code: 'interrupted',
    meaning: expect.stringContaining('1 file is there'),
  });
  expect(readdirSync(top)).toEqual(['a']);
  expect(existsSync(join(top, 'z'))).toBe(false);
});

/** Threads that copy beside the main one give what it gives alone: bytes, times, modes, names, and what is said of files that cannot be had. */
import { createHash } from 'node:crypto';
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { folderSource } from '../../src/backup/reader/backup-source.js';
import { openBackup } from '../../src/backup/reader/open-backup.js';
import type { OpenedBackup } from '../../src/backup/reader/types.js';
import { Secret } from '../../src/io/secret.js';
import { extract, type ExtractOptions, type ExtractSource } from '../../src/operations/extract/extract.js';
import { FolderTarget, type Overwrite } from '../../src/output/folder-target.js';
import { POSIX_PLACE, STRICTEST_PLACE } from '../../src/output/name-rules.js';
import { fileIdOf, makeBackup, type MadeFile } from '../support/made-backup.js';

const top = mkdtempSync(join(tmpdir(), 'ibk-threads-'));
afterAll(() => rmSync(top, { recursive: true, force: true }));

const PASSWORD = 'correct horse';
const home = (relativePath: string, rest: Partial<MadeFile> = {}): MadeFile => ({
  domain: 'HomeDomain',
  relativePath,
  content: Buffer.from(relativePath),
  ...rest,
});
const MIB = 1024 * 1024;
const FILES: readonly MadeFile[] = [
  home('', { kind: 'directory', mode: 0o755, mtime: 1_500_000_000 }),
  home('Library', { kind: 'directory', mode: 0o700, mtime: 1_600_000_000 }),
  ...Array.from({ length: 300 }, (_, at) => home(`Library/many/${at % 7}/${at}`, { mtime: 1_650_000_000 + at })),
  home('Library/empty', { content: Buffer.alloc(0) }),
  home('Library/block', { content: Buffer.alloc(32, 'b') }),
  home('Library/locked', { mode: 0o444, mtime: 1_400_000_000 }),
  home('Library/tool', { mode: 0o4755 }),
  home('Library/piece', { content: Buffer.alloc(MIB, 'p') }),
  home('Library/pieces', { content: Buffer.alloc(3 * MIB + 5, 'q') }),
  home('Library/unkeyed', { unkeyed: true }),
  home('Library/link', { kind: 'symlink', target: 'tool' }),
  home('Library/outside', { kind: 'symlink', target: '../../../../etc/passwd' }),
  home('Library/missing', { stored: null }),
  home('Library/twin'),
  home('Library/TWIN'),
  home('Library/con.txt'),
  home('Library/dot.'),
  home('../escaped'),
  home('/absolute'),
  home('Library/half', { content: Buffer.alloc(100, 'h') }),
  home('Library/trap'),
  home('Library/no-key', { protectionClass: 9 }),
  { domain: 'CameraRollDomain', relativePath: 'Media/a.jpg', content: Buffer.alloc(5000, 'j') },
];
const payload = (folder: string, path: string): string => {
  const id = fileIdOf('HomeDomain', path);
  return join(folder, id.slice(0, 2), id);
};

function made(password: string | undefined): string {
  const folder = mkdtempSync(join(top, 'backup-'));
  makeBackup(folder, { era: 'db', files: FILES, ...(password === undefined ? {} : { password }) });
  truncateSync(payload(folder, 'Library/half'), 50);
  rmSync(payload(folder, 'Library/trap'));
  symlinkSync('/etc/passwd', payload(folder, 'Library/trap'));
  return folder;
}

function treeOf(folder: string, below = ''): string[] {
  return readdirSync(join(folder, below), { withFileTypes: true })
    .flatMap((entry) => {
      const path = join(below, entry.name);
      const { mode, mtimeMs } = lstatSync(join(folder, path));
      const what = entry.isFile()
        ? createHash('sha256')
            .update(readFileSync(join(folder, path)))
            .digest('hex')
        : '';
      // A folder that no record describes has the time of the run.
      const time = entry.isSymbolicLink() || mtimeMs > 1_700_000_000_000 ? '' : mtimeMs;
      const line = `${path} ${(mode & 0o7777).toString(8)} ${time} ${what}`;
      return entry.isDirectory() ? [line, ...treeOf(folder, path)] : [line];
    })
    .sort();
}

async function opened(folder: string): Promise<OpenedBackup> {
  const backup = await openBackup(folderSource(folder), { password: async () => Secret.of(PASSWORD) });
  await backup.unlock();
  return backup;
}

const sourceOf = (backup: OpenedBackup): ExtractSource => ({
  backup,
  records: (signal) => backup.records({}, signal),
});

async function run(
  source: ExtractSource,
  threads: number,
  options: Partial<ExtractOptions> & { readonly overwrite?: Overwrite; readonly to?: string } = {},
) {
  const { overwrite = 'never', to = mkdtempSync(join(top, 'to-')), ...rest } = options;
  const target = new FolderTarget(to, readdirSync(to).length === 0, { overwrite, platform: 'linux', umask: 0o022 });
  const place = POSIX_PLACE;
  const chosen = { layout: 'domain', withoutDomain: false, names: 'auto', place, threads, ...rest } as const;
  const { durationSeconds: _, skipped, renamed, ...report } = await extract(source, target, chosen);
  const lines = { skipped: skipped.map((file) => JSON.stringify(file)).sort(), renamed: new Set(renamed) };
  return { to, report: { ...report, ...lines }, tree: treeOf(to) };
}

describe.each([
  ['plain', undefined],
  ['encrypted', PASSWORD],
])('%s', (_name, password) => {
  const folder = made(password);

  test.each([POSIX_PLACE, STRICTEST_PLACE])('as the main thread alone %#', async (place) => {
    await using backup = await opened(folder);
    const alone = await run(sourceOf(backup), 0, { place });
    const beside = await run(sourceOf(backup), 2, { place });
    expect(beside.tree).toEqual(alone.tree);
    expect(beside.report).toEqual(alone.report);
    const reasons = alone.report.skipped.map((line) => line.match(/"reason":"(\w+)"/)?.[1]);
    const ofKeys = password === undefined ? [] : ['damaged', 'key'];
    const expected = ['link_outside', 'missing', 'not_a_file', 'outside', 'outside', ...ofKeys];
    expect(reasons.sort()).toEqual(expected.sort());
    expect(alone.report.filesDone).toBeGreaterThan(300);
  });

  test('into a folder with files: what is there stays, or is replaced', async () => {
    await using backup = await opened(folder);
    for (const overwrite of ['never', 'always'] as const) {
      const [alone, beside] = [mkdtempSync(join(top, 'to-')), mkdtempSync(join(top, 'to-'))];
      for (const to of [alone, beside]) {
        await run(sourceOf(backup), 0, { to });
        truncateSync(join(to, 'HomeDomain/Library/many/0/0'), 1);
        rmSync(join(to, 'HomeDomain/Library/block'));
        rmSync(join(to, 'HomeDomain/Library/tool'));
        mkdirSync(join(to, 'HomeDomain/Library/tool'));
      }
      const expected = await run(sourceOf(backup), 0, { to: alone, overwrite });
      const found = await run(sourceOf(backup), 2, { to: beside, overwrite });
      expect(found.report).toEqual(expected.report);
      expect(found.tree).toEqual(expected.tree);
    }
  });
});

test('stopped in the middle: every file that is there is whole, and nothing else is', async () => {
  await using backup = await opened(made(PASSWORD));
  const stop = new AbortController();
  const to = mkdtempSync(join(top, 'to-'));
  const sink = { progress: () => stop.abort() };
  const source = sourceOf(backup);
  await expect(run(source, 2, { to, sink, signal: stop.signal })).rejects.toMatchObject({ code: 'interrupted' });
  const whole = new Set((await run(source, 0)).tree.filter((line) => / [\da-f]{64}$/.test(line)));
  const there = treeOf(to).filter((line) => / [\da-f]{64}$/.test(line));
  expect(there.length).toBeGreaterThan(0);
  expect(there.filter((line) => !whole.has(line))).toEqual([]);
});

test('the records changed meanwhile: what was copied is copied again', async () => {
  await using backup = await opened(made(undefined));
  const alone = await run(sourceOf(backup), 0);
  const changing: ExtractSource = {
    ...sourceOf(backup),
    backup: {
      content: (record) => backup.content(record),
      locate: (records) => {
        const located = backup.locate?.(records);
        return located === undefined ? undefined : { ...located, holds: () => false };
      },
    },
  };
  const beside = await run(changing, 2);
  expect(beside.tree).toEqual(alone.tree);
  expect(beside.report).toEqual(alone.report);
});

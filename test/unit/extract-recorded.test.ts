/** Everything out of a version whose size a store recorded: its manifest is read once, and what is found to be wrong in it is told all the same. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import Database from 'better-sqlite3';
import { afterAll, expect, test, vi } from 'vitest';
import { folderSource } from '../../src/backup/reader/backup-source.js';
import { openBackup } from '../../src/backup/reader/open-backup.js';
import type { OpenedBackup } from '../../src/backup/reader/types.js';
import { Secret } from '../../src/io/secret.js';
import { extractBackup, type ExtractBackupOptions } from '../../src/operations/extract/extract-backup.js';
import { appsOf } from '../../src/operations/selection/records.js';
import { select } from '../../src/operations/selection/selection.js';
import { makeBackup } from '../support/made-backup.js';

const top = mkdtempSync(join(tmpdir(), 'ibk-recorded-'));
afterAll(() => rmSync(top, { recursive: true, force: true }));

const COUNT = 40;
const paths = Array.from({ length: COUNT }, (_, at) => `Library/${at}`);

async function opened(change: (db: Database.Database) => void) {
  const folder = mkdtempSync(join(top, 'backup-'));
  const files = paths.map((relativePath) => ({
    domain: 'HomeDomain',
    relativePath,
    content: Buffer.from(relativePath),
  }));
  makeBackup(folder, { era: 'db', files });
  const db = new Database(join(folder, 'Manifest.db'));
  change(db);
  db.close();
  const backup = await openBackup(folderSource(folder), { password: async () => Secret.of('') });
  return { backup, reads: vi.spyOn(backup, 'records') };
}

function extracted(backup: OpenedBackup, to: string, rest: Partial<ExtractBackupOptions> = {}) {
  return extractBackup(backup, {
    deviceName: 'Phone',
    madeAt: null,
    closed: [],
    selection: select({}, appsOf(backup)),
    literalPaths: [],
    recorded: { files: COUNT, bytes: 1000 },
    to,
    archive: undefined,
    layout: undefined,
    names: 'auto',
    overwrite: undefined,
    cwd: top,
    platform: 'linux',
    umask: 0o077,
    stdout: new PassThrough(),
    now: 0,
    threads: { count: 2, from: 10 },
    ...rest,
  });
}

test('the manifest is read once; a row that is no record is listed', async () => {
  const { backup, reads } = await opened((db) =>
    db.exec(`UPDATE Files SET fileID = 'none' WHERE relativePath = 'Library/7'`),
  );
  const to = join(top, 'once');
  const report = await extracted(backup, to);
  expect(reads).toHaveBeenCalledTimes(1);
  expect(report).toMatchObject({ exit: 3, filesDone: COUNT - 1, filesSkipped: 1 });
  expect(report.skipped).toMatchObject([{ relativePath: 'Library/7', reason: 'record' }]);
  for (const path of paths.filter((path) => path !== 'Library/7'))
    expect(readFileSync(join(to, 'HomeDomain', path), 'utf8')).toBe(path);
});

test('a part of it is counted first', async () => {
  const { backup } = await opened(() => {});
  const selection = select({ paths: ['Library/1*'] }, appsOf(backup));
  const report = await extracted(backup, join(top, 'part'), { selection });
  expect(report).toMatchObject({ exit: 0, filesDone: 11 });
});

test('what the store recorded is more than the disk has room for: nothing is written', async () => {
  const { backup, reads } = await opened(() => {});
  const recorded = { files: COUNT, bytes: 2 ** 52 };
  await expect(extracted(backup, join(top, 'full'), { recorded })).rejects.toMatchObject({ reason: 'no_space' });
  expect(readdirSync(top)).not.toContain('full');
  expect(reads).not.toHaveBeenCalled();
});

test('a manifest without a file is no extraction', async () => {
  const { backup } = await opened((db) => db.exec('DELETE FROM Files'));
  await expect(extracted(backup, join(top, 'none'))).rejects.toMatchObject({ code: 'not_found' });
  expect(readdirSync(top)).not.toContain('none');
});

/** When photos were taken, out of a library of their own making: the database of a phone, its log, and libraries that do harm. */
import { readFileSync, rmSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, expect, test } from 'vitest';
import type { FileRecord } from '../../src/backup/reader/types.js';
import { photoDates } from '../../src/operations/extract/photo-dates.js';
import { type FakeFile, fakeSource } from '../support/fake-source.js';

const scratch = mkdtempSync(join(tmpdir(), 'ibk-photos-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
let count = 0;

/** The files of a database as they lie on a phone: with what was written last only in the log. */
function library(sql: string, later = ''): FakeFile[] {
  const path = join(scratch, `${count++}.sqlite`);
  const db = new Database(path);
  if (later !== '') db.pragma('journal_mode = WAL');
  db.exec(sql);
  if (later !== '') db.pragma('wal_checkpoint(TRUNCATE)');
  if (later !== '') db.exec(later);
  const file = (suffix: string): FakeFile => ({
    domain: 'CameraRollDomain',
    path: `Media/PhotoData/Photos.sqlite${suffix}`,
    bytes: readFileSync(path + suffix),
  });
  const files = later === '' ? [file('')] : [file(''), file('-wal')];
  db.close();
  return files;
}

async function datesOf(files: readonly FakeFile[], ...paths: string[]): Promise<(number | undefined)[]> {
  const source = fakeSource(files);
  const records: FileRecord[] = [];
  for await (const page of source.records()) records.push(...page);
  const find = async (domain: string, path: string) =>
    records.find((record) => record.domain === domain && record.relativePath === path);
  const dateOf = await photoDates({ find, content: (record) => source.backup.content(record) });
  return paths.map((relativePath) => dateOf({ domain: 'CameraRollDomain', relativePath } as FileRecord));
}

const TABLE = 'CREATE TABLE ZASSET (Z_PK INTEGER PRIMARY KEY, ZDIRECTORY TEXT, ZFILENAME TEXT, ZDATECREATED REAL);';
const row = (name: string, date: number | string) =>
  `INSERT INTO ZASSET VALUES (NULL, 'DCIM/100APPLE', '${name}', ${date});`;
const PATH = 'Media/DCIM/100APPLE/IMG_1.HEIC';

test('a photo, the film of a Live Photo, an edit; what only the log knows', async () => {
  const files = library(TABLE + row('IMG_1.HEIC', 700_000_000.5), row('IMG_2.JPG', 1));
  const edit = 'Media/PhotoData/Mutations/DCIM/100APPLE/IMG_1/Adjustments/FullSizeRender.jpg';
  const paths = [PATH, 'Media/DCIM/100APPLE/IMG_1.MOV', edit, 'Media/DCIM/100APPLE/IMG_2.JPG', 'Media/DCIM/other.JPG'];
  const taken = 1_678_307_200.5;
  expect(await datesOf(files, ...paths)).toEqual([taken, taken, taken, 978_307_201, undefined]);
});

test('the table of iOS 13 and earlier', async () => {
  expect(await datesOf(library((TABLE + row('IMG_1.HEIC', 5)).replaceAll('ZASSET', 'ZGENERICASSET')), PATH)).toEqual([
    978_307_205,
  ]);
});

test.each([
  ['no library', []],
  ['not a database', [{ domain: 'CameraRollDomain', path: 'Media/PhotoData/Photos.sqlite', bytes: 'no database' }]],
  ['missing from the backup', [{ domain: 'CameraRollDomain', path: 'Media/PhotoData/Photos.sqlite' }]],
  ['no such table', library('CREATE TABLE x (y);')],
  [
    'a view that never ends',
    library(
      'CREATE VIEW ZASSET AS WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n FROM r) SELECT n AS ZDIRECTORY FROM r;',
    ),
  ],
  ['other columns', library('CREATE TABLE ZASSET (x);')],
  ['wrong types', library(`${TABLE}INSERT INTO ZASSET VALUES (1, x'00', 'IMG_1.HEIC', 'soon');`)],
  ['no date', library(TABLE + row('IMG_1.HEIC', 0) + row('IMG_1.HEIC', 'NULL') + row('IMG_1.HEIC', '9e99'))],
] as const)('%s: the dates of the records stand', async (_name, files) => {
  expect(await datesOf(files as readonly FakeFile[], PATH)).toEqual([undefined]);
});

/** A Manifest.db whose schema is an attack: SQLite is asked for nothing that the file could make endless or huge. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { readFileIds } from '../../src/backup/format/manifest-db.js';
import { openSqlite } from '../../src/io/sqlite.js';

const folder = mkdtempSync(join(tmpdir(), 'ibk-manifest-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let count = 0;

async function idsOf(sql: string): Promise<string[]> {
  const path = join(folder, String(++count));
  const database = openSqlite(path);
  database.unsafeMode(true);
  database.exec(`BEGIN; ${sql} COMMIT;`);
  database.close();
  const ids: string[] = [];
  for await (const page of readFileIds(path)) ids.push(...page);
  return ids;
}

const COLUMNS = 'domain TEXT, relativePath TEXT, flags INTEGER, file BLOB';
const PLAIN = `CREATE TABLE Files (fileID TEXT PRIMARY KEY, ${COLUMNS});`;
const ID = 'a'.repeat(40);
const ROW = `INSERT INTO Files (fileID, domain, relativePath, flags) VALUES ('${ID}', 'HomeDomain', 'x', 1);`;
const ENDLESS = 'WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c';

test.each([
  [
    'as Apple makes it',
    `${PLAIN} CREATE TABLE Properties (key TEXT PRIMARY KEY, value BLOB); CREATE INDEX d ON Files(domain);`,
  ],
  ['without row numbers', `CREATE TABLE Files (fileID TEXT PRIMARY KEY, ${COLUMNS}) WITHOUT ROWID;`],
])('%s it is read', async (_what, sql) => {
  const others = [2, 4].map(
    (flags) => `INSERT INTO Files (fileID, flags) VALUES ('${String(flags).repeat(40)}', ${flags});`,
  );
  expect(await idsOf(`${sql}${others[0]}${ROW}${others[1]}`)).toEqual([ID]);
});

test('rows of wild numbers are read', async () => {
  const wild = `INSERT INTO Files (_rowid_, fileID, flags) VALUES (-7, '${'b'.repeat(40)}', 1), (1 << 60, '${'c'.repeat(40)}', 2);`;
  expect(await idsOf(PLAIN + ROW + wild)).toEqual([ID, 'b'.repeat(40)]);
});

const tables = /^Manifest\.db is damaged: it has more than plain tables\.$/;
test.each([
  [
    'a view that counts for ever',
    `CREATE VIEW Files AS SELECT printf('%040d', x) AS fileID, '' AS domain, '' AS relativePath, 1 AS flags FROM (${ENDLESS});`,
    tables,
  ],
  ['a view beside it', `${PLAIN} CREATE VIEW other AS ${ENDLESS};`, tables],
  ['a trigger', `${PLAIN} CREATE TRIGGER t AFTER INSERT ON Files BEGIN DELETE FROM Files; END;`, tables],
  [
    'columns of a gigabyte, computed',
    `CREATE TABLE Files (fileID TEXT PRIMARY KEY, domain TEXT AS (hex(zeroblob(400000000))), relativePath TEXT, flags INTEGER, file BLOB);`,
    tables,
  ],
  [
    'a check that takes a gigabyte',
    `CREATE TABLE Files (fileID TEXT PRIMARY KEY, ${COLUMNS}, CHECK (length(hex(zeroblob(400000000))) > 0));`,
    tables,
  ],
  ['a virtual table', `CREATE VIRTUAL TABLE Files USING fts5(fileID, domain, relativePath, flags, file);`, tables],
  ['a virtual table beside it', `${PLAIN} CREATE VIRTUAL TABLE other USING fts5(x);`, tables],
  ['a text of a schema that is long', `${PLAIN} CREATE TABLE other (${'x'.repeat(5000)} TEXT);`, tables],
  [
    'two hundred tables',
    PLAIN + Array.from({ length: 200 }, (_, index) => `CREATE TABLE t${index} (x);`).join(''),
    /^Manifest\.db is damaged: it has more than 100 tables\.$/,
  ],
  ['no key', `CREATE TABLE Files (fileID TEXT, ${COLUMNS});`, /^Manifest\.db is damaged: its files have no order\.$/],
  ['no table', 'CREATE TABLE other (x);', /^Manifest\.db is damaged: no such table: Files\.$/],
  [
    'an expression that is endless in an index',
    `${PLAIN} CREATE INDEX i ON Files(fileID) WHERE length(hex(zeroblob(10))) > 0;`,
    undefined,
  ],
  [
    'a fileID of megabytes',
    `${PLAIN} INSERT INTO Files (fileID, flags) VALUES (hex(zeroblob(3000000)), 1);`,
    /^Manifest\.db is damaged: a row of Files is not as it should be\.$/,
  ],
  [
    'a fileID that is a number',
    `CREATE TABLE Files (fileID PRIMARY KEY, ${COLUMNS}); INSERT INTO Files (fileID, flags) VALUES (x'00', 1);`,
    /a row of Files/,
  ],
] as const)('%s', async (_what, sql, error) => {
  const reading = idsOf(sql);
  if (error === undefined) expect(await reading).toEqual([]);
  else await expect(reading).rejects.toMatchObject({ code: 'damaged', message: expect.stringMatching(error) });
});

test('names of megabytes are not loaded', async () => {
  const ids = await idsOf(
    `${PLAIN} INSERT INTO Files (fileID, domain, relativePath, flags) VALUES ('${ID}', hex(zeroblob(3000000)), hex(zeroblob(3000000)), 1);`,
  );
  expect(ids).toEqual([ID]);
});

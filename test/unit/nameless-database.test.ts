import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openNamelessDatabase, openWithLog } from '../../src/io/nameless-database.js';

let place: string;
beforeEach(async () => {
  place = await mkdtemp(join(tmpdir(), 'ibk-nameless-'));
});
afterEach(() => rm(place, { recursive: true, force: true }));

/** Made by the sqlite3 program; `-wal` is folded in when it ends. */
function made(sql: string): Buffer {
  const path = join(place, 'made.db');
  execFileSync('sqlite3', [path, sql]);
  const bytes = readFileSync(path);
  execFileSync('rm', [path]);
  return bytes;
}

async function* inPieces(bytes: Buffer, seen: () => void = () => {}): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += 1000) {
    seen();
    yield bytes.subarray(at, at + 1000);
  }
  seen();
}

const TABLE = `CREATE TABLE t(a); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 2000) INSERT INTO t SELECT i FROM n;`;

test('reads what was written, from a file that never had a name with content in it', async () => {
  const bytes = made(TABLE);
  const names: number[] = [];
  const look = () => names.push(readdirSync(place).length);
  using copy = await openNamelessDatabase(inPieces(bytes, look), place);
  expect(copy.sizeBytes).toBe(bytes.length);
  expect(copy.db.prepare('SELECT count(*) AS n, sum(a) AS s FROM t').get()).toEqual({ n: 2000, s: 2001000 });
  expect(copy.db.pragma('quick_check(1)', { simple: true })).toBe('ok');
  expect(() => copy.db.exec('DELETE FROM t')).toThrow(/readonly/);
  expect(new Set(names)).toEqual(new Set([0]));
  expect(readdirSync(place)).toEqual([]);
});

test.skipIf(!existsSync('/proc/self/fd'))('holds one file, which goes with it', async () => {
  const held = () => readdirSync('/proc/self/fd').filter((fd) => linkOf(`/proc/self/fd/${fd}`).startsWith(place));
  const copy = await openNamelessDatabase(inPieces(made(TABLE)), place);
  expect(held()).toHaveLength(1);
  copy[Symbol.dispose]();
  expect(held()).toEqual([]);
});

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

test('a database in write-ahead mode is read without files beside it', async () => {
  const bytes = made(`PRAGMA journal_mode=WAL; ${TABLE}`);
  expect([...bytes.subarray(18, 20)]).toEqual([2, 2]);
  using copy = await openNamelessDatabase(inPieces(bytes), place);
  expect(copy.db.prepare('SELECT count(*) AS n FROM t').get()).toEqual({ n: 2000 });
  expect(readdirSync(place)).toEqual([]);
});

describe('with its log', () => {
  const fill = (from: number, to: number) =>
    `WITH RECURSIVE n(i) AS (SELECT ${from} UNION ALL SELECT i+1 FROM n WHERE i < ${to}) INSERT INTO t SELECT i, hex(randomblob(40)) FROM n;`;
  const histories: readonly (readonly [name: string, sql: string])[] = [
    ['grown', fill(1, 400)],
    ['pages of 512 bytes', `PRAGMA page_size=512; ${fill(1, 200)}`],
    ['pages of 65536 bytes', `PRAGMA page_size=65536; ${fill(1, 200)} UPDATE t SET a = a + 1;`],
    ['shrunk', `${fill(1, 600)} PRAGMA wal_checkpoint(TRUNCATE); DELETE FROM t WHERE a > 20; VACUUM;`],
    ['begun anew over an old one', `${fill(1, 400)} PRAGMA wal_checkpoint(RESTART); ${fill(401, 403)}`],
    ['with a transaction that was given up', `${fill(1, 20)} PRAGMA cache_size=2; BEGIN; ${fill(21, 900)} ROLLBACK;`],
  ];

  test.each(histories)('%s: as SQLite reads the two, whole, cut off and damaged', async (_name, sql) => {
    const from = await mkdtemp(join(tmpdir(), 'ibk-logged-'));
    try {
      // Copied from under the program, which would work the log in when it ends.
      const [, pageSize = ''] = /^(PRAGMA page_size=\d+;)/.exec(sql) ?? [];
      const begin = `${pageSize} CREATE TABLE t(a, b); PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0;`;
      const copy = `.shell cp '${from}/live' '${from}/db'; cp '${from}/live-wal' '${from}/db-wal'`;
      execFileSync('sqlite3', [join(from, 'live')], { input: `${begin}\n${sql}\n${copy}\n`, stdio: 'pipe' });
      const [bytes, log] = [readFileSync(join(from, 'db')), readFileSync(join(from, 'db-wal'))];
      const flipped = Buffer.from(log);
      flipped[log.length >> 1] = (flipped[log.length >> 1] ?? 0) ^ 1;
      const wrongHeader = Buffer.from(log);
      wrongHeader[9] = (wrongHeader[9] ?? 0) ^ 1;
      const cuts = [31, 33, log.length >> 1, log.length - 1].map((length) => log.subarray(0, length));
      for (const each of [log, flipped, wrongHeader, Buffer.alloc(0), ...cuts]) {
        writeFileSync(join(from, 'x'), bytes);
        writeFileSync(join(from, 'x-wal'), each);
        const ask = `SELECT count(*), sum(a), group_concat(b) FROM t`;
        const expected = execFileSync('sqlite3', ['-separator', ' ', join(from, 'x'), ask], {
          stdio: 'pipe',
          encoding: 'utf8',
        });
        using found = await openWithLog(inPieces(bytes), inPieces(each), place);
        expect(
          Object.values(found.db.prepare(ask).get() ?? {})
            .join(' ')
            .trimEnd(),
        ).toBe(expected.trimEnd());
        expect(found.db.pragma('integrity_check(1)', { simple: true })).toBe('ok');
        expect(readdirSync(place)).toEqual([]);
        for (const name of ['x', 'x-wal', 'x-shm']) await rm(join(from, name), { force: true });
      }
    } finally {
      await rm(from, { recursive: true, force: true });
    }
  });
});

test('a file of the disk is copied as it is, unless another has its name by now', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ibk-nameless-from-'));
  try {
    const path = join(folder, 'Manifest.db');
    const bytes = made(`PRAGMA journal_mode=WAL; ${TABLE}`);
    const other = made('CREATE TABLE other(a)');
    writeFileSync(path, bytes);
    const inode = statSync(path).ino;
    const open = (given: number) => openNamelessDatabase({ path, inode: given, pieces: inPieces(other) }, place);
    const tables = 'SELECT group_concat(name) FROM sqlite_schema';
    using copy = await open(inode);
    const isCopied = process.platform === 'linux';
    expect(copy.db.prepare(tables).pluck().get()).toBe(isCopied ? 't' : 'other');
    expect(copy.sizeBytes).toBe(isCopied ? bytes.length : other.length);
    using replaced = await open(inode + 1);
    expect(replaced.db.prepare(tables).pluck().get()).toBe('other');
    expect([readdirSync(place), readdirSync(folder)]).toEqual([[], ['Manifest.db']]);
    expect(readFileSync(path).equals(bytes)).toBe(true);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('bytes that are no database are told by SQLite, bytes that do not come leave nothing', async () => {
  using none = await openNamelessDatabase(inPieces(Buffer.alloc(5000, 'x')), place);
  expect(() => none.db.prepare('SELECT * FROM sqlite_master').all()).toThrow(/not a database/);
  const failing = (async function* () {
    yield Buffer.alloc(100);
    throw new Error('no more');
  })();
  await expect(openNamelessDatabase(failing, place)).rejects.toThrow('no more');
  expect(readdirSync(place)).toEqual([]);
});

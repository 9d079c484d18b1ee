import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openNamelessDatabase } from '../../src/io/nameless-database.js';

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

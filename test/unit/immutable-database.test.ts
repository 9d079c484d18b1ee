/** A database whose header says write-ahead, read where it lies: nothing appears beside it, and what it holds is right. */
import Database from 'better-sqlite3';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { openSqliteImmutable } from '../../src/io/sqlite.js';

const root = mkdtempSync(join(tmpdir(), 'ibk-immutable-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

function writeAhead(folder: string): string {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, 'Manifest.db');
  const db = new Database(path);
  db.pragma('journal_mode = WAL');
  db.exec("CREATE TABLE t(a); INSERT INTO t VALUES ('here')");
  db.close();
  expect(readFileSync(path).subarray(18, 20)).toEqual(Buffer.of(2, 2));
  return path;
}

const path = writeAhead(join(root, 'plain'));
const opened = openSqliteImmutable(path);
const reason = opened === undefined ? ' (skipped: this SQLite is the prebuilt one)' : '';
opened?.close();

test.skipIf(opened === undefined)(`read, with nothing beside it${reason}`, () => {
  const db = openSqliteImmutable(path);
  expect(db?.prepare('SELECT a FROM t').pluck().all()).toEqual(['here']);
  expect(readdirSync(join(root, 'plain'))).toEqual(['Manifest.db']);
  expect(() => db?.exec('DELETE FROM t')).toThrow(/readonly/);
  db?.close();
  expect(readdirSync(join(root, 'plain'))).toEqual(['Manifest.db']);
});

test.skipIf(opened === undefined)(`names that mean something in a URI are names${reason}`, () => {
  for (const name of ['a?mode=rw', 'a#b', 'a%20b', 'ü & é', 'file:x']) {
    const db = openSqliteImmutable(writeAhead(join(root, name)));
    expect(db?.prepare('SELECT a FROM t').pluck().all()).toEqual(['here']);
    db?.close();
    expect(readdirSync(join(root, name))).toEqual(['Manifest.db']);
  }
});

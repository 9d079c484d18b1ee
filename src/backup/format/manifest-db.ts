/**
 * Manifest.db (iOS 10 and later), unencrypted: table `Files(fileID, domain, relativePath, flags, file)`; flags 1 is a regular file, the only kind with a
 * payload. Read without writing to it or beside it.
 */
import { open, rm } from 'node:fs/promises';
import { IbkError } from '../../errors.js';
import { openSqliteReadOnly, type SqliteDatabase } from '../../io/sqlite.js';
import { assertOrdered, assertPlainSchema } from './manifest-schema.js';

const MAGIC = 'SQLite format 3\0';
const PAGE = 2000;
/** A text that no phone has is not loaded: a page of gigabytes each. */
const FILE_ID = 'CASE WHEN octet_length(fileID) <= 64 THEN fileID END';
/** The index of fileIDs has all of it: a row's flags lie anywhere in the table, and two thousand of them cost two thousand reads. */
const IN_ORDER = `SELECT ${FILE_ID} AS fileID, _rowid_ AS row FROM Files WHERE Files.fileID > ? ORDER BY Files.fileID LIMIT ?`;
const FILES = 'SELECT _rowid_ FROM Files WHERE flags = 1 AND _rowid_ > ? ORDER BY _rowid_ LIMIT ?';
/** For a table whose rows have no numbers, or wild ones. */
const WITH_FLAGS = `SELECT ${FILE_ID} AS fileID, flags = 1 AS row FROM Files WHERE Files.fileID > ? ORDER BY Files.fileID LIMIT ?`;
/** A bit each: 16 MB. */
const MOST_ROWS = 1 << 27;

/** Does the file begin as an unencrypted SQLite database? */
export async function isPlainDatabase(path: string): Promise<boolean> {
  const file = await open(path, 'r');
  try {
    const start = Buffer.alloc(MAGIC.length);
    await file.read(start, 0, start.length, 0);
    return isPlainStart(start);
  } finally {
    await file.close();
  }
}

/** The same, of a file's first bytes. */
export function isPlainStart(bytes: Buffer): boolean {
  return bytes.toString('latin1', 0, MAGIC.length) === MAGIC;
}

/**
 * The fileIDs of all files, in order and in pages, after SQLite's own quick check. Other work gets its turn between the pages.
 * Of a database that nobody else needs: SQLite may put files beside it.
 * @throws IbkError `damaged`, reason `manifest`
 */
export async function* readFileIds(path: string): AsyncGenerator<readonly string[]> {
  let database: SqliteDatabase | undefined;
  try {
    database = openSqliteReadOnly(path);
    assertPlainSchema(database);
    const verdict = database.pragma('quick_check(1)', { simple: true });
    if (verdict !== 'ok') throw new Error(String(verdict));
    yield* fileIds(database);
  } catch (error) {
    throw damaged(error);
  } finally {
    database?.close();
    // A database that was left in write-ahead mode makes SQLite put these beside it, even for a reader.
    for (const suffix of ['-shm', '-wal']) await rm(`${path}${suffix}`, { force: true });
  }
}

async function* fileIds(database: SqliteDatabase): AsyncGenerator<readonly string[]> {
  const files = await rowsOfFiles(database);
  const sql = files === undefined ? WITH_FLAGS : IN_ORDER;
  assertOrdered(database, sql, '', PAGE);
  const page = database.prepare<unknown[], unknown>(sql);
  for (let last = ''; ; ) {
    const rows = page.all(last, PAGE).map(rowOf);
    const ids = rows.filter(({ row }) => (files === undefined ? row === 1 : hasBit(files, row)));
    if (ids.length > 0) yield ids.map(({ fileId }) => fileId);
    if (rows.length < PAGE) return;
    last = rows.at(-1)?.fileId ?? '';
    await turn();
  }
}

/** A bit for each row that is a file; undefined where rows cannot be told by number. */
async function rowsOfFiles(database: SqliteDatabase): Promise<Uint8Array | undefined> {
  const last = lastRow(database);
  if (last === undefined) return undefined;
  const files = new Uint8Array((last >>> 3) + 1);
  const page = database.prepare<unknown[], number>(FILES).pluck();
  for (let after = 0; ; ) {
    const rows = page.all(after, PAGE);
    for (const row of rows) files[row >>> 3] = (files[row >>> 3] ?? 0) | (1 << (row & 7));
    after = rows.at(-1) ?? 0;
    if (rows.length < PAGE) return files;
    await turn();
  }
}

function lastRow(database: SqliteDatabase): number | undefined {
  try {
    const ends = database.prepare<unknown[], unknown>('SELECT min(_rowid_), max(_rowid_) FROM Files').raw().get();
    const [first, last] = Array.isArray(ends) ? ends.map((end) => end ?? 1) : [];
    return Number.isSafeInteger(last) && first >= 1 && last < MOST_ROWS ? last : undefined;
  } catch (error) {
    if (error instanceof Error && error.message.includes('_rowid_')) return undefined;
    throw error;
  }
}

function hasBit(bits: Uint8Array, at: number): boolean {
  return ((bits[at >>> 3] ?? 0) & (1 << (at & 7))) !== 0;
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function damaged(cause: unknown): IbkError {
  if (cause instanceof IbkError) return cause;
  const why = cause instanceof Error ? cause.message : String(cause);
  return new IbkError('damaged', `Manifest.db is damaged: ${why}.`, { reason: 'manifest', cause });
}

function rowOf(row: unknown): { readonly fileId: string; readonly row: number } {
  if (typeof row === 'object' && row !== null && 'fileID' in row && 'row' in row) {
    const { fileID, row: number } = row;
    if (typeof fileID === 'string' && (typeof number === 'number' || number === null))
      return { fileId: fileID, row: number ?? 0 };
  }
  throw new IbkError('damaged', 'Manifest.db is damaged: a row of Files is not as it should be.', {
    reason: 'manifest',
  });
}

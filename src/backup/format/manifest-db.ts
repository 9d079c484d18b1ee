/**
 * Manifest.db (iOS 10 and later), unencrypted: table `Files(fileID, domain, relativePath, flags, file)`; flags 1 is a regular file, the only kind with a
 * payload. Read without writing to it or beside it.
 */
import { open, rm } from 'node:fs/promises';
import { IbkError } from '../../errors.js';
import { openSqliteReadOnly, type SqliteDatabase } from '../../io/sqlite.js';
import { assertOrdered, assertPlainSchema } from './manifest-schema.js';

const MAGIC = 'SQLite format 3\0';
const PAGE = 500;
/** A text that no phone has is not loaded: five hundred of a gigabyte would be one page. */
const ROWS = `SELECT CASE WHEN octet_length(fileID) <= 64 THEN fileID END AS fileID, ${bounded('domain')}, ${bounded('relativePath')}, flags
  FROM Files WHERE Files.fileID > ? ORDER BY Files.fileID LIMIT ?`;

function bounded(column: string): string {
  return `CASE WHEN octet_length(${column}) <= 4096 THEN ${column} END AS ${column}`;
}

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

export interface ManifestRow {
  readonly fileId: string;
  readonly domain: string;
  readonly relativePath: string;
  readonly flags: number;
}

/** As `manifestRows`, of a file that nobody else needs: SQLite may put others beside it. */
export async function* readManifestRows(path: string): AsyncGenerator<readonly ManifestRow[]> {
  let database: SqliteDatabase | undefined;
  try {
    database = openSqliteReadOnly(path);
    yield* manifestRows(database);
  } catch (error) {
    throw damaged(error);
  } finally {
    database?.close();
    // A database that was left in write-ahead mode makes SQLite put these beside it, even for a reader.
    for (const suffix of ['-shm', '-wal']) await rm(`${path}${suffix}`, { force: true });
  }
}

/**
 * Every row in order of fileID, in pages, after SQLite's own quick check. Other work gets its turn between the pages.
 * @throws IbkError `damaged`, reason `manifest`
 */
export async function* manifestRows(database: SqliteDatabase): AsyncGenerator<readonly ManifestRow[]> {
  try {
    assertPlainSchema(database);
    const verdict = database.pragma('quick_check(1)', { simple: true });
    if (verdict !== 'ok') throw new Error(String(verdict));
    assertOrdered(database, ROWS, '', PAGE);
    const page = database.prepare(ROWS);
    for (let last = ''; ; ) {
      const rows = page.all(last, PAGE).map(rowOf);
      if (rows.length > 0) yield rows;
      if (rows.length < PAGE) return;
      last = rows.at(-1)?.fileId ?? '';
      await new Promise((resolve) => setImmediate(resolve));
    }
  } catch (error) {
    throw damaged(error);
  }
}

function damaged(cause: unknown): IbkError {
  if (cause instanceof IbkError) return cause;
  const why = cause instanceof Error ? cause.message : String(cause);
  return new IbkError('damaged', `Manifest.db is damaged: ${why}.`, { reason: 'manifest', cause });
}

function rowOf(row: unknown): ManifestRow {
  if (typeof row === 'object' && row !== null && 'fileID' in row && 'flags' in row) {
    const { fileID, flags } = row;
    const text = (key: string) => {
      const value: unknown = Reflect.get(row, key);
      return typeof value === 'string' ? value : '';
    };
    if (typeof fileID === 'string' && typeof flags === 'number')
      return { fileId: fileID, domain: text('domain'), relativePath: text('relativePath'), flags };
  }
  throw new IbkError('damaged', 'Manifest.db is damaged: a row of Files is not as it should be.', {
    reason: 'manifest',
  });
}

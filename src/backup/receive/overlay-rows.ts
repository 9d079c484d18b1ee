/** Rows of the overlay's scratch database, and the entries that they stand for. */
import type { SqliteDatabase, SqliteStatement } from '../../io/sqlite.js';
import type { ListedChild, OverlayEntry, PlacedEntry } from './overlay-entry.js';

/** `COLUMNS`, as they come: objects with names cost more to make than a row to read. */
export type Row = readonly [
  path: string,
  kind: string,
  blob: number | null,
  lower: string | null,
  size: number | null,
  mtime: number | null,
  sha256: string | null,
  opaque: number,
];

export const COLUMNS = 'path, kind, blob, lower, size, mtime, sha256, opaque';

/** path, kind, size, mtime. */
export type ListedRow = readonly [path: string, kind: ListedChild['kind'], size: number | null, mtime: number | null];

/** Its rows come as arrays. */
export function prepare<Columns = Row>(db: SqliteDatabase, sql: string): SqliteStatement<Columns> {
  const statement = db.prepare<unknown[], Columns>(sql);
  return statement.reader ? statement.raw() : statement;
}

export function toEntries(rows: readonly Row[]): PlacedEntry[] {
  const found: PlacedEntry[] = [];
  for (const row of rows) {
    const entry = toEntry(row);
    if (entry !== undefined) found.push({ path: row[0], entry });
  }
  return found;
}

export function toEntry(row: Row | undefined): OverlayEntry | undefined {
  if (row === undefined) return undefined;
  const [, kind, blob, lower, size, mtime, sha256, opaque] = row;
  if (kind === 'gone') return { kind: 'gone' };
  if (kind === 'dir') return { kind: 'dir', opaque: opaque === 1 };
  return { kind: 'file', blob, lower, size: size ?? 0, mtimeUs: mtime ?? 0, sha256 };
}

/**
 * The index of the overlay: what the device has sent, moved and removed in this run, in a scratch database.
 *
 * | kind | means |
 * |------|-------|
 * | file | content under a number (`blob`), or that of a file of the folder under another name (`lower`) |
 * | dir  | made by the device; `opaque`: hides all that the folder has there |
 * | gone | removed by the device, with all below it |
 *
 * One transaction for the whole run: there is no journal, and a run that ends early throws the file away.
 */
import type { SqliteDatabase } from '../io/sqlite.js';
import type { StoreDatabase } from './file-system.js';

const SCHEMA = `
PRAGMA cache_size = -16000;
CREATE TABLE entry(path TEXT PRIMARY KEY, parent TEXT NOT NULL, fold TEXT UNIQUE, kind TEXT NOT NULL, blob INTEGER, lower TEXT,
  size INTEGER, mtime INTEGER, sha256 BLOB, opaque INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE INDEX entry_parent ON entry(parent);
CREATE TABLE removal(path TEXT PRIMARY KEY) WITHOUT ROWID;
BEGIN;
`;

export interface OverlayFile {
  readonly kind: 'file';
  /** Number of the received content; null for a reference to `lower`. */
  readonly blob: number | null;
  readonly lower: string | null;
  readonly size: number;
  readonly mtimeUs: number;
  readonly sha256: string | null;
}

export type OverlayEntry = OverlayFile | { readonly kind: 'dir'; readonly opaque: boolean } | { readonly kind: 'gone' };

interface Row {
  readonly path: string;
  readonly kind: string;
  readonly blob: number | null;
  readonly lower: string | null;
  readonly size: number | null;
  readonly mtime: number | null;
  readonly sha256: Buffer | null;
  readonly opaque: number;
}

const COLUMNS = 'path, kind, blob, lower, size, mtime, sha256, opaque';
const LAST = '\u{10ffff}';

type Statement = ReturnType<typeof prepare>;

function prepare(db: SqliteDatabase, sql: string) {
  return db.prepare<unknown[], Row>(sql);
}

export class OverlayIndex {
  readonly #handle: StoreDatabase;
  readonly #get: Statement;
  readonly #put: Statement;
  readonly #delete: Statement;
  readonly #children: Statement;
  readonly #below: Statement;
  readonly #hides: Statement;
  readonly #folded: Statement;
  /** Are there entries that hide folders of the lower layer? Mostly not, and then no ancestor need be looked at. */
  #hiding = 0;

  constructor(handle: StoreDatabase) {
    this.#handle = handle;
    const { db } = handle;
    db.exec(SCHEMA);
    this.#get = prepare(db, `SELECT ${COLUMNS} FROM entry WHERE path = ?`);
    this.#put = prepare(db, 'INSERT OR REPLACE INTO entry VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)');
    this.#delete = prepare(db, 'DELETE FROM entry WHERE path = ?');
    this.#children = prepare(db, `SELECT ${COLUMNS} FROM entry WHERE parent = ?`);
    this.#below = prepare(db, `SELECT ${COLUMNS} FROM entry WHERE path > ? AND path < ? ORDER BY path`);
    this.#hides = prepare(db, `SELECT ${COLUMNS} FROM entry WHERE path = ? AND (kind = 'gone' OR opaque = 1)`);
    this.#folded = prepare(db, `SELECT ${COLUMNS} FROM entry WHERE fold = ?`);
  }

  close(): void {
    this.#handle.close();
  }

  get(path: string): OverlayEntry | undefined {
    return toEntry(this.#get.get(path));
  }

  /** @param fold the folded name, for names that are not Apple's; those cannot clash (names.ts) */
  put(path: string, fold: string | null, entry: OverlayEntry): void {
    const cut = path.lastIndexOf('/');
    const parent = cut < 0 ? '' : path.slice(0, cut);
    if (entry.kind === 'file') {
      const sha256 = entry.sha256 === null ? null : Buffer.from(entry.sha256, 'hex');
      this.#put.run(path, parent, fold, 'file', entry.blob, entry.lower, entry.size, entry.mtimeUs, sha256, 0);
      return;
    }
    const opaque = entry.kind === 'dir' && entry.opaque ? 1 : 0;
    if (entry.kind === 'gone' || opaque === 1) this.#hiding += 1;
    // A name that is gone blocks no other of the same fold.
    this.#put.run(path, parent, entry.kind === 'gone' ? null : fold, entry.kind, null, null, null, null, null, opaque);
  }

  delete(path: string): void {
    this.#delete.run(path);
  }

  pathWithFold(fold: string): string | undefined {
    return this.#folded.get(fold)?.path;
  }

  /** Is what the lower layer has at `path` hidden by an entry above it? */
  hidesBelow(ancestors: readonly string[]): boolean {
    return this.#hiding > 0 && ancestors.some((up) => this.#hides.get(up) !== undefined);
  }

  children(folder: string): { readonly path: string; readonly entry: OverlayEntry }[] {
    return toEntries(this.#children.all(folder));
  }

  /** All entries deeper than `folder`, in order. */
  below(folder: string): { readonly path: string; readonly entry: OverlayEntry }[] {
    return toEntries(this.#below.all(`${folder}/`, `${folder}0`));
  }

  /** Every path with content of its own. The index must not be changed meanwhile. */
  received(): IterableIterator<{ readonly path: string; readonly blob: number }> {
    const sql = 'SELECT path, blob FROM entry WHERE blob IS NOT NULL';
    return this.#handle.db.prepare<unknown[], { path: string; blob: number }>(sql).iterate();
  }

  /** Entries that hide something of the lower layer. */
  hiding(): { readonly path: string; readonly entry: OverlayEntry }[] {
    const rows = prepare(
      this.#handle.db,
      `SELECT ${COLUMNS} FROM entry WHERE kind = 'gone' OR opaque = 1 ORDER BY path`,
    ).all();
    return toEntries(rows);
  }

  addRemoval(path: string): void {
    prepare(this.#handle.db, 'INSERT OR IGNORE INTO removal VALUES (?)').run(path);
  }

  /** Files, and removals of what no file replaces, after `after`, in order of their paths. */
  changesAfter(after: string, limit: number): { readonly path: string; readonly file: OverlayFile | null }[] {
    const sql = `SELECT ${COLUMNS} FROM entry WHERE kind = 'file' AND path > ?
      UNION ALL SELECT path, 'gone', NULL, NULL, NULL, NULL, NULL, 0 FROM removal r
        WHERE path > ? AND NOT EXISTS (SELECT 1 FROM entry e WHERE e.path = r.path AND e.kind = 'file')
      ORDER BY path LIMIT ?`;
    const rows = prepare(this.#handle.db, sql).all(after, after, limit);
    return toEntries(rows).map(({ path, entry }) => ({ path, file: entry.kind === 'file' ? entry : null }));
  }

  /** Is there a file at or below `Snapshot`? The device should have moved all of them to their places. */
  hasFileBelow(folder: string): boolean {
    const sql = "SELECT 1 FROM entry WHERE path > ? AND path < ? AND kind = 'file' LIMIT 1";
    return prepare(this.#handle.db, sql).get(`${folder}/`, `${folder}/${LAST}`) !== undefined;
  }
}

function toEntries(rows: readonly Row[]): { path: string; entry: OverlayEntry }[] {
  const found: { path: string; entry: OverlayEntry }[] = [];
  for (const row of rows) {
    const entry = toEntry(row);
    if (entry !== undefined) found.push({ path: row.path, entry });
  }
  return found;
}

function toEntry(row: Row | undefined): OverlayEntry | undefined {
  if (row === undefined) return undefined;
  if (row.kind === 'gone') return { kind: 'gone' };
  if (row.kind === 'dir') return { kind: 'dir', opaque: row.opaque === 1 };
  const { blob, lower, size, mtime, sha256 } = row;
  return { kind: 'file', blob, lower, size: size ?? 0, mtimeUs: mtime ?? 0, sha256: sha256?.toString('hex') ?? null };
}

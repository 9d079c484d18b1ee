/**
 * The index of the overlay: what the device has sent, moved and removed in this run, in a scratch database.
 *
 * One transaction for the whole run: there is no journal, and a run that ends early throws the file away. The newest entries are held in memory:
 * payloads in recent-payloads.ts, where they are read, too, and from where they are written only when there are too many; the few others here.
 */
import type { SqliteStatement } from '../../io/sqlite.js';
import type { StoreDatabase } from '../disk/file-system.js';
import { BEHIND_ALL, behind, behindFolder } from '../records/names.js';
import { NameSieve } from './name-sieve.js';
import type { ListedChild, OverlayEntry, OverlayFile, PlacedEntry } from './overlay-entry.js';
import { COLUMNS, type ListedRow, prepare, type Row, toEntries, toEntry } from './overlay-rows.js';
import { RecentPayloads } from './recent-payloads.js';

const SCHEMA = `
PRAGMA cache_size = -4000;
CREATE TABLE entry(path TEXT PRIMARY KEY, fold TEXT, kind TEXT NOT NULL, blob INTEGER, lower TEXT,
  size INTEGER, mtime INTEGER, sha256 TEXT, opaque INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE UNIQUE INDEX entry_fold ON entry(fold) WHERE fold IS NOT NULL;
CREATE INDEX entry_hiding ON entry(path) WHERE kind = 'gone' OR opaque = 1;
CREATE TABLE removal(path TEXT PRIMARY KEY) WITHOUT ROWID;
BEGIN;
`;

/** Files, and removals of what no file replaces. */
const CHANGES = `SELECT ${COLUMNS} FROM entry WHERE kind = 'file' AND path > ?
  UNION ALL SELECT path, 'gone', NULL, NULL, NULL, NULL, NULL, 0 FROM removal r
    WHERE path > ? AND NOT EXISTS (SELECT 1 FROM entry e WHERE e.path = r.path AND e.kind = 'file')
  ORDER BY path LIMIT ?`;

/** Entries held in memory, at most, that are no received payloads: some 300 bytes each. */
const MOST_RECENT = 2_000;
/** Answers of the database that are held: the steps of one move ask for the same two names again and again. */
const MOST_LOOKED_UP = 16;
const PAGE = 500;

interface Recent {
  readonly fold: string | null;
  /** Nothing: deleted. */
  readonly entry: OverlayEntry | undefined;
}

export class OverlayIndex {
  readonly #handle: StoreDatabase;
  readonly #get: SqliteStatement<Row>;
  readonly #put: SqliteStatement<Row>;
  readonly #delete: SqliteStatement<Row>;
  readonly #range: SqliteStatement<Row>;
  readonly #listed: SqliteStatement<ListedRow>;
  readonly #folded: SqliteStatement<Row>;
  readonly #changes: SqliteStatement<Row>;
  readonly #recent = new Map<string, Recent>();
  readonly #recentPayloads = new RecentPayloads();
  readonly #lookedUp = new Map<string, OverlayEntry | undefined>();
  /** What the database holds, or held. */
  readonly #written = new NameSieve();
  /** Are there entries that hide folders of the lower layer? Mostly not, and then no ancestor need be looked at. */
  #hiding = 0;

  constructor(handle: StoreDatabase) {
    this.#handle = handle;
    const { db } = handle;
    db.exec(SCHEMA);
    this.#get = prepare(db, `SELECT ${COLUMNS} FROM entry WHERE path = ?`);
    this.#put = prepare(db, 'INSERT OR REPLACE INTO entry VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)');
    this.#delete = prepare(db, 'DELETE FROM entry WHERE path = ?');
    const inRange = 'FROM entry WHERE path >= ? AND path < ? ORDER BY path LIMIT ?';
    this.#range = prepare(db, `SELECT ${COLUMNS} ${inRange}`);
    this.#listed = prepare<ListedRow>(db, `SELECT path, kind, size, mtime ${inRange}`);
    this.#folded = prepare(db, `SELECT ${COLUMNS} FROM entry WHERE fold = ?`);
    this.#changes = prepare(db, CHANGES);
  }

  close(): void {
    this.#handle.close();
  }

  get(path: string): OverlayEntry | undefined {
    const payload = RecentPayloads.isFor(path) ? this.#recentPayloads.get(path) : undefined;
    if (payload !== undefined) return payload ?? undefined;
    const recent = this.#recent.get(path);
    if (recent !== undefined) return recent.entry;
    if (this.#lookedUp.has(path)) return this.#lookedUp.get(path);
    if (!this.#written.mayHave(path)) return undefined;
    if (this.#lookedUp.size >= MOST_LOOKED_UP) this.#lookedUp.clear();
    const entry = toEntry(this.#get.get(path));
    this.#lookedUp.set(path, entry);
    return entry;
  }

  /** @param fold the folded name, for names that are not Apple's; those cannot clash (names.ts) */
  put(path: string, fold: string | null, entry: OverlayEntry): void {
    if (entry.kind === 'gone' || (entry.kind === 'dir' && entry.opaque)) this.#hiding += 1;
    if (!RecentPayloads.isFor(path)) this.#remember(path, { fold, entry });
    else if (entry.kind === 'file' && entry.blob !== null && entry.sha256 !== null) {
      const { blob, sha256 } = entry;
      this.#recent.delete(path);
      this.#recentPayloads.put(path, { ...entry, blob, sha256 });
      if (this.#recentPayloads.isFull) this.#flush();
    } else {
      this.#recentPayloads.forget(path);
      this.#remember(path, { fold, entry });
    }
  }

  delete(path: string): void {
    if (!RecentPayloads.isFor(path)) this.#remember(path, { fold: null, entry: undefined });
    else {
      this.#recent.delete(path);
      if (this.#written.mayHave(path)) this.#recentPayloads.delete(path);
      else this.#recentPayloads.forget(path);
      if (this.#recentPayloads.isFull) this.#flush();
    }
  }

  pathWithFold(fold: string): string | undefined {
    this.#flushOthers();
    return this.#folded.get(fold)?.[0];
  }

  /** Is what the lower layer has at `path` hidden by an entry above it? */
  hidesBelow(ancestors: readonly string[]): boolean {
    if (this.#hiding === 0) return false;
    return ancestors.some((up) => {
      const entry = this.get(up);
      return entry?.kind === 'gone' || (entry?.kind === 'dir' && entry.opaque);
    });
  }

  /** What `put` and `delete` of the two names would do, for a payload that phones send to `Snapshot/` first. False: they must be asked. */
  moveUp(path: string): boolean {
    const from = `Snapshot/${path}`;
    if (this.#recent.has(path) || this.#written.mayHave(path) || this.#written.mayHave(from)) return false;
    return RecentPayloads.isFor(path) && this.#recentPayloads.moveUp(path);
  }

  /** The entries directly in `folder`, in order. */
  children(folder: string): ListedChild[] {
    this.#settle();
    const written = this.#writtenIn(folder);
    return this.#recentPayloads.hasIn(folder) ? merged(written, this.#recentPayloads.inFolder(folder)) : written;
  }

  #writtenIn(folder: string): ListedChild[] {
    const prefix = folder === '' ? '' : `${folder}/`;
    const end = folder === '' ? BEHIND_ALL : behindFolder(folder);
    const found: ListedChild[] = [];
    // One row where folders are to be skipped, many where files follow each other.
    for (let from = prefix, limit = 1; ; limit = Math.min(limit * 2, PAGE)) {
      const rows = this.#listed.all(from, end, limit);
      if (rows.length === 0) return found;
      for (const [path, kind, size, mtimeUs] of rows) {
        const cut = path.indexOf('/', prefix.length);
        if (cut < 0) {
          found.push({ path, kind, size: size ?? 0, mtimeUs: mtimeUs ?? 0 });
          from = behind(path);
          continue;
        }
        from = behindFolder(path.slice(0, cut));
        limit = 1;
        break;
      }
    }
  }

  /** All entries deeper than `folder`, in order. */
  below(folder: string): PlacedEntry[] {
    if (this.#recentPayloads.hasBelow(folder)) this.#flush();
    else this.#flushOthers();
    return toEntries(this.#range.all(`${folder}/`, behindFolder(folder), -1));
  }

  /** Every path with content of its own. The index must not be changed meanwhile. */
  *received(): Generator<{ readonly path: string; readonly blob: number }, void> {
    this.#settle();
    const sql = 'SELECT path, blob FROM entry WHERE blob IS NOT NULL';
    for (const written of this.#handle.db.prepare<unknown[], { path: string; blob: number }>(sql).iterate()) {
      if (!RecentPayloads.isFor(written.path) || this.#recentPayloads.get(written.path) === undefined) yield written;
    }
    yield* this.#recentPayloads.blobs();
  }

  /** Entries that hide something of the lower layer. */
  hiding(): PlacedEntry[] {
    this.#flushOthers();
    const rows = prepare(
      this.#handle.db,
      `SELECT ${COLUMNS} FROM entry WHERE kind = 'gone' OR opaque = 1 ORDER BY path`,
    ).all();
    return toEntries(rows);
  }

  addRemoval(path: string): void {
    prepare(this.#handle.db, 'INSERT OR IGNORE INTO removal VALUES (?)').run(path);
  }

  /** `CHANGES` after `after`, in order of their paths. */
  changesAfter(after: string, limit: number): { readonly path: string; readonly file: OverlayFile | null }[] {
    this.#settle();
    const written = toEntries(this.#changes.all(after, after, limit));
    return merged(written, this.#recentPayloads.after(after, limit))
      .slice(0, limit)
      .map(({ path, entry }) => ({ path, file: entry.kind === 'file' ? entry : null }));
  }

  #remember(path: string, recent: Recent): void {
    this.#recent.set(path, recent);
    if (this.#recent.size >= MOST_RECENT) this.#flushOthers();
  }

  /** Afterwards the database and the recent payloads together say all; where both know a path, the payload counts. */
  #settle(): void {
    if (this.#recentPayloads.hasDeletions) this.#flush();
    else this.#flushOthers();
  }

  #flush(): void {
    this.#recentPayloads.drain((path, file) => {
      if (file === null) this.#delete.run(path);
      else this.#write(path, null, file);
    });
    this.#lookedUp.clear();
    this.#flushOthers();
  }

  #flushOthers(): void {
    if (this.#recent.size === 0) return;
    // In the order of the database's pages: each is read and written once.
    const sorted = [...this.#recent].sort(([a], [b]) => (a < b ? -1 : 1));
    // Names that are given up first: another path may have taken over their fold.
    for (const [path, { entry }] of sorted)
      if (entry === undefined && this.#written.mayHave(path)) this.#delete.run(path);
    for (const [path, { fold, entry }] of sorted) if (entry !== undefined) this.#write(path, fold, entry);
    this.#recent.clear();
    this.#lookedUp.clear();
  }

  #write(path: string, fold: string | null, entry: OverlayEntry): void {
    this.#written.add(path);
    if (entry.kind === 'file') {
      this.#put.run(path, fold, 'file', entry.blob, entry.lower, entry.size, entry.mtimeUs, entry.sha256, 0);
      return;
    }
    const opaque = entry.kind === 'dir' && entry.opaque ? 1 : 0;
    // A name that is gone blocks no other of the same fold.
    this.#put.run(path, entry.kind === 'gone' ? null : fold, entry.kind, null, null, null, null, null, opaque);
  }
}

/** Both in the order of their paths; where both have one, that of `newer`. */
function merged<Placed extends { readonly path: string }>(
  older: readonly Placed[],
  newer: readonly Placed[],
): Placed[] {
  const found: Placed[] = [];
  let at = 0;
  for (const entry of newer) {
    for (let next = older[at]; next !== undefined && next.path <= entry.path; next = older[++at]) {
      if (next.path !== entry.path) found.push(next);
    }
    found.push(entry);
  }
  return found.concat(older.slice(at));
}

/**
 * The catalog: what the folder should hold, and the lines of all lists, in SQLite. A cache: it can be deleted at any time.
 *
 * ```sql
 * meta(key PRIMARY KEY, value)                      -- cur: the version whose state `cur_file` describes
 * version(seq PRIMARY KEY, id UNIQUE, delta)        -- seq: order in the chain, oldest lowest; edited copies, in no order, from FIRST_EDIT on
 * line(path, seq, kind, at, size, mtime, sha256)    -- kind 1: stored at `at`, 0: absent
 * cur_file(path PRIMARY KEY, size, mtime, sha256)   -- mtime in microseconds
 * ```
 *
 * One index seek finds the list that decides over a path, whatever the number of versions in between. A commit adds rows for its own changes only.
 * Readers open it beside the writer (ordinary SQLite locks, journal_mode=DELETE): what they check the folder against stands here.
 */
import type { SqliteDatabase, SqliteStatement } from '../../io/sqlite.js';
import type { FileIdentity } from '../disk/file-identity.js';
import type { StoreDatabase } from '../disk/file-system.js';
import type { ChangeLine } from './change-list.js';
import { BEHIND_ALL, behind, behindFolder, comparePaths } from './names.js';

/** In SQLite's user_version. */
const FORMAT = 1;

const SCHEMA = `
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE TABLE version(seq INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, delta TEXT NOT NULL);
CREATE TABLE line(path TEXT, seq INTEGER, kind INTEGER, at TEXT, size INTEGER, mtime INTEGER, sha256 BLOB,
  PRIMARY KEY(path, seq)) WITHOUT ROWID;
CREATE INDEX line_at ON line(at, path) WHERE kind = 1;
CREATE INDEX line_seq ON line(seq);
CREATE TABLE cur_file(path TEXT PRIMARY KEY, size INTEGER, mtime INTEGER, sha256 BLOB) WITHOUT ROWID;
`;

/** As text: SQLite's blobs become a buffer of their own each, which costs more than the digits. */
const SHA256 = "nullif(lower(hex(sha256)), '') AS sha256";

const FIRST_EDIT = 2 ** 40;
const NO_SEQ = -(2 ** 50);

interface IdentityRow {
  readonly size: number | null;
  readonly mtime: number | null;
  readonly sha256: string | null;
}

export interface VersionRow {
  readonly seq: number;
  readonly id: string;
  readonly delta: string;
}

export interface CatalogLine {
  readonly kind: 'stored' | 'absent';
  readonly at: string | null;
  readonly old: FileIdentity | null;
  readonly seq: number;
}

/** A line of a list, for sums. `here`: the size of what the folder should hold at the same path; null for nothing. */
export interface CatalogSpan {
  readonly path: string;
  readonly seq: number;
  readonly kind: number;
  readonly at: string | null;
  readonly size: number | null;
  readonly here: number | null;
}

/** What a folder should hold, by the catalog. */
export interface FolderContent {
  readonly files: Map<string, FileIdentity>;
  readonly folders: Set<string>;
}

/** Statements live with their connection, which several catalogs may look at in turn. */
const PREPARED = new WeakMap<SqliteDatabase, Map<string, Statement>>();

type Statement = SqliteStatement<unknown>;

export class Catalog {
  readonly #handle: StoreDatabase;
  readonly #statements: Map<string, Statement>;

  /** @throws SqliteError when the file is no database, or of another format */
  constructor(handle: StoreDatabase, use: 'write' | 'read' = 'write') {
    this.#handle = handle;
    this.#statements = PREPARED.get(handle.db) ?? new Map();
    PREPARED.set(handle.db, this.#statements);
    const format = handle.db.pragma('user_version', { simple: true });
    if (format === FORMAT) return;
    if (format !== 0 || use === 'read') throw new Error('catalog of another format');
    handle.db.exec(`BEGIN; ${SCHEMA} PRAGMA user_version = ${FORMAT}; COMMIT;`);
  }

  close(): void {
    this.#handle.close();
  }

  /** The version whose state the folder should hold; undefined when that is not known. */
  get current(): string | undefined {
    return this.meta('cur');
  }

  meta(key: string): string | undefined {
    const row = this.#get<{ value: string }>('SELECT value FROM meta WHERE key = ?', key);
    return row?.value;
  }

  setMeta(key: string, value: string | null): void {
    if (value === null) this.#run('DELETE FROM meta WHERE key = ?', key);
    else this.#run('INSERT OR REPLACE INTO meta VALUES (?, ?)', key, value);
  }

  /** What the folder should hold at `path`. */
  file(path: string): FileIdentity | undefined {
    return identityOf(this.#get<IdentityRow>(`SELECT size, mtime, ${SHA256} FROM cur_file WHERE path = ?`, path));
  }

  /** Size and time alone of `file`. */
  stamp(path: string): Pick<FileIdentity, 'size' | 'mtimeUs'> | undefined {
    const row = this.#get<{ size: number | null; mtime: number | null }>(STAMP, path);
    return row === undefined || row.size === null || row.mtime === null
      ? undefined
      : { size: row.size, mtimeUs: row.mtime };
  }

  /** What should lie directly in `folder`. */
  folder(folder: string): FolderContent {
    const prefix = folder === '' ? '' : `${folder}/`;
    const content: FolderContent = { files: new Map(), folders: new Set() };
    const end = folder === '' ? BEHIND_ALL : behindFolder(folder);
    for (let from = prefix; ; ) {
      const rows = this.#all<IdentityRow & { path: string }>(
        `SELECT path, size, mtime, ${SHA256} FROM cur_file WHERE path >= ? AND path < ? ORDER BY path LIMIT 100`,
        from,
        end,
      );
      if (rows.length === 0) return content;
      for (const row of rows) {
        const name = row.path.slice(prefix.length);
        const cut = name.indexOf('/');
        if (cut >= 0) {
          // Over all that lies deeper: 256 folders are 256 seeks, however many files there are.
          content.folders.add(name.slice(0, cut));
          from = behindFolder(`${prefix}${name.slice(0, cut)}`);
          break;
        }
        const identity = identityOf(row);
        if (identity !== undefined) content.files.set(name, identity);
        from = behind(row.path);
      }
    }
  }

  /** Paths after `after` below `prefix` (a folder with its `/`, or `''`), in order. */
  pathsAfter(prefix: string, after: string, limit: number): string[] {
    const end = prefix === '' ? BEHIND_ALL : behindFolder(prefix.slice(0, -1));
    const from = comparePaths(after, prefix) > 0 ? behind(after) : prefix;
    const sql = 'SELECT path FROM cur_file WHERE path >= ? AND path < ? ORDER BY path LIMIT ?';
    return this.#all<{ path: string }>(sql, from, end, limit).map(({ path }) => path);
  }

  /**
   * Paths that the folder or any list of the chain from `seq` on names, in order.
   * @param own of an edited copy, whose base is at `seq`
   */
  pathsOfVersion(seq: number, after: string, limit: number, own = NO_SEQ): string[] {
    const sql = `SELECT path FROM (SELECT path FROM cur_file WHERE path > ?
      UNION SELECT path FROM line WHERE path > ? AND (seq = ? OR seq >= ? AND seq < ${FIRST_EDIT})) ORDER BY path LIMIT ?`;
    return this.#all<{ path: string }>(sql, after, after, own, seq, limit).map(({ path }) => path);
  }

  /** Name of the list of a version whose lines are here, and its place in the order. */
  version(id: string): { readonly seq: number; readonly delta: string } | undefined {
    return this.#get<{ seq: number; delta: string }>('SELECT seq, delta FROM version WHERE id = ?', id);
  }

  /** Of the chain, oldest first. */
  versions(): VersionRow[] {
    return this.#all(`SELECT seq, id, delta FROM version WHERE seq < ${FIRST_EDIT} ORDER BY seq`);
  }

  /** Edited copies. */
  edits(): VersionRow[] {
    return this.#all(`SELECT seq, id, delta FROM version WHERE seq >= ${FIRST_EDIT} ORDER BY seq`);
  }

  /** For the lines of a new edited copy. */
  nextEdit(): number {
    return (this.edits().at(-1)?.seq ?? FIRST_EDIT) + 1;
  }

  /** The oldest line for `path` in the lists `from` to `to`: it decides. */
  line(path: string, from: number, to: number): CatalogLine | undefined {
    const sql = `SELECT seq, kind, at, size, mtime, ${SHA256} FROM line
      WHERE path = ? AND seq BETWEEN ? AND ? ORDER BY seq LIMIT 1`;
    const row = this.#get<IdentityRow & { seq: number; kind: number; at: string | null }>(sql, path, from, to);
    if (row === undefined) return undefined;
    return { kind: row.kind === 1 ? 'stored' : 'absent', at: row.at, old: identityOf(row) ?? null, seq: row.seq };
  }

  /** Does any list name this content? */
  isStored(at: string, path: string): boolean {
    return this.#get('SELECT 1 FROM line WHERE at = ? AND path = ? AND kind = 1 LIMIT 1', at, path) !== undefined;
  }

  /** Where `path` is stored, by which lists. Those of the chain oldest first, then those of edited copies. */
  kept(path: string): { readonly seq: number; readonly at: string; readonly identity: FileIdentity }[] {
    const sql = `SELECT seq, at, size, mtime, ${SHA256} FROM line WHERE path = ? AND kind = 1 AND at IS NOT NULL ORDER BY seq`;
    return this.#all<IdentityRow & { seq: number; at: string }>(sql, path).flatMap((row) => {
      const identity = identityOf(row);
      return identity === undefined ? [] : [{ seq: row.seq, at: row.at, identity }];
    });
  }

  /** Every line of all lists, by path and then from the oldest on, with the size that the folder should hold there. One pass, nothing else may be asked meanwhile. */
  lines(): IterableIterator<CatalogSpan> {
    return this.#statement(SPANS).iterate() as IterableIterator<CatalogSpan>;
  }

  /** Sizes of what lies in the folder under the names of `paths`. */
  sizes(paths: readonly string[]): number {
    return paths.reduce((sum, path) => sum + Math.max(0, this.stamp(path)?.size ?? 0), 0);
  }

  /** All that `work` asks is of one moment, and costs one lock. */
  together<T>(work: () => T): T {
    this.#handle.db.exec('BEGIN');
    try {
      return work();
    } finally {
      this.#handle.db.exec('COMMIT');
    }
  }

  begin(): void {
    this.#handle.db.exec('BEGIN IMMEDIATE');
  }

  /** All since `begin` is durable. */
  commit(): void {
    this.#handle.db.exec('COMMIT');
    this.#handle.saved();
  }

  rollback(): void {
    if (this.#handle.db.inTransaction) this.#handle.db.exec('ROLLBACK');
  }

  /** All of `work` or nothing. On return it is durable. @throws what `work` throws */
  async transaction<T>(work: () => T | Promise<T>): Promise<T> {
    this.begin();
    try {
      const result = await work();
      this.commit();
      return result;
    } catch (error) {
      this.rollback();
      throw error;
    }
  }

  addVersion(seq: number, id: string, delta: string): void {
    this.#run('INSERT INTO version VALUES (?, ?, ?)', seq, id, delta);
  }

  dropVersion(seq: number): void {
    this.#run('DELETE FROM line WHERE seq = ?', seq);
    this.#run('DELETE FROM version WHERE seq = ?', seq);
  }

  clear(): void {
    this.#handle.db.exec(
      "DELETE FROM line; DELETE FROM version; DELETE FROM cur_file; DELETE FROM meta WHERE key = 'cur'",
    );
  }

  addLine(seq: number, line: ChangeLine): void {
    const { p, k, at, old } = line;
    const kind = k === 'stored' ? 1 : 0;
    this.#run('INSERT INTO line VALUES (?, ?, ?, ?, ?, ?, unhex(?))', p, seq, kind, at, ...values(old));
  }

  setFile(path: string, identity: FileIdentity | null): void {
    if (identity === null) this.#run('DELETE FROM cur_file WHERE path = ?', path);
    else this.#run('INSERT OR REPLACE INTO cur_file VALUES (?, ?, ?, unhex(?))', path, ...values(identity));
  }

  /** In one transaction. */
  setFiles(files: readonly (readonly [string, FileIdentity])[]): void {
    if (files.length === 0) return;
    this.begin();
    try {
      for (const [path, identity] of files) this.setFile(path, identity);
      this.commit();
    } catch (error) {
      this.rollback();
      throw error;
    }
  }

  #statement(sql: string): Statement {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#handle.db.prepare<unknown[], unknown>(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  #run(sql: string, ...bound: unknown[]): void {
    this.#statement(sql).run(...bound);
  }

  #get<Row>(sql: string, ...bound: unknown[]): Row | undefined {
    return this.#statement(sql).get(...bound) as Row | undefined;
  }

  #all<Row>(sql: string, ...bound: unknown[]): Row[] {
    return this.#statement(sql).all(...bound) as Row[];
  }
}

const SPANS = `SELECT l.path, l.seq, l.kind, l.at, l.size, c.size AS here FROM line l LEFT JOIN cur_file c ON c.path = l.path
  ORDER BY l.path, l.seq`;
const STAMP = 'SELECT size, mtime FROM cur_file WHERE path = ?';

function identityOf(row: IdentityRow | undefined): FileIdentity | undefined {
  if (row === undefined || row.size === null || row.mtime === null) return undefined;
  return { size: row.size, mtimeUs: row.mtime, sha256: row.sha256 };
}

function values(identity: FileIdentity | null): [number | null, number | null, string | null] {
  if (identity === null) return [null, null, null];
  return [identity.size, identity.mtimeUs, identity.sha256];
}

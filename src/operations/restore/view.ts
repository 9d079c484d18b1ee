/**
 * What a phone sees of the backup that it restores: its files, with what the phone itself writes, copies, moves and removes laid over them. The backup is
 * only read; what the phone writes lies under numbers in a scratch folder, and goes away with it.
 *
 * One table holds every path: `entry(path, parent, kind, source, blob, size, mtime)`. `source` is a path of the backup, `blob` a number of the scratch folder.
 * It lives in a temporary file of SQLite's own, so that a million files cost no memory.
 */
import type { BackupSource } from '../../backup/reader/backup-source.js';
import type { ReadableFile } from '../../backup/disk/file-system.js';
import { systemError } from '../../backup/disk/file-system.js';
import { behindFolder } from '../../backup/records/names.js';
import { openSqlite, type SqliteDatabase } from '../../io/sqlite.js';
import type { RestoreScratch } from './scratch.js';

export interface ViewEntry {
  readonly name: string;
  readonly kind: 'file' | 'directory';
  readonly sizeBytes: number;
  readonly modifiedMs: number;
}

interface Row {
  readonly path: string;
  readonly kind: 'file' | 'directory';
  readonly source: string | null;
  readonly blob: number | null;
  readonly size: number;
  readonly mtime: number;
}

type Cells = [string, string, string, string | null, number | null, number, number];

/** A hostile phone could fill the disk with names. */
const MOST_ENTRIES_OF_ITS_OWN = 200_000;
const ROWS_A_TRANSACTION = 5000;

export class RestoreView {
  readonly #db: SqliteDatabase;
  readonly #get;
  readonly #insert;
  readonly #children;
  readonly #source: BackupSource;
  readonly #scratch: RestoreScratch;
  readonly #folders = new Set<string>();
  #open = false;
  #pending = 0;
  #own = 0;

  constructor(source: BackupSource, scratch: RestoreScratch) {
    this.#source = source;
    this.#scratch = scratch;
    this.#db = openSqlite('');
    this.#db.pragma('journal_mode = OFF');
    this.#db.pragma('synchronous = OFF');
    this.#db.exec(
      `CREATE TABLE entry(path TEXT PRIMARY KEY, parent TEXT, kind TEXT, source TEXT, blob INTEGER, size INTEGER, mtime INTEGER) WITHOUT ROWID;
       CREATE INDEX entry_parent ON entry(parent);`,
    );
    this.#get = this.#db.prepare<[string], Row>('SELECT * FROM entry WHERE path = ?');
    this.#insert = this.#db.prepare<Cells>('INSERT OR REPLACE INTO entry VALUES (?, ?, ?, ?, ?, ?, ?)');
    this.#children = this.#db.prepare<[string], Row>('SELECT * FROM entry WHERE parent = ?');
  }

  /** A file of the backup. Called for each, before the phone is served. */
  add(path: string, sizeBytes: number, modifiedMs: number): void {
    if (!this.#open) this.#db.exec('BEGIN');
    this.#open = true;
    this.#put({ path, kind: 'file', source: path, blob: null, size: sizeBytes, mtime: modifiedMs });
    this.#pending += 1;
    if (this.#pending >= ROWS_A_TRANSACTION) this.ready();
  }

  /** All files of the backup are known. */
  ready(): void {
    if (this.#open) this.#db.exec('COMMIT');
    this.#open = false;
    this.#pending = 0;
    this.#own = 0;
  }

  close(): void {
    this.#db.close();
  }

  /** @throws ENOENT, EISDIR */
  open(path: string): ReadableFile {
    const row = this.#row(path);
    if (row === undefined) throw systemError('ENOENT', path);
    if (row.kind === 'directory') throw systemError('EISDIR', path);
    const file = row.blob === null ? this.#source.open(row.source ?? '') : this.#scratch.open(row.blob);
    if (file === undefined) throw systemError('ENOENT', path);
    return file;
  }

  /** Of a file; undefined where there is none. */
  sizeOf(path: string): number | undefined {
    const row = this.#row(path);
    return row?.kind === 'file' ? row.size : undefined;
  }

  /** None for what is no folder. */
  list(folder: string): ViewEntry[] {
    return this.#children.all(folder).map(({ path, kind, size, mtime }) => ({
      name: path.slice(path.lastIndexOf('/') + 1),
      kind,
      sizeBytes: size,
      modifiedMs: mtime,
    }));
  }

  makeDirectory(path: string): void {
    if (path === '') return;
    const row = this.#row(path);
    if (row?.kind === 'file') throw systemError('EEXIST', path);
    if (row === undefined) this.#putOwn(directory(path));
  }

  /** Content that the phone has sent, whole, in the scratch folder. */
  place(path: string, blob: number, sizeBytes: number, nowMs: number): void {
    this.#refuseFolder(path);
    this.#putOwn({ path, kind: 'file', source: null, blob, size: sizeBytes, mtime: nowMs });
  }

  /** A missing path is success. The backup keeps the file: the phone no longer sees it. */
  remove(path: string): void {
    if (path === '') throw systemError('EINVAL', path);
    this.#folders.clear();
    this.#db.prepare('DELETE FROM entry WHERE path = ?').run(path);
    this.#db.prepare('DELETE FROM entry WHERE path > ? AND path < ?').run(`${path}/`, behindFolder(path));
  }

  copy(from: string, to: string): void {
    for (const row of this.#tree(from, to)) this.#putOwn({ ...row, path: `${to}${row.path.slice(from.length)}` });
  }

  move(from: string, to: string): void {
    const rows = this.#tree(from, to);
    this.remove(from);
    if (this.#row(to) !== undefined) this.remove(to);
    for (const row of rows) this.#putOwn({ ...row, path: `${to}${row.path.slice(from.length)}` });
  }

  /** @throws ENOENT, EINVAL for a folder into itself */
  #tree(from: string, to: string): Row[] {
    if (from === '' || to === '' || to.startsWith(`${from}/`) || from.startsWith(`${to}/`))
      throw systemError('EINVAL', from);
    const top = this.#row(from);
    if (top === undefined) throw systemError('ENOENT', from);
    if (top.kind === 'file') return [top];
    const below = this.#db.prepare<[string, string, number], Row>(
      'SELECT * FROM entry WHERE path > ? AND path < ? LIMIT ?',
    );
    return [top, ...below.all(`${from}/`, behindFolder(from), MOST_ENTRIES_OF_ITS_OWN)];
  }

  #refuseFolder(path: string): void {
    if (path === '' || this.#row(path)?.kind === 'directory') throw systemError('EISDIR', path);
  }

  #row(path: string): Row | undefined {
    return this.#get.get(path);
  }

  #putOwn(row: Row): void {
    this.#own += 1;
    if (this.#own > MOST_ENTRIES_OF_ITS_OWN) throw systemError('ENOSPC', row.path);
    this.#put(row);
  }

  #put(row: Row): void {
    const cut = row.path.lastIndexOf('/');
    const parent = cut < 0 ? '' : row.path.slice(0, cut);
    if (parent !== '' && !this.#folders.has(parent)) {
      const there = this.#row(parent);
      if (there?.kind === 'file') throw systemError('ENOTDIR', row.path);
      if (there === undefined) this.#put(directory(parent));
      this.#folders.add(parent);
    }
    const { path, kind, source, blob, size, mtime } = row;
    this.#insert.run(path, parent, kind, source, blob, size, Math.floor(mtime));
  }
}

function directory(path: string): Row {
  return { path, kind: 'directory', source: null, blob: null, size: 0, mtime: 0 };
}

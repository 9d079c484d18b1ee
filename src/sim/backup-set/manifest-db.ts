/** Manifest.db, the manifest from iOS 10 on: a SQLite database of one row per item (backup format notes, 3.1). */
import { openSqlite, type SqliteDatabase } from '../../io/sqlite.js';
import { encodeMbFile } from './mbfile.js';
import { type ManifestRecord, rowFlags } from './record.js';

const SCHEMA = `
CREATE TABLE Files (fileID TEXT PRIMARY KEY, domain TEXT, relativePath TEXT, flags INTEGER, file BLOB);
CREATE TABLE Properties (key TEXT PRIMARY KEY, value BLOB);`;

const INDEXES = `
CREATE INDEX FilesDomainIdx ON Files(domain);
CREATE INDEX FilesRelativePathIdx ON Files(relativePath);
CREATE INDEX FilesFlagsIdx ON Files(flags);`;

/** Largest blob that one row of padding holds: far below SQLite's own limit. */
const PADDING_ROW_BYTES = 256 * 1024 * 1024;

/** Writes a new database row by row. The same rows in the same order give the same bytes. */
export class ManifestDbWriter {
  readonly #db: SqliteDatabase;
  readonly #insert: { run(...values: unknown[]): unknown };

  /** `path` must not exist. */
  constructor(path: string) {
    this.#db = openSqlite(path);
    this.#db.pragma('page_size = 4096');
    this.#db.pragma('journal_mode = MEMORY');
    this.#db.pragma('synchronous = OFF');
    this.#db.pragma('auto_vacuum = INCREMENTAL');
    this.#db.pragma('user_version = 2');
    this.#db.exec(SCHEMA);
    this.#insert = this.#db.prepare(
      'INSERT INTO Files (fileID, domain, relativePath, flags, file) VALUES (?, ?, ?, ?, ?)',
    );
    this.#db.exec('BEGIN');
  }

  add(record: ManifestRecord): void {
    const { item } = record;
    this.#insert.run(record.fileId, item.domain, item.relativePath, rowFlags(item), encodeMbFile(record));
  }

  /** Makes the file at least this much larger, with rows that no reader looks at: what a phone with a million files sends. */
  pad(bytes: number): void {
    const insert = this.#db.prepare('INSERT INTO Properties (key, value) VALUES (?, zeroblob(?))');
    for (let left = bytes, row = 0; left > 0; left -= PADDING_ROW_BYTES, row += 1) {
      insert.run(`padding ${row}`, Math.min(left, PADDING_ROW_BYTES));
    }
  }

  /** Completes the database and closes it. */
  finish(): void {
    this.#db.exec('COMMIT');
    this.#db.exec(INDEXES);
    this.#db.close();
  }

  /** Closes without completing. Harmless after `finish`. */
  abandon(): void {
    this.#db.close();
  }
}

/** The one door to SQLite. */
import Database from 'better-sqlite3';

export type SqliteDatabase = Database.Database;

/** Opens a database that must exist, never writing to it or beside it. @throws SqliteError when it is no database. */
export function openSqliteReadOnly(path: string): SqliteDatabase {
  return new Database(path, { readonly: true, fileMustExist: true });
}

/** Opens or creates a database for writing. */
export function openSqlite(path: string): SqliteDatabase {
  return new Database(path);
}

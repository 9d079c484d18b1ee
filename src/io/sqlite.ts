/** The one door to SQLite. */
import Database from 'better-sqlite3';

export type SqliteDatabase = Database.Database;

/** Opens a database that must exist, never writing to it or beside it. @throws SqliteError when it is no database. */
export function openSqliteReadOnly(path: string): SqliteDatabase {
  return withSmallCache(new Database(path, { readonly: true, fileMustExist: true }));
}

/** As `openSqliteReadOnly`, of a file that has no content yet: nothing of it is read before the first statement. */
export function openSqliteUnread(path: string): SqliteDatabase {
  return new Database(path, { readonly: true, fileMustExist: true });
}

/** Opens or creates a database for writing. */
export function openSqlite(path: string): SqliteDatabase {
  return new Database(path);
}

/** A database of its own in a file that has no name: nothing is left of it when the process ends, even by a kill. */
export function openTemporarySqlite(): SqliteDatabase {
  return withSmallCache(new Database(''));
}

/** better-sqlite3 keeps 16 MB of pages of each database; several are open at once, and the system's own cache holds the rest. Reads the file. */
export function withSmallCache(database: SqliteDatabase): SqliteDatabase {
  database.pragma('cache_size = -2000');
  return database;
}

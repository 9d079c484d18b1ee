/** The one door to SQLite. Loaded when a database is first opened: much of a short run is loading, and many open none. */
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import type BetterSqlite from 'better-sqlite3';

export type SqliteDatabase = BetterSqlite.Database;
/** Of a query whose rows are `Row`s. */
export type SqliteStatement<Row> = BetterSqlite.Statement<unknown[], Row>;

const load = createRequire(import.meta.url);

function openDatabase(path: string, options?: BetterSqlite.Options): SqliteDatabase {
  const Database: typeof BetterSqlite = load('better-sqlite3');
  return new Database(path, options);
}

/** Opens a database that must exist, never writing to it or beside it. @throws SqliteError when it is no database. */
export function openSqliteReadOnly(path: string): SqliteDatabase {
  return withSmallCache(openDatabase(path, { readonly: true, fileMustExist: true }));
}

/**
 * As `openSqliteReadOnly`, of a file that nobody changes meanwhile, whatever journal its header names: no lock is taken, no log is looked for and none is made
 * (https://sqlite.org/uri.html, `immutable`).
 * @returns undefined where SQLite was built without such names, as the prebuilt one of better-sqlite3 is; bin/prepare-sqlite.js compiles it with them
 */
export function openSqliteImmutable(path: string): SqliteDatabase | undefined {
  knowsUris ??= builtWith('USE_URI');
  return knowsUris ? openSqliteReadOnly(`${pathToFileURL(path).href}?immutable=1`) : undefined;
}

let knowsUris: boolean | undefined;

function builtWith(option: string): boolean {
  const db = openDatabase('');
  try {
    const options = db.pragma('compile_options') as readonly { readonly compile_options: string }[];
    return options.some(({ compile_options: each }) => each === option);
  } finally {
    db.close();
  }
}

/** As `openSqliteReadOnly`, of a file that has no content yet: nothing of it is read before the first statement. */
export function openSqliteUnread(path: string): SqliteDatabase {
  return openDatabase(path, { readonly: true, fileMustExist: true });
}

/** Opens or creates a database for writing. */
export function openSqlite(path: string): SqliteDatabase {
  return openDatabase(path);
}

/** A database of its own in a file that has no name: nothing is left of it when the process ends, even by a kill. */
export function openTemporarySqlite(): SqliteDatabase {
  return withSmallCache(openDatabase(''));
}

/** better-sqlite3 keeps 16 MB of pages of each database; several are open at once, and the system's own cache holds the rest. Reads the file. */
export function withSmallCache(database: SqliteDatabase): SqliteDatabase {
  database.pragma('cache_size = -2000');
  return database;
}

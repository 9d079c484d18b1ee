/**
 * Table `Files` of Manifest.db: `fileID TEXT PRIMARY KEY, domain TEXT, relativePath TEXT, flags INTEGER, file BLOB`, read in pages.
 *
 * Each page is one statement over a range of the table or of an index, which begins behind the last row of the page before (keyset). What such a range
 * does not say is filtered by the caller: SQLite itself never searches, so that a page costs what it holds, also in a database made to do harm.
 * Names of indexes are not relied on: iOS 10-26 have one on `domain` and one on `relativePath`, iOS 27 one on both.
 */
import type { IbkError } from '../../errors.js';
import type { SqliteDatabase } from '../../io/sqlite.js';
import { assertPlainSchema } from '../format/manifest-schema.js';
import { behindFolder } from '../records/names.js';
import { damagedManifest, guarded, type RawRow, rawRow, SELECT_FILES } from './manifest-rows.js';

const WANTED = ['fileID', 'domain', 'relativePath', 'flags', 'file'] as const;
/** The first rows come at once, the many in larger pages. */
const FIRST_PAGE = 100;
const LARGEST_PAGE = 2000;
/** No row is shorter. */
const ROW_BYTES = 8;
const LEAST_ROWID = -(2n ** 63n);

interface Index {
  readonly name: string;
  readonly columns: readonly string[];
}

export class ManifestTable {
  readonly #db: SqliteDatabase;
  readonly #indexes: readonly Index[];
  readonly #mostRows: number;

  /** @throws IbkError `damaged`, reason `manifest`: no such table, a view in its place, a column missing */
  constructor(db: SqliteDatabase) {
    this.#db = db;
    const [indexes, mostRows] = guarded(() => {
      db.pragma('cache_size = -2000');
      assertPlainSchema(db);
      checkTable(db);
      return [usableIndexes(db), rowsThatFit(db)];
    });
    this.#indexes = indexes;
    this.#mostRows = mostRows;
  }

  /** Every row, or those of a domain, or those below a path (and then of any domain, where the index has no more to say). */
  *pages(domain?: string, below?: string): Generator<readonly RawRow[], void> {
    if (domain === undefined) yield* this.#byRowid('NOT INDEXED', []);
    else if (below !== undefined && this.#index('domain', 'relativePath') !== undefined)
      yield* this.#byPath(this.#index('domain', 'relativePath'), `${below}/`, behindFolder(below), domain);
    else if (below !== undefined && this.#index('relativePath') !== undefined)
      yield* this.#byPath(this.#index('relativePath'), `${below}/`, behindFolder(below));
    else if (this.#index('domain') !== undefined)
      yield* this.#byRowid(`INDEXED BY ${quoted(this.#index('domain'))}`, ['domain = ?'], domain);
    else if (this.#index('domain', 'relativePath') !== undefined)
      yield* this.#byPath(this.#index('domain', 'relativePath'), '', undefined, domain);
    else yield* this.#byRowid('NOT INDEXED', []);
  }

  /** Every row in the order of its fileID; undefined where the table has no index for that. */
  pagesByFileId(): Generator<readonly RawRow[], void> | undefined {
    const index = this.#index('fileID');
    return index === undefined ? undefined : this.#byFileId(index);
  }

  *#byFileId(index: Index): Generator<readonly RawRow[], void> {
    // Placeholders have null there, which is in no range. The key of the last row is taken inside of SQLite, as in `#byPath`.
    const statement = guarded(() =>
      ['?', '(SELECT fileID FROM Files WHERE _rowid_ = ?)'].map((last) =>
        this.#db
          .prepare(`${SELECT_FILES} INDEXED BY ${quoted(index)} WHERE fileID > ${last} ORDER BY fileID LIMIT ?`)
          .raw(),
      ),
    );
    const [first, next] = statement;
    let last: unknown;
    for (const size of this.#sizes()) {
      const rows = guarded(() => (last === undefined ? first?.all('', size) : next?.all(last, size))?.map(rawRow));
      if (rows === undefined || rows.length === 0) return;
      yield rows;
      if (rows.length < size) return;
      last = rows.at(-1)?.[0];
    }
  }

  /** By the primary key. Undefined also where the table has no index for it: then `pages` finds what is there. */
  row(fileId: string): RawRow | undefined {
    const index = this.#index('fileID');
    if (index === undefined) return undefined;
    return guarded(() => {
      const found: unknown = this.#db
        .prepare(`${SELECT_FILES} INDEXED BY ${quoted(index)} WHERE fileID = ? LIMIT 1`)
        .raw()
        .get(fileId);
      return found === undefined ? undefined : rawRow(found);
    });
  }

  get hasPrimaryKey(): boolean {
    return this.#index('fileID') !== undefined;
  }

  /** A value of table `Properties`; undefined where there is none. */
  property(key: string): Buffer | undefined {
    try {
      const value: unknown = this.#db.prepare('SELECT value FROM Properties WHERE key = ? LIMIT 1').pluck().get(key);
      if (typeof value === 'string') return Buffer.from(value, 'utf8');
      return Buffer.isBuffer(value) ? value : undefined;
    } catch {
      // Not every release has the table.
      return undefined;
    }
  }

  /** The first usable index that begins with these columns; with one of them, it must have no other. */
  #index(...columns: string[]): Index | undefined {
    const isUnique = columns[0] === 'fileID';
    return this.#indexes.find(
      (index) =>
        columns.every((column, at) => index.columns[at] === column) &&
        (isUnique || index.columns.length === columns.length),
    );
  }

  *#byRowid(how: string, conditions: readonly string[], ...values: string[]): Generator<readonly RawRow[], void> {
    const where = [...conditions, '_rowid_ > ?'].join(' AND ');
    const statement = guarded(() =>
      this.#db.prepare(`${SELECT_FILES} ${how} WHERE ${where} ORDER BY _rowid_ LIMIT ?`).raw(),
    );
    let last: number | bigint = LEAST_ROWID;
    for (const size of this.#sizes()) {
      const rows = guarded(() => statement.all(...values, last, size).map(rawRow));
      for (const [rowid] of rows) {
        if (typeof rowid !== 'number' || !Number.isSafeInteger(rowid) || rowid <= last) throw outOfOrder();
        last = rowid;
      }
      if (rows.length > 0) yield rows;
      if (rows.length < size) return;
    }
  }

  *#byPath(
    index: Index | undefined,
    from: string,
    before: string | undefined,
    domain?: string,
  ): Generator<readonly RawRow[], void> {
    const conditions = [
      ...(domain === undefined ? [] : ['domain = ?']),
      ...(before === undefined ? [] : ['relativePath < ?']),
    ];
    const values = [domain, before].filter((value) => value !== undefined);
    const order = 'ORDER BY relativePath, _rowid_ LIMIT ?';
    const how = `INDEXED BY ${quoted(index)}`;
    // The key of the last row is taken inside of SQLite: text that is no UTF-8 would not come back as it was.
    const after = '(relativePath, _rowid_) > (SELECT relativePath, _rowid_ FROM Files WHERE _rowid_ = ?)';
    const [first, next] = guarded(() =>
      ['relativePath >= ?', after].map((start) =>
        this.#db.prepare(`${SELECT_FILES} ${how} WHERE ${[...conditions, start].join(' AND ')} ${order}`).raw(),
      ),
    );
    let last: unknown;
    for (const size of this.#sizes()) {
      const rows = guarded(() =>
        (last === undefined ? first?.all(...values, from, size) : next?.all(...values, last, size))?.map(rawRow),
      );
      if (rows === undefined || rows.length === 0) return;
      yield rows;
      if (rows.length < size) return;
      last = rows.at(-1)?.[0];
    }
  }

  /** Of pages. @throws IbkError `damaged` when there were more rows than the file can hold */
  *#sizes(): Generator<number, void> {
    let total = 0;
    for (let size = FIRST_PAGE; ; size = Math.min(size * 4, LARGEST_PAGE)) {
      total += size;
      if (total > this.#mostRows + LARGEST_PAGE) throw outOfOrder();
      yield size;
    }
  }
}

function checkTable(db: SqliteDatabase): void {
  const withoutRowid = db.prepare(`SELECT wr FROM pragma_table_list('Files') WHERE schema = 'main'`).pluck().get();
  if (withoutRowid === undefined) throw damagedManifest('it has no table Files');
  if (withoutRowid !== 0) throw damagedManifest('the rows of its table Files have no numbers');
  const columns = new Set(db.prepare(`SELECT name FROM pragma_table_xinfo('Files') WHERE hidden = 0`).pluck().all());
  for (const name of WANTED) if (!columns.has(name)) throw damagedManifest(`its table Files has no column ${name}`);
  if (columns.has('_rowid_')) throw damagedManifest('its table Files has a column that hides the number of a row');
}

/** Whole, ascending, compared by bytes: so that a range of it is what a range of the columns is. */
function usableIndexes(db: SqliteDatabase): Index[] {
  const names = db.prepare(`SELECT name FROM pragma_index_list('Files') WHERE partial = 0`).pluck().all();
  const found: Index[] = [];
  for (const name of names.filter((name) => typeof name === 'string')) {
    const columns = db
      .prepare(`SELECT CASE WHEN desc = 0 AND coll = 'BINARY' THEN name END FROM pragma_index_xinfo(?) WHERE key = 1`)
      .pluck()
      .all(name);
    if (columns.every((column) => typeof column === 'string')) found.push({ name, columns });
  }
  return found;
}

function rowsThatFit(db: SqliteDatabase): number {
  const bytes = Number(db.pragma('page_count', { simple: true })) * Number(db.pragma('page_size', { simple: true }));
  return bytes / ROW_BYTES;
}

function quoted(index: Index | undefined): string {
  return `"${(index?.name ?? '').replaceAll('"', '""')}"`;
}

function outOfOrder(): IbkError {
  return damagedManifest('its rows are not in order');
}

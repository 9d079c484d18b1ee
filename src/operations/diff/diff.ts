/** `ibk diff`: what two backups differ in, by path and by domain. What differs is sorted by SQLite in a file without a name, however much it is. */
import { openTemporarySqlite, type SqliteDatabase } from '../../io/sqlite.js';
import { appsOf } from '../selection/records.js';
import { select, type SelectionOptions } from '../selection/selection.js';
import { type Difference, differences } from './differences.js';
import type { BackupPair } from './pair.js';

export interface DiffCounts {
  readonly added: number;
  readonly changed: number;
  readonly removed: number;
  /** How much larger the second backup is. */
  readonly bytes: number;
}

export interface DomainDiff extends DiffCounts {
  readonly domain: string;
}

/** To be disposed: the differences lie on the disk meanwhile. */
export interface BackupDiff extends Disposable {
  readonly counts: DiffCounts;
  /** Those that grew or shrank most first. */
  domains(): Generator<DomainDiff, void>;
  /** By domain and path. */
  files(): Generator<Difference, void>;
}

const PAGE = 1000;
const COUNTS = `sum(change = 'added') AS added, sum(change = 'changed') AS changed, sum(change = 'removed') AS removed,
  total(bytes) AS bytes`;

/** @throws IbkError as `records`, `select`; the signal's reason */
export async function diffBackups(
  pair: BackupPair,
  selection: SelectionOptions,
  signal?: AbortSignal,
): Promise<BackupDiff> {
  const from = select(selection, appsOf(pair.from));
  const to = select(selection, appsOf(pair.to));
  const database = openTemporarySqlite();
  try {
    database.exec('CREATE TABLE file(domain TEXT, path TEXT, change TEXT, bytes INTEGER, json TEXT)');
    const insert = database.prepare('INSERT INTO file VALUES (?, ?, ?, ?, ?)');
    const insertAll = database.transaction((found: readonly Difference[]) => {
      for (const each of found) insert.run(each.domain, each.path, each.change, bytesOf(each), JSON.stringify(each));
    });
    let page: Difference[] = [];
    for await (const each of differences(pair, { from, to, signal })) {
      page.push(each);
      if (page.length < PAGE) continue;
      insertAll(page);
      page = [];
    }
    insertAll(page);
    return keptIn(database);
  } catch (error) {
    database.close();
    throw error;
  }
}

export function bytesOf({ before, after }: Pick<Difference, 'before' | 'after'>): number {
  return (after?.bytes ?? 0) - (before?.bytes ?? 0);
}

function keptIn(database: SqliteDatabase): BackupDiff {
  const total = database
    .prepare<unknown[], Record<keyof DiffCounts, number | null>>(`SELECT ${COUNTS} FROM file`)
    .get();
  const { added, changed, removed, bytes } = total ?? {};
  return {
    counts: { added: added ?? 0, changed: changed ?? 0, removed: removed ?? 0, bytes: bytes ?? 0 },
    domains: function* () {
      const order = 'ORDER BY abs(total(bytes)) DESC, count(*) DESC, domain';
      yield* database
        .prepare<unknown[], DomainDiff>(`SELECT domain, ${COUNTS} FROM file GROUP BY domain ${order}`)
        .iterate();
    },
    files: function* () {
      const rows = database.prepare('SELECT json FROM file ORDER BY domain, path, change DESC').pluck();
      for (const json of rows.iterate()) {
        const found: Difference = JSON.parse(String(json));
        yield found;
      }
    },
    [Symbol.dispose]: () => database.close(),
  };
}

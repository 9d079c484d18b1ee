/** Sorts the files of a backup, however many: by SQLite in a file without a name, which is gone when the run ends, however it ends. */
import { openTemporarySqlite } from '../io/sqlite.js';
import type { ListedFile } from './list-files.js';

/** By path; the largest first; the newest first. */
export type SortOrder = 'name' | 'size' | 'date';
export const SORT_ORDERS = ['name', 'size', 'date'] as const satisfies readonly SortOrder[];

const PAGE = 1000;

export interface SortOptions {
  readonly order: SortOrder;
  readonly reverse: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** In pages; what has no size or date comes last, or first in reverse. */
export async function* sortFiles(
  pages: AsyncIterable<readonly ListedFile[]>,
  { order, reverse, signal }: SortOptions,
): AsyncGenerator<readonly ListedFile[], void> {
  const database = openTemporarySqlite();
  try {
    database.exec('CREATE TABLE file(key, path TEXT, json TEXT)');
    const insert = database.prepare('INSERT INTO file VALUES (?, ?, ?)');
    const insertAll = database.transaction((files: readonly ListedFile[]) => {
      for (const file of files) insert.run(keyOf(file, order), `${file.domain}/${file.path}`, JSON.stringify(file));
    });
    for await (const files of pages) insertAll(files);
    const down = reverse ? 'DESC' : 'ASC';
    const sorted = database
      .prepare(`SELECT json FROM file ORDER BY key IS NULL ${down}, key ${down}, path ${down}`)
      .pluck();
    let page: ListedFile[] = [];
    for (const json of sorted.iterate()) {
      const file: ListedFile = JSON.parse(String(json));
      page.push(file);
      if (page.length < PAGE) continue;
      yield page;
      page = [];
      signal?.throwIfAborted();
    }
    yield page;
  } finally {
    database.close();
  }
}

function keyOf({ facts }: ListedFile, order: SortOrder): number | null {
  if (order === 'name') return 0;
  const value = order === 'size' ? facts?.bytes : facts?.mtime;
  return value === undefined || value === null ? null : -value;
}

/**
 * What a Manifest.db may be made of before SQLite is asked to read rows from it. The file comes from a device or a disk, and its schema is code: a view in
 * the place of `Files` counts for ever, a generated column makes a gigabyte of each row, a CHECK is computed by SQLite's own check of the file.
 *
 * Plain tables and their indexes only, as Apple's are: `Files` and `Properties`, and whatever other plain table a later iOS adds.
 */
import type { SqliteDatabase } from '../../io/sqlite.js';

const MOST_SQL_BYTES = 4096;
const MOST_OBJECTS = 100;
/** None of these is in a plain table's text; a column of such a name would be quoted by nobody but an attacker. */
const COMPUTED = /\b(?:as|check|generated|virtual)\b/i;

/** @throws Error in plain words: it is not to be read */
export function assertPlainSchema(database: SqliteDatabase): void {
  database.pragma('trusted_schema = OFF');
  database.pragma('cell_size_check = ON');
  const rows = database
    .prepare<unknown[], { type: unknown; sql: unknown; bytes: unknown }>(
      `SELECT type, octet_length(sql) AS bytes, CASE WHEN octet_length(sql) <= ${MOST_SQL_BYTES} THEN sql END AS sql
       FROM sqlite_schema LIMIT ${MOST_OBJECTS + 1}`,
    )
    .all();
  if (rows.length > MOST_OBJECTS) throw new Error(`it has more than ${MOST_OBJECTS} tables`);
  for (const { type, sql, bytes } of rows) {
    // The index of a primary key has no text.
    if (type === 'index' && bytes === null) continue;
    if ((type !== 'table' && type !== 'index') || typeof sql !== 'string' || COMPUTED.test(sql))
      throw new Error('it has more than plain tables');
  }
}

/** The query walks an index in order: nothing is sorted, and no page of rows costs more than itself. @throws Error in plain words */
export function assertOrdered(database: SqliteDatabase, sql: string, ...values: readonly (string | number)[]): void {
  const plan = database.prepare<unknown[], { detail: unknown }>(`EXPLAIN QUERY PLAN ${sql}`).all(...values);
  const steps = plan.map(({ detail }) => String(detail));
  if (steps.length !== 1 || !steps[0]?.startsWith('SEARCH Files USING ')) throw new Error('its files have no order');
}

/** A copy of a database together with its write-ahead log: what is only in the log is worked into the copy, which then loses its name. */
import { mkdtemp, open, rm } from 'node:fs/promises';
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSqlite, type SqliteDatabase } from './sqlite.js';

/** Content as of `openNamelessDatabase`. @throws what the contents throw, system errors of the disk, SqliteError; then nothing is left */
export async function openWithLog(
  content: AsyncIterable<Buffer>,
  log: AsyncIterable<Buffer>,
  folder = tmpdir(),
): Promise<{ readonly db: SqliteDatabase } & Disposable> {
  const place = await mkdtemp(join(folder, 'ibk-'));
  const path = join(place, 'database');
  let db: SqliteDatabase | undefined;
  try {
    await write(path, content);
    await write(`${path}-wal`, log);
    const opened = openSqlite(path);
    db = opened;
    // With this mode it is one file again, which needs no other to be read.
    opened.pragma('journal_mode = DELETE');
    opened.pragma('query_only = 1');
    await rm(place, { recursive: true, force: true }).catch(() => {
      // Windows keeps an open file; it goes when the database is closed.
    });
    return {
      db: opened,
      [Symbol.dispose]: () => {
        opened.close();
        rmSync(place, { recursive: true, force: true });
      },
    };
  } catch (error) {
    db?.close();
    await rm(place, { recursive: true, force: true });
    throw error;
  }
}

async function write(path: string, content: AsyncIterable<Buffer>): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    for await (const piece of content) await file.writeFile(piece);
  } finally {
    await file.close();
  }
}

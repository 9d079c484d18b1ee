/**
 * One writer at a time for a device's backup.
 *
 * The lock is an operating-system lock on an empty SQLite file: it ends with the process, so on a local disk nothing can be stale. Nobody else may open that
 * file, since closing it would drop the lock. `holder.json` only says who holds it.
 */
import { open, readFile, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { pid } from 'node:process';
import { IbkError } from '../errors.js';
import type { Clock } from '../io/clock.js';
import { makePrivateFolder, writePrivateFile } from '../io/private-files.js';
import { openSqlite, type SqliteDatabase } from '../io/sqlite.js';
import type { BackupLayout } from './layout.js';

export interface BackupLock extends AsyncDisposable {
  /** Safe to call twice. */
  release(): Promise<void>;
}

/**
 * Takes the lock at once or not at all.
 * @throws IbkError `in_use`, saying who holds it as far as is known; a system error when the folder cannot be written
 */
export async function acquireLock(layout: BackupLayout, clock: Clock): Promise<BackupLock> {
  await makePrivateFolder(layout.own);
  await makePrivate(layout.lock);
  const database = openSqlite(layout.lock);
  try {
    lockExclusively(database);
  } catch (error) {
    database.close();
    if (!isBusy(error)) throw error;
    throw await heldBy(layout);
  }
  const holder = { host: hostname(), pid, since: new Date(clock.now()).toISOString() };
  try {
    await writePrivateFile(layout.holder, `${JSON.stringify(holder)}\n`);
  } catch (error) {
    database.close();
    throw error;
  }
  const release = async () => {
    if (!database.open) return;
    await rm(layout.holder, { force: true }).catch(() => undefined);
    database.close();
  };
  return { release, [Symbol.asyncDispose]: release };
}

/** SQLite would make it readable for all. An existing one is not opened: closing it again would drop a lock that this process holds. */
async function makePrivate(path: string): Promise<void> {
  try {
    await (await open(path, 'wx', 0o600)).close();
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
}

function lockExclusively(database: SqliteDatabase): void {
  database.pragma('busy_timeout = 0');
  database.exec('BEGIN EXCLUSIVE');
}

function isBusy(error: unknown): boolean {
  return (
    error instanceof Error &&
    'code' in error &&
    typeof error.code === 'string' &&
    /^SQLITE_(BUSY|LOCKED)/.test(error.code)
  );
}

async function heldBy(layout: BackupLayout): Promise<IbkError> {
  const holder = await readHolder(layout.holder);
  const who =
    holder === undefined ? '' : `It runs on host ${holder.host}, process ${holder.pid}, since ${holder.since}. `;
  return new IbkError('in_use', 'Another ibk is writing to the backup of this device.', {
    meaning: `${who}Nothing was changed.`,
    details: { host: holder?.host ?? null, pid: holder?.pid ?? null, since: holder?.since ?? null },
  });
}

async function readHolder(path: string): Promise<{ host: string; pid: number; since: string } | undefined> {
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'));
    if (typeof value !== 'object' || value === null) return undefined;
    const { host, pid: process, since } = value as Record<string, unknown>;
    if (typeof host !== 'string' || typeof process !== 'number' || typeof since !== 'string') return undefined;
    return { host: host.slice(0, 100), pid: process, since };
  } catch {
    return undefined;
  }
}

/**
 * One writer at a time (docs/store.md 10).
 *
 * `lock` is an empty SQLite file, used for its OS lock alone: that ends with the process, so on a local disk nothing can be left behind by a crash.
 * Nobody else may open that file: closing it would drop a POSIX lock. `holder.json` says who it is, and guards shares whose locks do not work: made
 * exclusively, its time renewed every 20 s.
 */
import * as fs from 'node:fs';
import { join } from 'node:path';
import { IbkError } from '../../errors.js';
import type { Clock } from '../../io/clock.js';
import { openSqlite, type SqliteDatabase } from '../../io/sqlite.js';
import { codeOf } from '../../io/system-code.js';
import { DiskFileSystem } from '../disk/disk-file-system.js';
import { FILE_MODE, setMode } from '../disk/disk-modes.js';
import { requireOwnFile } from '../disk/file-system.js';
import { judgeHolder, type LockHolder, ownHolder, readHolder } from './lock-holder.js';

const RENEW_MS = 20_000;
const STALE_AFTER_MS = 90_000;
const LOOK_EVERY_MS = 5_000;
const MOST_TRIES = 30;
const TRY_EVERY_MS = 100;

export interface StoreLock {
  /** @throws IbkError `in_use` when somebody else took it meanwhile (a share with broken locks, a computer that slept) */
  check(): void;
  /** Never throws for the disk's sake: it would hide what had gone wrong before. */
  release(): void;
}

export interface LockOptions {
  readonly clock: Clock;
  /** What the holder does, for people. */
  readonly command: string;
  readonly signal?: AbortSignal | undefined;
  /** Called once when a holder on another computer has to be watched for a while. */
  readonly onWait?: ((holder: LockHolder) => void) | undefined;
}

/**
 * @param folder S, on this computer
 * @throws IbkError `in_use`: another process holds it; details name it
 */
export async function acquireLock(folder: string, options: LockOptions): Promise<StoreLock> {
  const path = join(folder, 'holder.json');
  const own = ownHolder(options.command, options.clock.now());
  const db = await takeSystemLock(folder, own, options);
  try {
    await removeStaleHolder(path, own, options);
    writeHolder(path, own);
  } catch (error) {
    db.close();
    throw error;
  }
  const renewal = setInterval(() => renew(path), RENEW_MS);
  renewal.unref();
  return {
    check: () => {
      const holder = readHolder(path);
      if (holder?.nonce !== own.nonce) throw inUse(holder, 'lock_lost');
    },
    release: () => {
      clearInterval(renewal);
      try {
        if (readHolder(path)?.nonce === own.nonce) fs.rmSync(path, { force: true });
      } catch {
        // A disk that takes nothing any more: the next one finds that this process is gone.
      }
      db.close();
    },
  };
}

/** What a lock needs must be files, or not be there yet. @throws IbkError `unsafe`, `damaged` */
export function requireLockFiles(folder: string): void {
  const files = new DiskFileSystem(folder);
  for (const name of ['lock', 'lock-journal', 'lock-wal', 'lock-shm', 'holder.json']) requireOwnFile(files, name);
}

/**
 * Somebody who only looks holds the lock for a moment, and a writer is not named before he has written holder.json: neither is told as a writer nobody knows.
 */
async function takeSystemLock(
  folder: string,
  own: LockHolder,
  { clock, signal }: LockOptions,
): Promise<SqliteDatabase> {
  const path = join(folder, 'lock');
  requireLockFiles(folder);
  try {
    makePrivate(path, '');
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  }
  for (let tries = 1; ; tries++) {
    const lock = tryLock(path);
    if (typeof lock !== 'string') return lock;
    if (lock === 'no_lock') emptied(path);
    const holder = readHolder(join(folder, 'holder.json'));
    const isKnown = holder !== undefined && judgeHolder(holder, own) !== 'gone';
    if (lock === 'busy' && (isKnown || tries >= MOST_TRIES)) throw inUse(isKnown ? holder : undefined, 'locked');
    if (tries >= MOST_TRIES) throw notALock(path);
    if (lock === 'busy') await clock.sleep(TRY_EVERY_MS, signal);
  }
}

/** `no_lock`: it is no database. @throws system errors */
function tryLock(path: string): SqliteDatabase | 'busy' | 'no_lock' {
  const db = openSqlite(path);
  try {
    db.pragma('busy_timeout = 0');
    db.exec('BEGIN EXCLUSIVE');
    return db;
  } catch (error) {
    db.close();
    if (codeOf(error) === 'SQLITE_NOTADB') return 'no_lock';
    if (codeOf(error) === 'SQLITE_BUSY') return 'busy';
    throw error;
  }
}

function notALock(path: string): IbkError {
  return new IbkError('damaged', `The lock of this backup is no lock: ${path}.`, {
    reason: 'store_record',
    hint: `Remove ${path}, then run the same command again.`,
  });
}

/**
 * A disk or a person has put something into the lock, which ought to be empty. SQLite could read it, so nobody holds it; and if somebody takes it meanwhile,
 * he has emptied it before: its content means nothing, and a file is not replaced by another.
 */
function emptied(path: string): void {
  const { O_WRONLY, O_TRUNC, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = fs.constants;
  fs.closeSync(fs.openSync(path, O_WRONLY | O_TRUNC | O_NOFOLLOW | O_NONBLOCK));
}

/** Somebody left holder.json. With the system's lock won, on this computer he is gone; on a share he may not be. */
async function removeStaleHolder(path: string, own: LockHolder, options: LockOptions): Promise<void> {
  const holder = readHolder(path);
  if (holder === undefined) return fs.rmSync(path, { force: true });
  const verdict = judgeHolder(holder, own);
  const ours = holder.pid === own.pid && verdict === 'alive';
  if (verdict === 'alive' && !ours) throw inUse(holder, 'locked');
  if (verdict === 'elsewhere') await watch(path, holder, options);
  // One winner: the name that we judged is moved away, and put back if it was another's by then.
  const moved = `${path.slice(0, -'.json'.length)}.${holder.nonce.replace(/[^0-9a-f]/g, '')}`;
  try {
    fs.renameSync(path, moved);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') throw inUse(undefined, 'locked');
    throw error;
  }
  if (readHolder(moved)?.nonce !== holder.nonce) {
    if (!fs.existsSync(path)) fs.renameSync(moved, path);
    throw inUse(readHolder(path), 'locked');
  }
  fs.rmSync(moved, { force: true });
}

/** A holder on another computer renews its file every 20 s: one that does not for 90 s of our own clock is gone. */
async function watch(path: string, holder: LockHolder, options: LockOptions): Promise<void> {
  const { clock, signal } = options;
  options.onWait?.(holder);
  const begun = clock.monotonic();
  const before = mtimeOf(path);
  while (clock.monotonic() - begun < STALE_AFTER_MS) {
    await clock.sleep(LOOK_EVERY_MS, signal);
    if (mtimeOf(path) !== before || readHolder(path)?.nonce !== holder.nonce) throw inUse(readHolder(path), 'locked');
  }
}

function writeHolder(path: string, own: LockHolder): void {
  try {
    makePrivate(path, `${JSON.stringify(own, undefined, 2)}\n`);
  } catch (error) {
    if (codeOf(error) === 'EEXIST') throw inUse(readHolder(path), 'locked');
    throw error;
  }
}

/** A new file of 0600 under any umask, where the disk has modes. @throws EEXIST */
function makePrivate(path: string, text: string): void {
  const fd = fs.openSync(path, 'wx', FILE_MODE);
  try {
    setMode(fd, FILE_MODE);
    fs.writeSync(fd, text);
  } finally {
    fs.closeSync(fd);
  }
}

function renew(path: string): void {
  try {
    const now = new Date();
    fs.utimesSync(path, now, now);
  } catch {
    // The check before the next head will see what happened.
  }
}

function mtimeOf(path: string): number | undefined {
  return fs.statSync(path, { throwIfNoEntry: false })?.mtimeMs;
}

function inUse(holder: LockHolder | undefined, reason: string): IbkError {
  const who =
    holder === undefined ? '' : `It runs on host ${holder.host}, process ${holder.pid}, since ${holder.since}. `;
  return new IbkError('in_use', 'Another ibk is writing to the backup of this device.', {
    reason,
    meaning: `${who}Nothing was changed.`,
    details: {
      host: holder?.host ?? null,
      pid: holder?.pid ?? null,
      since: holder?.since ?? null,
      command: holder?.command ?? null,
    },
  });
}

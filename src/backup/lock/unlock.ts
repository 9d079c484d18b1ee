/**
 * Who holds the lock of a store, and what a person may break of it.
 *
 * The system's lock ends with its process and cannot be broken. Only `holder.json` can be left behind; without the system's lock it keeps a writer out only
 * where nobody can tell whether its process still runs: on another computer, by way of a share.
 */
import * as fs from 'node:fs';
import { join } from 'node:path';
import { openSqlite } from '../../io/sqlite.js';
import { codeOf } from '../../io/system-code.js';
import { DiskFileSystem } from '../disk/disk-file-system.js';
import { StoreLayout } from '../records/layout.js';
import { requireLockFiles } from './lock.js';
import { judgeHolder, type LockHolder, ownHolder, readHolder } from './lock-holder.js';

export interface LockState {
  /**
   * `in_use`: its process runs, as the system says. `left_behind`: its process has ended; the next writer would remove it without being asked.
   * `elsewhere`: another computer wrote it, and only its signs of life tell.
   */
  readonly state: 'free' | 'in_use' | 'left_behind' | 'elsewhere';
  readonly holder: LockHolder | undefined;
  /** Its last sign of life; a holder gives one every 20 s. */
  readonly renewedAt: Date | undefined;
}

/**
 * Looks, and changes nothing. The system's lock is tried for a moment.
 * @throws IbkError `unsafe` for a UDID that is not one; system errors of the disk
 */
export function inspectLock(root: string, udid: string, now: number): LockState {
  const { own, holder: path } = places(root, udid);
  const holder = readHolder(path);
  const renewedAt = fs.statSync(path, { throwIfNoEntry: false })?.mtime;
  if (isSystemLocked(own)) return { state: 'in_use', holder, renewedAt };
  if (holder === undefined) return { state: 'free', holder, renewedAt: undefined };
  const verdict = judgeHolder(holder, ownHolder('', now));
  const state = verdict === 'gone' ? 'left_behind' : verdict === 'alive' ? 'in_use' : 'elsewhere';
  return { state, holder, renewedAt };
}

/** Removes what `judged` left. False: it is another's by now, and stays. */
export function breakLock(root: string, udid: string, judged: LockHolder): boolean {
  const { holder: path } = places(root, udid);
  if (readHolder(path)?.nonce !== judged.nonce) return false;
  fs.rmSync(path, { force: true });
  return true;
}

/** @throws IbkError `unsafe`: a link on the way there, or in the place of a file */
function places(root: string, udid: string): { own: string; holder: string } {
  const layout = new StoreLayout(udid);
  const own = join(root, layout.own);
  const files = new DiskFileSystem(root);
  if (files.list(layout.own) !== undefined) requireLockFiles(own);
  return { own, holder: join(own, 'holder.json') };
}

/** Never makes the file: where there is none, nobody ever held it. */
function isSystemLocked(own: string): boolean {
  const path = join(own, 'lock');
  if (fs.lstatSync(path, { throwIfNoEntry: false })?.isFile() !== true) return false;
  const db = openSqlite(path);
  try {
    db.pragma('busy_timeout = 0');
    db.exec('BEGIN EXCLUSIVE');
    return false;
  } catch (error) {
    if (codeOf(error) === 'SQLITE_BUSY') return true;
    // A read-only disk: nobody on this computer writes there. A share without locks: the holder's own word counts. No database: nobody could lock it.
    return false;
  } finally {
    db.close();
  }
}

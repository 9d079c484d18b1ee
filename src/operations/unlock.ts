/** `ibk unlock`: what keeps a backup from being written to, and what of that a person may break. */
import { join } from 'node:path';
import { onDisk } from '../backup/disk/disk-errors.js';
import { breakLock, inspectLock, type LockState } from '../backup/lock/unlock.js';
import { IbkError } from '../errors.js';
import { formatDate } from '../figures.js';
import { storeNames } from './list-backups.js';
import type { BackupListing, ListedBackup, ListedLock } from './results.js';

/** Of the chosen devices; of all, also where the first backup is still on its way. @throws IbkError `destination` */
export async function locksOf(
  root: string,
  listing: BackupListing,
  all: boolean,
  nowMs: number,
): Promise<ListedLock[]> {
  const locks = await Promise.all(listing.backups.map((backup) => lockOf(root, backup, nowMs)));
  if (!all) return locks;
  const known = new Set(listing.backups.map(({ path }) => path));
  for (const udid of await storeNames(root)) {
    if (known.has(join(root, udid))) continue;
    const lock = await lockOf(root, { udid, name: udid, path: join(root, udid) }, nowMs);
    if (lock.state !== 'free') locks.push(lock);
  }
  return locks;
}

function lockOf(
  root: string,
  backup: Pick<ListedBackup, 'udid' | 'name' | 'path'>,
  nowMs: number,
): Promise<ListedLock> {
  return onDisk(async () => {
    const { udid, name } = backup;
    // Copies of other tools, and folders elsewhere, have none.
    const found: LockState = backup.path.endsWith(udid)
      ? inspectLock(root, udid, nowMs)
      : { state: 'free', holder: undefined, renewedAt: undefined };
    const { holder } = found;
    const since = holder === undefined ? undefined : new Date(holder.since);
    return {
      udid,
      name,
      state: found.state,
      host: holder?.host ?? null,
      pid: holder === undefined || holder.pid < 0 ? null : holder.pid,
      command: holder?.command ?? null,
      since: since === undefined || Number.isNaN(since.getTime()) ? null : since,
      renewedAt: found.renewedAt ?? null,
    };
  });
}

/**
 * Removes a lock that was left behind, or that another computer holds.
 * @throws IbkError `in_use`: its process runs, or another has taken it meanwhile; `destination`
 */
export function unlock(root: string, lock: ListedLock, nowMs: number): Promise<void> {
  return onDisk(async () => {
    const { state, holder } = inspectLock(root, lock.udid, nowMs);
    if (state === 'free' || holder === undefined) return;
    if (state === 'in_use' || !breakLock(root, lock.udid, holder)) throw inUse(lock);
  });
}

export function inUse({ name, host, pid, since }: ListedLock): IbkError {
  const who = [host === null ? '' : `on host ${host}`, pid === null ? '' : `process ${pid}`].filter(
    (part) => part !== '',
  );
  const when = since === null ? '' : `, since ${formatDate(since)}`;
  const where = who.length === 0 ? '' : `It runs ${who.join(', ')}${when}. `;
  return new IbkError('in_use', `Another ibk is writing to the backup of ${name}.`, {
    reason: 'locked',
    meaning: `${where}Its lock is the system's own: it ends with that process and cannot be broken. Nothing was changed.`,
    details: { host, pid },
  });
}

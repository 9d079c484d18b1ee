/** The backups under a root, one a device, newest first. Read-only: needs neither a device nor a lock. */
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describeBackup } from '../backup/describe.js';
import { udidOfFolder } from '../backup/layout.js';
import { isLitter } from '../backup/names.js';
import { IbkError } from '../errors.js';
import { modelName } from '../models.js';
import type { BackupListing, ListedBackup } from './results.js';

export interface ListBackupsOptions {
  readonly root: string;
  readonly signal?: AbortSignal | undefined;
}

/** @throws IbkError `not_found` when there is no root; `destination` when it cannot be read */
export async function listBackups({ root, signal }: ListBackupsOptions): Promise<BackupListing> {
  const backups: ListedBackup[] = [];
  for (const name of await folderNames(root)) {
    const udid = udidOfFolder(name);
    if (udid === undefined) continue;
    signal?.throwIfAborted();
    const folder = join(root, name);
    const read = await readBackup(folder, udid);
    if (read === undefined) continue;
    const { found, bytes, files } = read;
    backups.push({
      udid: found.udid,
      name: found.name ?? name,
      model: found.productType === undefined ? null : modelName(found.productType),
      productType: found.productType ?? null,
      ios: found.ios ?? null,
      encrypted: found.encrypted ?? null,
      complete: found.complete,
      madeAt: found.madeAt ?? null,
      bytes,
      files,
      madeBy: found.madeBy ?? null,
      path: folder,
    });
  }
  backups.sort((a, b) => (b.madeAt?.getTime() ?? 0) - (a.madeAt?.getTime() ?? 0) || a.name.localeCompare(b.name, 'en'));
  return { root, backups, bytes: backups.reduce((sum, backup) => sum + (backup.bytes ?? 0), 0) };
}

async function readBackup(folder: string, udid: string) {
  try {
    const found = await describeBackup(folder, udid);
    return found === undefined ? undefined : { found, ...(await measureBackup(folder)) };
  } catch (error) {
    throw unreadable(`The backup in ${folder}`, error, 'It may belong to another user: look at its permissions.');
  }
}

function unreadable(what: string, cause: unknown, hint?: string): IbkError {
  const why = errorCode(cause) ?? 'unknown reason';
  return new IbkError('destination', `${what} cannot be read: ${why}.`, {
    reason: 'unreadable',
    cause,
    ...(hint === undefined ? {} : { hint }),
  });
}

async function folderNames(root: string): Promise<string[]> {
  try {
    return await readdir(root);
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      throw new IbkError('not_found', `There is no backup root at ${root}.`, {
        reason: 'no_root',
        hint: 'Make the first backup: ibk backup, or name another root: -o DIR',
      });
    }
    throw unreadable(`The backup root ${root}`, error);
  }
}

/**
 * Bytes of all files, and how many of them are payload. No link is followed; what a running backup takes away meanwhile does not count.
 * @throws a system error such as EACCES
 */
export async function measureBackup(folder: string): Promise<{ bytes: number; files: number }> {
  let bytes = 0;
  let files = 0;
  for (const entry of (await unlessGone(readdir(folder, { withFileTypes: true }))) ?? []) {
    const path = join(folder, entry.name);
    if (isLitter(entry.name)) continue;
    if (entry.isDirectory()) {
      const inner = await measureBackup(path);
      bytes += inner.bytes;
      files += inner.files;
    } else if (entry.isFile()) {
      bytes += (await unlessGone(lstat(path)))?.size ?? 0;
      if (/^[0-9a-f]{40}$/.test(entry.name)) files++;
    }
  }
  return { bytes, files };
}

function unlessGone<T>(looking: Promise<T>): Promise<T | undefined> {
  return looking.catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  });
}

function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}

/**
 * `<root>/.ibk/reserve`: some bytes that are given up when the disk is full, so that what was begun can be completed: a recovery needs a few small files,
 * forgetting a version needs a head. One for all devices of a root; whoever is done puts it back.
 */
import { randomBytes } from 'node:crypto';
import { codeOf } from '../../io/system-code.js';
import { makeDirectories, parentOf } from '../disk/file-system.js';
import type { StoreContext } from './context.js';
import { RESERVE } from './layout.js';

export const RESERVE_BYTES = 4 * 1024 * 1024;
/** On a small disk it would be in the way of the backup itself: it is at most this part of what is free. */
const PART_OF_FREE = 16;
/** Less would hold no head, no list and no lock. */
const LEAST_BYTES = 128 * 1024;

/** Bytes of the free ones that the reserve will still take. */
export function pendingReserve({ fs }: Pick<StoreContext, 'fs'>, freeBytes: number): number {
  return fs.stat(RESERVE) === undefined ? sizeFor(freeBytes) : 0;
}

function sizeFor(freeBytes: number): number {
  const bytes = Math.min(RESERVE_BYTES, Math.floor(freeBytes / PART_OF_FREE));
  return bytes < LEAST_BYTES ? 0 : bytes;
}

/** Puts the reserve where it is missing and there is room. Never throws: without it everything goes on as well. */
export function keepReserve({ fs }: Pick<StoreContext, 'fs'>): void {
  try {
    const bytes = pendingReserve({ fs }, fs.freeBytes());
    if (bytes === 0) return;
    makeDirectories(fs, parentOf(RESERVE));
    const file = fs.create(RESERVE);
    try {
      // Not zeros: some disks store those in no space.
      file.write([randomBytes(bytes)]);
    } catch (error) {
      fs.unlink(RESERVE);
      throw error;
    } finally {
      file.close();
    }
  } catch {
    // Another process was faster, or the disk is full by now.
  }
}

/** `work` must be one that can be done again from wherever it stopped. @throws what it throws the second time */
export async function withReserve<T>({ fs }: Pick<StoreContext, 'fs'>, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isFull(error) || fs.stat(RESERVE)?.kind !== 'file') throw error;
    fs.unlink(RESERVE);
    return await work();
  }
}

function isFull(error: unknown): boolean {
  const code = codeOf(error);
  return code === 'ENOSPC' || code === 'EDQUOT' || code === 'SQLITE_FULL';
}

/** Single calls to the system's files, and what their failures say. */
import * as fs from 'node:fs';
import { codeOf } from '../../io/system-code.js';
import type { EntryKind, FileStat } from './file-system.js';

const WINDOWS_RETRY_MS = 10_000;

/** A disk that is nearly full writes less than it was given. */
export function writeAll(fd: number, bytes: Buffer, position: number): number {
  for (let at = 0; at < bytes.length; ) at += fs.writeSync(fd, bytes, at, bytes.length - at, position + at);
  return bytes.length;
}

/** A disk that refuses keeps another time: a file with a checksum is known all the same. */
export function setModified(fd: number, mtimeUs: number): void {
  // Half more: as seconds, which the system cuts off at the microsecond, the number is a little too small or too large.
  const seconds = (mtimeUs + 0.5) / 1e6;
  try {
    fs.futimesSync(fd, seconds, seconds);
  } catch (error) {
    if (!['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'EINVAL'].includes(codeOf(error) ?? '')) throw error;
  }
}

export function kindOf(entry: { isFile(): boolean; isDirectory(): boolean }): EntryKind {
  if (entry.isFile()) return 'file';
  return entry.isDirectory() ? 'directory' : 'other';
}

export function toStat(stat: fs.Stats): FileStat {
  return { kind: kindOf(stat), sizeBytes: stat.size, mtimeUs: toMtimeUs(stat.mtimeMs), inode: stat.ino };
}

export function toMtimeUs(mtimeMs: number): number {
  return Math.floor(mtimeMs * 1000);
}

export function isMissing(error: unknown): boolean {
  return codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR';
}

export function missingIsNothing<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** A virus scanner may hold a file for a moment; only Windows lets that fail a rename. */
export function retriedWhileHeld(isWindows: boolean, work: () => void): void {
  const until = isWindows ? performance.now() + WINDOWS_RETRY_MS : 0;
  for (;;) {
    try {
      work();
      return;
    } catch (error) {
      const held = ['EPERM', 'EBUSY', 'EACCES'].includes(codeOf(error) ?? '');
      if (!held || performance.now() >= until) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
    }
  }
}

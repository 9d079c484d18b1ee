/** A file again, under another name: a clone where the disk can, which costs nothing, else its bytes. */
import * as fs from 'node:fs';
import { codeOf } from '../../io/system-code.js';
import { FILE_MODE, setMode } from './disk-modes.js';

const PIECE_BYTES = 1024 * 1024;
/** FUSE file systems that refuse a call which every other disk has (FAT: no modes, and copyFile sets one). */
const NOT_OFFERED: ReadonlySet<string> = new Set(['ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'EPERM']);

/** A new file of 0600. @throws EEXIST */
export function copyFile(source: string, target: string): void {
  try {
    fs.copyFileSync(source, target, fs.constants.COPYFILE_EXCL | fs.constants.COPYFILE_FICLONE);
  } catch (error) {
    if (!NOT_OFFERED.has(codeOf(error) ?? '')) throw error;
    copyBytes(source, target);
  }
  setMode(target, FILE_MODE);
}

function copyBytes(source: string, target: string): void {
  const from = fs.openSync(source, 'r');
  try {
    const to = fs.openSync(target, 'wx', FILE_MODE);
    try {
      const piece = Buffer.alloc(PIECE_BYTES);
      for (let at = 0; ; ) {
        const count = fs.readSync(from, piece, 0, piece.length, at);
        if (count === 0) return;
        for (let done = 0; done < count; ) done += fs.writeSync(to, piece, done, count - done, at + done);
        at += count;
      }
    } finally {
      fs.closeSync(to);
    }
  } finally {
    fs.closeSync(from);
  }
}

/** A clone, else a second name of the same file; false where the disk has neither. @throws EEXIST, ENOENT, ENOSPC */
export function secondName(source: string, target: string): boolean {
  try {
    fs.copyFileSync(source, target, fs.constants.COPYFILE_EXCL | fs.constants.COPYFILE_FICLONE_FORCE);
    setMode(target, FILE_MODE);
    return true;
  } catch (error) {
    if (['EEXIST', 'ENOENT', 'ENOSPC'].includes(codeOf(error) ?? '')) throw error;
    fs.rmSync(target, { force: true });
  }
  try {
    fs.linkSync(source, target);
    return true;
  } catch (error) {
    if (['EEXIST', 'ENOENT', 'ENOSPC'].includes(codeOf(error) ?? '')) throw error;
    return false;
  }
}

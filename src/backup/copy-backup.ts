/**
 * A backup again, whole and in Apple's layout, in an empty folder: a version of a store, or a folder of another program. Nothing is opened or decrypted, and
 * what is copied is only read. Status.plist comes last, when all else is on the disk: without it no program takes the folder for finished.
 */
import { linkSync, lstatSync, rmSync } from 'node:fs';
import { codeOf } from '../io/system-code.js';
import { turnTaker } from '../io/turns.js';
import { copyFile } from './disk/copy-file.js';
import { diskFailure } from './disk/disk-errors.js';
import { DiskFileSystem } from './disk/disk-file-system.js';
import { makeDirectories, parentOf, type ReadableFile, type WritableFile } from './disk/file-system.js';
import type { BackupSource } from './reader/backup-source.js';
import { isMetadata, STATUS_PLIST } from './records/names.js';

const PIECE_BYTES = 1024 * 1024;
/** Nothing else is written after these. */
const FATAL: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EROFS', 'ENODEV', 'EFBIG', 'EEXIST']);

/** `missing`: it should be there; `lost`: another program overwrote it; `irregular`: no file is in its place; `unreadable`: the disk fails there. */
export interface FailedCopy {
  readonly path: string;
  readonly reason: 'missing' | 'lost' | 'irregular' | 'unreadable';
}

export interface CopyBackupOptions {
  /** Payloads as second names of the same files. Who writes into one in place writes into the other. */
  readonly hardLinks?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onFile?: ((bytes: number) => void) | undefined;
  readonly onFailure?: ((file: FailedCopy) => void) | undefined;
}

export interface CopiedBackup {
  /** Of the device; the bytes are those of what describes them, too. */
  readonly files: number;
  readonly bytes: number;
  readonly failed: number;
}

/** @param folder absolute, empty, 0700. @throws the signal's reason; system errors of the disk that is written to */
export async function copyBackup(
  source: BackupSource,
  folder: string,
  options: CopyBackupOptions = {},
): Promise<CopiedBackup> {
  const { signal, hardLinks = false, onFile, onFailure } = options;
  const fs = new DiskFileSystem(folder);
  const pause = turnTaker();
  const sum = { files: 0, bytes: 0, failed: 0 };
  const copy = async (path: string): Promise<void> => {
    const found = await copyOne(source, fs, path, hardLinks && !isMetadata(path));
    if (typeof found === 'number') {
      if (!isMetadata(path)) sum.files += 1;
      sum.bytes += found;
      onFile?.(found);
    } else {
      sum.failed += 1;
      onFailure?.({ path, reason: found });
    }
  };
  let isFinished = false;
  for await (const { path } of source.files({ signal })) {
    const turn = pause();
    if (turn !== undefined) await turn;
    signal?.throwIfAborted();
    if (path === STATUS_PLIST) isFinished = true;
    else await copy(path);
  }
  await syncTree(fs);
  if (isFinished) await copy(STATUS_PLIST);
  fs.syncFile(STATUS_PLIST);
  await fs.syncDirectories(['']);
  return sum;
}

/** @returns the bytes, or why there are none */
async function copyOne(
  source: BackupSource,
  fs: DiskFileSystem,
  path: string,
  isLink: boolean,
): Promise<number | FailedCopy['reason']> {
  let file: ReadableFile | undefined;
  try {
    file = source.open(path);
  } catch (error) {
    if (diskFailure(error) === undefined) throw error;
    return 'unreadable';
  }
  if (file === undefined) {
    const why = source.whyNot(path);
    return why === 'absent' ? 'missing' : why;
  }
  try {
    makeDirectories(fs, parentOf(path));
    const { sizeBytes } = file.stat();
    if (placeWhole(file, fs.realPath(path), isLink)) return sizeBytes;
    return copyBytes(file, fs, path) ?? 'unreadable';
  } finally {
    file.close();
  }
}

/** By the system: a clone where the disk can. False, with nothing left: the file has moved since it was opened, or the system cannot. */
function placeWhole(file: ReadableFile, target: string, isLink: boolean): boolean {
  const { path } = file;
  if (path === undefined) return false;
  try {
    if (isLink && hasLinked(path, target)) return isStill(file, path, target);
    copyFile(path, target);
    return isStill(file, path, target);
  } catch (error) {
    if (FATAL.has(codeOf(error) ?? '')) throw error;
    rmSync(target, { force: true });
    return false;
  }
}

function hasLinked(path: string, target: string): boolean {
  try {
    linkSync(path, target);
    return true;
  } catch (error) {
    // Another disk, or one without links.
    if (codeOf(error) === 'EEXIST') throw error;
    return false;
  }
}

/** What had the name when it was copied is what was opened. */
function isStill(file: ReadableFile, path: string, target: string): boolean {
  const { inode, sizeBytes } = file.stat();
  const there = lstatSync(path, { throwIfNoEntry: false });
  if (there?.ino === inode && lstatSync(target).size === sizeBytes) return true;
  rmSync(target, { force: true });
  return false;
}

/** Undefined, with nothing left: it could not be read. */
function copyBytes(file: ReadableFile, fs: DiskFileSystem, path: string): number | undefined {
  const to: WritableFile = fs.create(path);
  try {
    for (let at = 0; ; ) {
      const piece = Buffer.allocUnsafe(PIECE_BYTES);
      let count: number;
      try {
        count = file.read(piece, at);
      } catch (error) {
        if (diskFailure(error) === undefined) throw error;
        to.close();
        fs.unlink(path);
        return undefined;
      }
      if (count === 0) return at;
      to.write([piece.subarray(0, count)]);
      at += count;
    }
  } finally {
    to.close();
  }
}

async function syncTree(fs: DiskFileSystem, folder = ''): Promise<void> {
  if (folder === '' && (await fs.syncAll(''))) return;
  for (const { name, kind } of fs.list(folder) ?? []) {
    const path = folder === '' ? name : `${folder}/${name}`;
    if (kind === 'directory') await syncTree(fs, path);
    else fs.syncFile(path);
  }
  await fs.syncDirectories([folder]);
}

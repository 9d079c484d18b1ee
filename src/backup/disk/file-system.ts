/**
 * The only door between the store and a disk: small enough that a disk in memory, which crashes on demand, can stand behind it.
 *
 * Paths are relative to the backup root, components joined by `/`; `''` is the root itself and `'..'` the folder that holds it (for syncing only).
 * Calls are synchronous where one call is measured at microseconds; those that wait for a disk are not.
 * Failures are Node's system errors (`code` is `ENOSPC`, `EIO`, …).
 */
import { IbkError } from '../../errors.js';
import type { SqliteDatabase } from '../../io/sqlite.js';
import { codeOf } from '../../io/system-code.js';
import type { ContentWriter } from './content-writer.js';
import type { FileMover } from './file-mover.js';

export type EntryKind = 'file' | 'directory' | 'other';

export interface FileStat {
  /** `other`: a link, a socket, … Never followed, never opened. */
  readonly kind: EntryKind;
  readonly sizeBytes: number;
  /** Microseconds since 1970: exact in a number, and finer than the ticks of any file system's clock. */
  readonly mtimeUs: number;
  readonly inode: number;
}

export interface FolderEntry {
  readonly name: string;
  readonly kind: EntryKind;
}

export interface WritableFile {
  /** Appends. */
  write(chunks: readonly Buffer[]): void;
  sync(): void;
  /** To microseconds, where the disk has such times. */
  setModified(mtimeUs: number): void;
  stat(): FileStat;
  /** Safe to call twice. */
  close(): void;
}

export interface ReadableFile {
  /** Fills `into` from `position` on; returns how many bytes there were, 0 at the end. */
  read(into: Buffer, position: number): number;
  stat(): FileStat;
  close(): void;
  /** Where a real disk had it when it was opened; by now something else may be there. */
  readonly path?: string;
  /** What is read does not lie there as it is: it is worked out of something else. */
  readonly isPacked?: boolean;
}

/** Where a file lies on a real disk, for whoever opens it elsewhere: without following a link, and only as the file that is expected. */
export interface FilePlace {
  readonly path: string;
  /** Size and time that tell it from any other file; null: nobody recorded them. */
  readonly expected: Pick<FileStat, 'sizeBytes' | 'mtimeUs'> | null;
}

/** Undefined where `open` has something to say about it. */
export function placeOf(
  fs: Pick<StoreFileSystem, 'realPath'>,
  path: string,
  expected: FilePlace['expected'],
): FilePlace | undefined {
  try {
    const real = fs.realPath?.(path);
    return real === undefined ? undefined : { path: real, expected };
  } catch {
    return undefined;
  }
}

/** What one look at the records told of many files. */
export interface Located {
  /** In the order of the question; undefined: only `open` can tell. */
  readonly places: readonly (FilePlace | undefined)[];
  /** Is it still so? To be asked when the files have been read. */
  holds(): boolean;
}

/** `catalog`: durable with each transaction. `scratch`: thrown away with the run. `read`: another process may be writing it. */
export type DatabaseUse = 'catalog' | 'scratch' | 'read';

export interface StoreDatabase {
  readonly db: SqliteDatabase;
  /** To be called after each transaction: from here on the change survives a crash. */
  saved(): void;
  close(): void;
}

export interface StoreFileSystem {
  /** Nothing where there is nothing. Links are not followed. */
  stat(path: string): FileStat | undefined;
  /** In no order; nothing where there is no such folder. */
  list(path: string): FolderEntry[] | undefined;
  /** Makes one folder, 0700; an existing one is success. */
  makeDirectory(path: string): void;
  /** A new file, 0600. @throws EEXIST */
  create(path: string): WritableFile;
  /** Makes new files, as `create` does, of what arrives. */
  contentWriter(): ContentWriter;
  /** A regular file, for reading; nothing where there is none. No link is followed below the root. */
  open(path: string): ReadableFile | undefined;
  /** The path on this computer, with no link above it. Nothing is told of the file itself. @throws IbkError `unsafe` */
  realPath?(path: string): string;
  /** `to` must not exist: the store never replaces a file (@throws EEXIST). Only files are renamed, never folders. */
  rename(from: string, to: string): void;
  /** As `rename`, but false, with nothing done, where something is at `to`: for those who would only look first. */
  renameIfFree(from: string, to: string): boolean;
  /** Does as `renameIfFree` for many files, about `count` in all. */
  fileMover(count: number): FileMover;
  /** A missing file is success. */
  unlink(path: string): void;
  /** Removes an empty folder; one that is missing or not empty stays as it is. */
  removeDirectory(path: string): void;
  /** A new file with the content of another: a clone where the disk can, which costs nothing. @throws EEXIST */
  copy(from: string, to: string): void;
  /** The same file under a second name, or a clone of it: neither costs room. False, with nothing done, where the disk has neither. */
  secondName(from: string, to: string): boolean;
  /** The file's bytes are durable. A missing file is success. */
  syncFile(path: string): void;
  /** The names in each of these folders are durable. A missing one is success: it is durable with its parent. */
  syncDirectories(paths: readonly string[]): Promise<void>;
  /** Of the disk that holds `path`, as `syncAll`. Nothing where the system has none, or where there is no disk to write to. */
  earlySync(path: string): EarlySync | undefined;
  /** All bytes and names of the disk that holds `path` are durable in one call; false where the system cannot do that. */
  syncAll(path: string): Promise<boolean>;
  /** Bytes that this user can still write. */
  freeBytes(): number;
  /** A SQLite file, made when it is missing (but for `read`: nothing then). @throws when it is not a database */
  openDatabase(path: string, use: DatabaseUse): StoreDatabase | undefined;
}

/** What was written begins to be durable while more is. Nothing is promised by it: that only `syncFile` and `syncAll` do. */
export interface EarlySync {
  /** Returns at once. It keeps no program from ending. */
  begin(): void;
  /** Gives back what it needs, after what it has begun. It can begin again. */
  close(): void;
}

/** A failure with one of the system's names, for what the store finds out without asking the system. */
export function systemError(code: string, path: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: ${path}`), { code });
}

/**
 * A file of the store's own, or nothing yet. A link or a pipe under its name is somebody's trap, a folder somebody's mistake.
 * @throws IbkError `unsafe`, `damaged`
 */
export function requireOwnFile(fs: Pick<StoreFileSystem, 'stat'>, path: string): FileStat | undefined {
  const there = fs.stat(path);
  if (there === undefined || there.kind === 'file') return there;
  const isOther = there.kind === 'other';
  const what = isOther ? 'a link or a device' : 'a folder';
  throw new IbkError(isOther ? 'unsafe' : 'damaged', `Where the store keeps a file there is ${what}: ${path}.`, {
    reason: 'store_record',
    meaning: 'It was not touched.',
    hint: 'Look what it is, move it away, then run the same command again.',
    details: { path },
  });
}

/** The folder of a path; `''` for a name in the root. */
export function parentOf(path: string): string {
  const cut = path.lastIndexOf('/');
  return cut < 0 ? '' : path.slice(0, cut);
}

/** All folders above `path`, nearest first, the root (`''`) last. */
export function ancestorsOf(path: string): string[] {
  const found: string[] = [];
  for (let up = path; up !== ''; ) {
    up = parentOf(up);
    found.push(up);
  }
  return found;
}

/** Makes a folder with all that are missing above it. */
export function makeDirectories(fs: StoreFileSystem, path: string): void {
  if (path === '' || fs.stat(path)?.kind === 'directory') return;
  makeDirectories(fs, parentOf(path));
  fs.makeDirectory(path);
}

/**
 * These folders exist, and survive a power cut. All ancestors are synced, up to the folder that holds the root, also where they were found:
 * whoever made them may have been killed before it synced them.
 */
export async function needDirectories(fs: StoreFileSystem, paths: Iterable<string>): Promise<void> {
  const above = new Set<string>();
  for (const path of paths) {
    makeDirectories(fs, path);
    for (const up of ancestorsOf(path)) above.add(up);
  }
  if (above.size === 0) return;
  await fs.syncDirectories([...[...above].sort((a, b) => b.length - a.length), '..']);
}

/** Removes a folder of the store's own with all it holds. */
export function removeTree(fs: StoreFileSystem, path: string): void {
  for (const { name, kind } of fs.list(path) ?? []) {
    const inner = `${path}/${name}`;
    if (kind === 'directory') removeTree(fs, inner);
    else fs.unlink(inner);
  }
  fs.removeDirectory(path);
}

/** As `readWhole`, and nothing where it is longer. */
export function readUpTo(fs: Pick<StoreFileSystem, 'open'>, path: string, limitBytes: number): Buffer | undefined {
  try {
    return readWhole(fs, path, limitBytes);
  } catch (error) {
    if (codeOf(error) !== 'EFBIG') throw error;
    return undefined;
  }
}

/** The whole file, for small ones. @throws EFBIG beyond `limitBytes` */
export function readWhole(fs: Pick<StoreFileSystem, 'open'>, path: string, limitBytes: number): Buffer | undefined {
  const file = fs.open(path);
  if (file === undefined) return undefined;
  try {
    const { sizeBytes } = file.stat();
    if (sizeBytes > limitBytes) throw systemError('EFBIG', path);
    const into = Buffer.alloc(sizeBytes);
    let at = 0;
    while (at < sizeBytes) {
      const count = file.read(into.subarray(at), at);
      if (count === 0) break;
      at += count;
    }
    return into.subarray(0, at);
  } finally {
    file.close();
  }
}

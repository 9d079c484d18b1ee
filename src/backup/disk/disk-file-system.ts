/**
 * The store's file system on a real disk.
 *
 * Folders are 0700 and files 0600 under any umask. Below the root no link is followed: the last component is opened with O_NOFOLLOW, the folders above it
 * are looked at once each (Node has no openat). `beforeChange` runs before every call that changes the disk; tests count and kill there.
 */
import * as fs from 'node:fs';
import { platform as systemPlatform } from 'node:os';
import { dirname } from 'node:path';
import { openSqlite, openSqliteReadOnly, withSmallCache } from '../../io/sqlite.js';
import { codeOf } from '../../io/system-code.js';
import { ThreadContentWriter } from './content-thread.js';
import type { ContentWriter } from './content-writer.js';
import { copyFile, secondName } from './copy-file.js';
import { isMissing, kindOf, missingIsNothing, retriedWhileHeld, setModified, toStat, writeAll } from './disk-calls.js';
import { FILE_MODE, FOLDER_MODE, setMode } from './disk-modes.js';
import { DiskSync } from './disk-sync.js';
import { type FileMover, PlainFileMover } from './file-mover.js';
import {
  type DatabaseUse,
  type EarlySync,
  type FileStat,
  type FolderEntry,
  parentOf,
  type ReadableFile,
  requireOwnFile,
  type StoreDatabase,
  type StoreFileSystem,
  systemError,
  type WritableFile,
} from './file-system.js';
import { LEAST_FOR_THREAD, ThreadFileMover } from './move-thread.js';
import { isOnDisk } from './store-place.js';
import { linkInPath, outsideStore } from './unsafe-path.js';

/** Some shares and Windows cannot sync a folder; safety then rests on their ordered metadata (docs/store.md, assumption F3b). */
const NO_FOLDER_SYNC: ReadonlySet<string> = new Set(['EPERM', 'EISDIR', 'EINVAL', 'EBADF', 'ENOTSUP', 'EACCES']);
/** Whatever a record on the disk says, no path of the store has such a part. `/.` at the end is `list`'s own. */
const UPWARD = /(?:^|[\\/])\.\.(?:[\\/]|$)|^[\\/]|\0/;
const PARALLEL_SYNCS = 8;
/** Files in memory, by the number that statfs(2) has for them: there is no disk to write them to. */
const TMPFS = 0x0102_1994;

export interface DiskOptions {
  /** Runs before each call that changes the disk, with a word for it. */
  readonly beforeChange?: ((what: string) => void) | undefined;
  /** False: nothing is forced onto the disk. Default true. */
  readonly syncs?: boolean;
  /** Default: the system this runs on. */
  readonly platform?: NodeJS.Platform;
  /** The disk (`st_dev`) that the root's folders must lie on: the root may be a mount point, and the disk pulled out during the run. */
  readonly device?: number | undefined;
}

export class DiskFileSystem implements StoreFileSystem {
  readonly #root: string;
  readonly #change: (what: string) => void;
  readonly #windows: boolean;
  readonly #linux: boolean;
  readonly #syncs: boolean;
  readonly #device: number | undefined;
  readonly #sync = new DiskSync();
  readonly #plainFolders = new Set<string>(['']);
  #modesHold: boolean | undefined;
  readonly realPath = (path: string): string => this.#at(path);

  constructor(root: string, options: DiskOptions = {}) {
    const platform = options.platform ?? systemPlatform();
    this.#root = root;
    this.#change = options.beforeChange ?? (() => {});
    this.#windows = platform === 'win32';
    this.#linux = platform === 'linux';
    this.#syncs = options.syncs ?? true;
    this.#device = options.device;
  }

  stat(path: string): FileStat | undefined {
    const found = missingIsNothing(() => fs.lstatSync(this.#at(path), { throwIfNoEntry: false }));
    return found === undefined ? undefined : toStat(found);
  }

  list(path: string): FolderEntry[] | undefined {
    const found = missingIsNothing(() => fs.readdirSync(this.#at(`${path}/.`), { withFileTypes: true }));
    return found?.map((entry) => ({ name: entry.name, kind: kindOf(entry) }));
  }

  makeDirectory(path: string): void {
    const full = this.#at(path);
    this.#change('mkdir');
    try {
      fs.mkdirSync(full, FOLDER_MODE);
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
      const there = fs.lstatSync(full);
      if (there.isSymbolicLink()) throw linkInPath(path);
      if (!there.isDirectory()) throw systemError('ENOTDIR', path);
      return;
    }
    setMode(full, FOLDER_MODE);
    if (this.#device === undefined || fs.lstatSync(full).dev === this.#device) return;
    fs.rmdirSync(full);
    throw systemError('ENODEV', path);
  }

  create(path: string): WritableFile {
    const fd = this.#openNew(path);
    let [end, open] = [0, true];
    return {
      write: (chunks) => {
        this.#change('write');
        for (const chunk of chunks) end += writeAll(fd, chunk, end);
      },
      sync: () => {
        this.#change('fsync');
        if (this.#syncs) fs.fsyncSync(fd);
      },
      setModified: (mtimeUs) => {
        this.#change('utimes');
        setModified(fd, mtimeUs);
      },
      stat: () => toStat(fs.fstatSync(fd)),
      close: () => {
        if (!open) return;
        open = false;
        fs.closeSync(fd);
      },
    };
  }

  contentWriter(): ContentWriter {
    return new ThreadContentWriter({
      create: (path) => this.create(path),
      openNew: (path) => this.#openNew(path),
      // Where modes need a second call, or nobody knows yet.
      placeOfNew: (path) => (this.#modesHold === true ? this.#at(path) : undefined),
      change: this.#change,
      failureOf: (error) => (isMissing(error) && this.#isGone() ? systemError('ENODEV', this.#root) : error),
    });
  }

  #openNew(path: string): number {
    const full = this.#at(path);
    this.#change('create');
    const flags = fs.constants.O_WRONLY | fs.constants.O_CREAT | fs.constants.O_EXCL;
    const fd = this.#unlessGone(() => fs.openSync(full, flags, FILE_MODE));
    try {
      // One look tells whether this umask and this disk leave 0600 alone; then no file needs a second call.
      this.#modesHold ??= (fs.fstatSync(fd).mode & 0o777) === FILE_MODE;
      if (!this.#modesHold) setMode(fd, FILE_MODE);
      return fd;
    } catch (error) {
      fs.closeSync(fd);
      throw error;
    }
  }

  open(path: string): ReadableFile | undefined {
    const full = this.#at(path);
    const flags = fs.constants.O_RDONLY | (fs.constants.O_NOFOLLOW ?? 0) | (fs.constants.O_NONBLOCK ?? 0);
    let fd: number;
    try {
      fd = fs.openSync(full, flags);
    } catch (error) {
      if (isMissing(error) || codeOf(error) === 'ELOOP' || codeOf(error) === 'EISDIR') return undefined;
      throw error;
    }
    const stat = fs.fstatSync(fd);
    if (!stat.isFile()) {
      fs.closeSync(fd);
      return undefined;
    }
    return {
      path: full,
      read: (into, position) => fs.readSync(fd, into, 0, into.length, position),
      stat: () => toStat(fs.fstatSync(fd)),
      close: () => fs.closeSync(fd),
    };
  }

  rename(from: string, to: string): void {
    if (!this.renameIfFree(from, to)) throw systemError('EEXIST', to);
  }

  renameIfFree(from: string, to: string): boolean {
    const target = this.#at(to);
    // rename(2) replaces silently, and Node has no RENAME_NOREPLACE: look first. The writer's lock keeps other ibks out of the gap.
    if (fs.lstatSync(target, { throwIfNoEntry: false }) !== undefined) return false;
    this.#change('rename');
    this.#unlessGone(() => retriedWhileHeld(this.#windows, () => fs.renameSync(this.#at(from), target)));
    return true;
  }

  fileMover(count: number): FileMover {
    if (count < LEAST_FOR_THREAD) return new PlainFileMover(this);
    return new ThreadFileMover({ placeOf: this.realPath, change: this.#change });
  }

  unlink(path: string): void {
    const full = this.#at(path);
    this.#change('unlink');
    missingIsNothing(() => retriedWhileHeld(this.#windows, () => fs.unlinkSync(full)));
  }

  removeDirectory(path: string): void {
    const full = this.#at(path);
    this.#change('rmdir');
    try {
      fs.rmdirSync(full);
    } catch (error) {
      // Some FUSE file systems call a folder that is not empty "not permitted".
      const isFull = ['ENOTEMPTY', 'EEXIST'].includes(codeOf(error) ?? '') || (this.list(path) ?? []).length > 0;
      if (!isMissing(error) && !isFull) throw error;
    }
    this.#plainFolders.delete(path);
  }

  copy(from: string, to: string): void {
    const [source, target] = [this.#at(from), this.#at(to)];
    if (!fs.lstatSync(source).isFile()) throw systemError('EINVAL', from);
    this.#change('copy');
    copyFile(source, target);
  }

  secondName(from: string, to: string): boolean {
    const [source, target] = [this.#at(from), this.#at(to)];
    this.#change('link');
    return secondName(source, target);
  }

  syncFile(path: string): void {
    const full = this.#at(path);
    this.#change('fsync');
    if (!this.#syncs) return;
    missingIsNothing(() => {
      const fd = fs.openSync(full, this.#windows ? 'r+' : fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW);
      try {
        fs.fsyncSync(fd);
      } finally {
        fs.closeSync(fd);
      }
    });
  }

  async syncDirectories(paths: readonly string[]): Promise<void> {
    const left = [...paths];
    const work = async (): Promise<void> => {
      for (let path = left.shift(); path !== undefined; path = left.shift()) await this.#syncDirectory(path);
    };
    await Promise.all(Array.from({ length: Math.min(PARALLEL_SYNCS, left.length) }, work));
  }

  async #syncDirectory(path: string): Promise<void> {
    this.#change('fsync-dir');
    if (!this.#syncs) return;
    try {
      const handle = await fs.promises.open(path === '..' ? dirname(this.#root) : this.#at(path), 'r');
      try {
        await handle.sync();
      } finally {
        await handle.close();
      }
    } catch (error) {
      if (!isMissing(error) && !NO_FOLDER_SYNC.has(codeOf(error) ?? '')) throw error;
    }
  }

  earlySync(path: string): EarlySync | undefined {
    const full = this.#at(path);
    return this.#linux && this.#syncs && !isMemory(full) ? this.#sync.early(full) : undefined;
  }

  async syncAll(path: string): Promise<boolean> {
    if (!this.#linux) return false;
    this.#change('syncfs');
    return this.#syncs ? this.#sync.all(this.#at(path)) : true;
  }

  freeBytes(): number {
    const { bavail, bsize } = fs.statfsSync(this.#root);
    return bavail * bsize;
  }

  openDatabase(path: string, use: DatabaseUse): StoreDatabase | undefined {
    const full = this.#at(path);
    if (use === 'read') {
      if (this.stat(path)?.kind !== 'file') return undefined;
      const db = openSqliteReadOnly(full);
      // The catalog of 75,000 files: they are looked up in no order of their paths.
      db.pragma('cache_size = -8000');
      return { db, saved: () => {}, close: () => db.close() };
    }
    // Made here and not by SQLite, so that it is 0600; its journal copies the mode.
    // Nor does it follow a link that lies in wait under the name of its journal.
    for (const suffix of ['-journal', '-wal', '-shm']) requireOwnFile(this, `${path}${suffix}`);
    if (requireOwnFile(this, path) === undefined) this.create(path).close();
    const db = openSqlite(full);
    try {
      // A reader may hold it for a moment.
      db.pragma('busy_timeout = 10000');
      withSmallCache(db);
      db.pragma(`journal_mode = ${use === 'scratch' ? 'OFF' : 'DELETE'}`);
      db.pragma(`synchronous = ${use === 'scratch' || !this.#syncs ? 'OFF' : 'FULL'}`);
      if (use === 'scratch') db.pragma('locking_mode = EXCLUSIVE');
    } catch (error) {
      db.close();
      throw error;
    }
    return { db, saved: () => this.#change('sqlite'), close: () => db.close() };
  }

  /** The path on this computer, with every folder above it seen to be a folder and not a link. @throws IbkError `unsafe` */
  #at(path: string): string {
    if (path === '') return this.#root;
    if (UPWARD.test(path)) throw outsideStore(path);
    for (let up = parentOf(path); up !== '' && !this.#plainFolders.has(up); up = parentOf(up)) {
      const found = fs.lstatSync(`${this.#root}/${up}`, { throwIfNoEntry: false });
      if (found?.isSymbolicLink()) throw linkInPath(up);
      if (found?.isDirectory()) this.#plainFolders.add(up);
    }
    return `${this.#root}/${path}`;
  }

  /** A folder that is missing may be a disk that is. Only folders are asked: overlayfs has files on other disks than their folders. */
  #unlessGone<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (isMissing(error) && this.#isGone()) throw systemError('ENODEV', this.#root);
      throw error;
    }
  }

  #isGone(): boolean {
    return this.#device !== undefined && !isOnDisk(`${this.#root}/.`, this.#device);
  }
}

function isMemory(path: string): boolean {
  try {
    return fs.statfsSync(path).type === TMPFS;
  } catch {
    return false;
  }
}

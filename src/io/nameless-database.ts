/**
 * A copy of a database, or one that was decrypted, for SQLite to read: a file on the disk that has lost its name before the first byte of content is in it.
 * Whatever ends this process, `kill -9` too, nothing is left for anybody to find.
 *
 * SQLite opens a file at once and reads it when it is first asked something (sqlite3PagerOpen). So: an empty file of 0600 in a folder of 0700, SQLite
 * opens it, its name and the folder go, and the bytes are written through a descriptor of our own. Where a file that is open cannot lose its name
 * (Windows, some shares), both go when the database is closed.
 */
import { copyFile, type FileHandle, mkdtemp, open, rm, rmdir, unlink } from 'node:fs/promises';
import { constants, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSqlite, openSqliteUnread, type SqliteDatabase } from './sqlite.js';
import { workIn } from './write-ahead-log.js';

/** Write and read version in SQLite's header: 2 is write-ahead logging, 1 a rollback journal (https://sqlite.org/fileformat2.html#the_database_header). */
const VERSIONS_AT = [18, 19] as const;
const ROLLBACK_JOURNAL = 1;
const WRITE_AHEAD = 2;

export interface NamelessDatabase extends Disposable {
  /** Read-only. */
  readonly db: SqliteDatabase;
  readonly sizeBytes: number;
}

/** A database that lies on the disk as it is. */
export interface DatabaseFile {
  readonly path: string;
  /** The file that is meant, should another have its name by now. */
  readonly inode: number;
  readonly pieces: AsyncIterable<Buffer>;
}

/**
 * @param content the database's bytes, in pieces of any size; each is done with when the next is asked for. Not checked: SQLite tells when it reads
 * @param folder where the file lies while it is open; needs room for all of it
 * @throws what `content` throws, system errors of the disk; then nothing is left
 */
export function openNamelessDatabase(
  content: AsyncIterable<Buffer> | DatabaseFile,
  folder = tmpdir(),
): Promise<NamelessDatabase> {
  return openFilled(folder, async (file, isNameless) => {
    if (!('path' in content)) await write(file, content);
    else if (!isNameless || !(await clone(file, content))) await write(file, content.pieces);
  });
}

/** The same with what stands in its write-ahead log alone. */
export function openWithLog(
  content: AsyncIterable<Buffer>,
  log: AsyncIterable<Buffer>,
  folder = tmpdir(),
): Promise<NamelessDatabase> {
  return openFilled(folder, async (file) => {
    await write(file, content);
    const place = await mkdtemp(join(folder, 'ibk-'));
    let scratch: FileHandle | undefined;
    try {
      const path = join(place, 'log');
      scratch = await open(path, 'wx+', 0o600);
      await loseName(place, path);
      await write(scratch, log);
      await workIn(file, scratch);
    } finally {
      await scratch?.close();
      await rm(place, { recursive: true, force: true });
    }
  });
}

async function openFilled(
  folder: string,
  fill: (file: FileHandle, isNameless: boolean) => Promise<void>,
): Promise<NamelessDatabase> {
  const place = await mkdtemp(join(folder, 'ibk-'));
  const path = join(place, 'database');
  let file: FileHandle | undefined;
  let db: SqliteDatabase | undefined;
  try {
    file = await open(path, 'wx+', 0o600);
    db = openSqliteUnread(path);
    const isNameless = await loseName(place, path);
    await fill(file, isNameless);
    await withoutLog(file);
    const { size: sizeBytes } = await file.stat();
    await file.close();
    file = undefined;
    return opened(db, sizeBytes, isNameless ? undefined : place);
  } catch (error) {
    db?.close();
    await file?.close();
    await rm(place, { recursive: true, force: true });
    throw error;
  }
}

/** As `NamelessDatabase`, to be changed; its bytes are read through a descriptor that no name leads to. */
export interface WritableNamelessDatabase extends Disposable {
  readonly db: SqliteDatabase;
  /** What SQLite has written; 0 at the end. */
  read(into: Buffer, position: number): Promise<number>;
}

/** @throws as `openNamelessDatabase` */
export async function openNamelessForWriting(
  content: AsyncIterable<Buffer>,
  folder = tmpdir(),
): Promise<WritableNamelessDatabase> {
  const place = await mkdtemp(join(folder, 'ibk-'));
  const path = join(place, 'database');
  let file: FileHandle | undefined;
  let db: SqliteDatabase | undefined;
  try {
    const handle = await open(path, 'wx+', 0o600);
    file = handle;
    db = openSqlite(path);
    const isNameless = await loseName(place, path);
    await write(handle, content);
    await withoutLog(handle);
    // A journal would have a name, and could not be found again: who is killed has changed nothing but this file.
    db.pragma('journal_mode = MEMORY');
    db.pragma('synchronous = OFF');
    const opened = db;
    return {
      db: opened,
      read: async (into, position) => (await handle.read(into, 0, into.length, position)).bytesRead,
      [Symbol.dispose]: () => {
        opened.close();
        void handle.close().catch(() => undefined);
        if (!isNameless) rmSync(place, { recursive: true, force: true });
      },
    };
  } catch (error) {
    db?.close();
    await file?.close();
    await rm(place, { recursive: true, force: true });
    throw error;
  }
}

/** False: it keeps its name while it is open. */
async function loseName(place: string, path: string): Promise<boolean> {
  try {
    await unlink(path);
    await rmdir(place);
    return true;
  } catch {
    return false;
  }
}

/**
 * The system copies by itself several times as fast as through our hands, and on some disks at no cost at all. Only Linux has a way to a file without a name: by /proc.
 * @returns false: it cannot
 */
async function clone(to: FileHandle, { path, inode }: DatabaseFile): Promise<boolean> {
  let from: FileHandle | undefined;
  try {
    from = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const found = await from.stat();
    if (!found.isFile() || found.ino !== inode) return false;
    await copyFile(openFile(from), openFile(to), constants.COPYFILE_FICLONE);
    return (await to.stat()).size === found.size;
  } catch {
    // No /proc, or a disk that refuses the call: what is wrong with the disk itself, the other way will tell.
    return false;
  } finally {
    await from?.close();
  }
}

const openFile = ({ fd }: FileHandle): string => `/proc/self/fd/${fd}`;

async function write(file: FileHandle, content: AsyncIterable<Buffer>): Promise<void> {
  await file.truncate();
  let at = 0;
  for await (const piece of content) {
    for (let written = 0; written < piece.length; ) {
      written += (await file.write(piece, written, piece.length - written, at + written)).bytesWritten;
    }
    at += piece.length;
  }
}

/** What is not yet in the log's file is not in this one either; and without a name there is no place for a log beside it. */
async function withoutLog(file: FileHandle): Promise<void> {
  const version = Buffer.alloc(1);
  for (const position of VERSIONS_AT) {
    const { bytesRead } = await file.read(version, 0, 1, position);
    if (bytesRead === 1 && version[0] === WRITE_AHEAD) await file.write(Buffer.of(ROLLBACK_JOURNAL), 0, 1, position);
  }
}

function opened(db: SqliteDatabase, sizeBytes: number, named: string | undefined): NamelessDatabase {
  return {
    db,
    sizeBytes,
    [Symbol.dispose]: () => {
      db.close();
      if (named !== undefined) rmSync(named, { recursive: true, force: true });
    },
  };
}

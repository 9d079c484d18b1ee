/**
 * Manifest.db, open for SQLite, with nothing written into the backup or beside it, and nothing decrypted under a name.
 *
 * | what lies there                             | what SQLite reads                                  |
 * |---------------------------------------------|----------------------------------------------------|
 * | plain, with a rollback journal, none beside | the file itself: such a reader makes no other file |
 * | plain, write-ahead, no log beside           | the file itself, as one that nobody changes; where |
 * |                                             | SQLite cannot, a copy without a name               |
 * | plain, with `-wal` (not empty)              | a copy with the log worked in                      |
 * | encrypted (iOS 10.2 and later)              | the decrypted database, without a name             |
 */
import { lstatSync } from 'node:fs';
import { IbkError } from '../../errors.js';
import { type DatabaseFile, openNamelessDatabase, openWithLog } from '../../io/nameless-database.js';
import { openSqliteImmutable, openSqliteReadOnly, type SqliteDatabase } from '../../io/sqlite.js';
import { codeOf } from '../../io/system-code.js';
import type { ReadableFile } from '../disk/file-system.js';
import { isPlainStart } from '../format/manifest-db.js';
import { BLOCK_BYTES, contentDecipher, fill, paddingOf, storedPieces } from '../format/stored-bytes.js';
import type { BackupSource } from './backup-source.js';

const NAME = 'Manifest.db';
export const HEADER_BYTES = 100;
const WRITE_AHEAD = 2;

export interface ManifestImage extends Disposable {
  readonly db: SqliteDatabase;
}

/** Is there a Manifest.db that begins as an unencrypted database? Undefined: there is none. */
export function isManifestPlain(source: BackupSource): boolean | undefined {
  const file = source.open(NAME);
  if (file === undefined) return undefined;
  try {
    const start = Buffer.alloc(HEADER_BYTES);
    return isPlainStart(start.subarray(0, fill(file, start, 0)));
  } finally {
    file.close();
  }
}

/**
 * @param key of the database, where it is encrypted
 * @throws IbkError `damaged`, reason `manifest`; the signal's reason; `destination`: no room for a copy
 */
export async function openManifestImage(
  source: BackupSource,
  key: Buffer | undefined,
  signal?: AbortSignal,
): Promise<ManifestImage> {
  const file = source.open(NAME);
  if (file === undefined) throw new IbkError('damaged', `There is no ${NAME}.`, { reason: 'manifest' });
  try {
    if (key !== undefined) return await withRoom(() => openNamelessDatabase(decrypted(file, key, signal)));
    return openInPlace(file) ?? (await withRoom(() => openCopy(source, file, signal)));
  } catch (error) {
    throw asDamaged(error);
  } finally {
    file.close();
  }
}

/** All bytes of the database, decrypted; for who writes a copy of his own. @throws IbkError `damaged`, reason `manifest`; `incompatible`: it has a log beside it */
export async function* manifestPieces(
  source: BackupSource,
  key: Buffer | undefined,
  signal?: AbortSignal,
): AsyncGenerator<Buffer, void> {
  const log = source.open(`${NAME}-wal`);
  const hasLog = log !== undefined && log.stat().sizeBytes > 0;
  log?.close();
  if (hasLog)
    throw new IbkError('incompatible', `Beside ${NAME} lies a log that another program did not finish.`, {
      reason: 'manifest',
      hint: 'A copy in which all is in its place: ibk decrypt, or a new ibk backup',
    });
  const file = source.open(NAME);
  if (file === undefined) throw new IbkError('damaged', `There is no ${NAME}.`, { reason: 'manifest' });
  try {
    yield* key === undefined ? storedPieces(file, signal) : decrypted(file, key, signal);
  } finally {
    file.close();
  }
}

/** SQLite's own words for a database that is none become ours. */
export function asDamaged(error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (!/^SQLITE_(?:CORRUPT|NOTADB|ERROR|CANTOPEN|FORMAT|TOOBIG|NOMEM|MISMATCH|RANGE)/.test(code)) return error;
  const why = error instanceof Error ? error.message : code;
  return new IbkError('damaged', `${NAME} is damaged: ${why}.`, { reason: 'manifest', cause: error });
}

async function openCopy(source: BackupSource, file: ReadableFile, signal?: AbortSignal): Promise<ManifestImage> {
  const log = source.open(`${NAME}-wal`);
  try {
    if (log === undefined || log.stat().sizeBytes === 0) return await openNamelessDatabase(contentOf(file, signal));
    return await openWithLog(storedPieces(file, signal), storedPieces(log, signal));
  } finally {
    log?.close();
  }
}

function contentOf(file: ReadableFile, signal?: AbortSignal): AsyncIterable<Buffer> | DatabaseFile {
  const pieces = storedPieces(file, signal);
  return file.path === undefined ? pieces : { path: file.path, inode: file.stat().inode, pieces };
}

function openInPlace(file: ReadableFile): ManifestImage | undefined {
  const { path } = file;
  const header = Buffer.alloc(HEADER_BYTES);
  if (path === undefined || fill(file, header, 0) < HEADER_BYTES) return undefined;
  if (['-wal', '-journal'].some((suffix) => lstatSync(path + suffix, { throwIfNoEntry: false }) !== undefined))
    return undefined;
  const isWriteAhead = header[18] === WRITE_AHEAD || header[19] === WRITE_AHEAD;
  const db = isWriteAhead ? openSqliteImmutable(path) : openSqliteReadOnly(path);
  if (db === undefined) return undefined;
  // SQLite opened whatever had the name at that moment.
  if (lstatSync(path, { bigint: true, throwIfNoEntry: false })?.ino === BigInt(file.stat().inode))
    return { db, [Symbol.dispose]: () => db.close() };
  db.close();
  return undefined;
}

async function* decrypted(file: ReadableFile, key: Buffer, signal?: AbortSignal): AsyncGenerator<Buffer, void> {
  const { sizeBytes } = file.stat();
  if (sizeBytes === 0 || sizeBytes % BLOCK_BYTES !== 0)
    throw damaged(`it is cut off at ${sizeBytes} bytes, which is no whole number of blocks`);
  const decipher = contentDecipher(key);
  let wholeBytes: number | undefined;
  let at = 0;
  for await (const piece of storedPieces(file, signal)) {
    const plain = decipher.update(piece);
    if (wholeBytes === undefined) {
      if (!isPlainStart(plain)) throw damaged('its key does not open it');
      wholeBytes = databaseBytes(plain);
    }
    at += plain.length;
    if (at < sizeBytes) yield plain;
    else {
      // Some writers pad, some do not: padding is what lies beyond the pages that the header counts.
      const padding = paddingOf(plain) ?? 0;
      yield at - padding === wholeBytes ? plain.subarray(0, plain.length - padding) : plain;
    }
  }
}

/** Page size and count from the header. */
export function databaseBytes(start: Buffer): number {
  if (start.length < 32) return 0;
  const size = start.readUInt16BE(16);
  return (size === 1 ? 65_536 : size) * start.readUInt32BE(28);
}

function damaged(why: string): IbkError {
  return new IbkError('damaged', `${NAME} is damaged: ${why}.`, { reason: 'manifest' });
}

async function withRoom<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const code = codeOf(error);
    if (code !== 'ENOSPC' && code !== 'EDQUOT' && code !== 'SQLITE_FULL') throw error;
    throw new IbkError('destination', `There is no room for a copy of ${NAME} in the folder for temporary files.`, {
      reason: 'no_space',
      meaning: 'It is kept only while the backup is read.',
      hint: 'Name another folder for them: TMPDIR=/other/disk, then the same command again.',
      cause: error,
    });
  }
}

/** What the manifest names, in the order of the fileIDs, for verify: with the password, an encrypted one as well. */
import { IbkError } from '../../errors.js';
import type { BackupManifest } from '../format/manifest-plist.js';
import { assertOrdered, assertPlainSchema } from '../format/manifest-schema.js';
import { fileIdFor } from '../format/mbdb.js';
import { BLOCK_BYTES, fill } from '../format/stored-bytes.js';
import type { BackupSource } from '../reader/backup-source.js';
import { isRecord, recordOf } from '../reader/database-record.js';
import type { BackupKeys } from '../reader/keys.js';
import {
  asDamaged,
  databaseBytes,
  HEADER_BYTES,
  isManifestPlain,
  type ManifestImage,
  openManifestImage,
} from '../reader/manifest-image.js';
import { damagedManifest, guarded, SELECT_FILES } from '../reader/manifest-rows.js';
import { ManifestTable } from '../reader/manifest-table.js';
import { MbdbManifest } from '../reader/mbdb-manifest.js';
import type { FileDetails } from '../reader/types.js';
import type { Parts } from './verify-parts.js';

/** An iPhone of that time held a tenth of it; all are kept in memory, to be put in order. */
const MOST_MBDB_FILES = 2_000_000;

export interface NamedFile {
  readonly fileId: string;
  readonly domain: string;
  readonly relativePath: string;
  /** Its fileID is not the one that its domain and path have, or the row is none of a file. */
  readonly isMisnamed: boolean;
  /** @throws IbkError `damaged`, reason `record` */
  details(): FileDetails;
}

export interface NamedFiles extends Disposable {
  readonly name: 'Manifest.db' | 'Manifest.mbdb';
  /** `encrypted`: it names files to nobody without the password. */
  readonly state: 'checked' | 'encrypted' | 'unreadable';
  /** Do payloads lie in the folder itself (mbdb)? Undefined: not known. */
  readonly isFlat: boolean | undefined;
  /** A plain Manifest.db. */
  readonly isPlain: boolean;
  /** The password was right. */
  readonly isUnlocked: boolean;
  /** In order of their fileIDs; those that are files. */
  files(): AsyncGenerator<NamedFile, void>;
}

export interface ManifestReading {
  readonly source: BackupSource;
  readonly manifest: BackupManifest | undefined;
  /** Of an encrypted backup. */
  readonly keys: BackupKeys | undefined;
  readonly parts: Parts;
  readonly signal: AbortSignal | undefined;
}

const NONE = {
  isFlat: undefined,
  isPlain: false,
  isUnlocked: false,
  async *files() {},
  [Symbol.dispose]: () => {},
};

/** Unlocks `keys` where it can. @throws IbkError `password`: it is wrong */
export async function openNamedFiles(reading: ManifestReading): Promise<NamedFiles> {
  const { manifest } = reading;
  if (manifest !== undefined && Number.parseFloat(manifest.version) < 10) return openMbdb(reading);
  return openDatabase(reading);
}

async function openDatabase({ source, manifest, keys, parts, signal }: ManifestReading): Promise<NamedFiles> {
  const name = 'Manifest.db';
  const unreadable: NamedFiles = { ...NONE, name, state: 'unreadable' };
  const isPlain = isManifestPlain(source);
  if (isPlain !== true && !couldBeEncrypted(source, manifest)) {
    parts.note(name, 'unreadable');
    return unreadable;
  }
  const wrapped = isPlain === true ? undefined : manifest?.manifestKey;
  if (isPlain !== true && (keys === undefined || wrapped === undefined || !(await tryUnlock(keys, parts))))
    return { ...NONE, name, state: 'encrypted' };
  if (isPlain === true && isCut(source)) parts.note(name, 'unreadable');
  const image = await parts.read(name, () =>
    openManifestImage(source, wrapped === undefined ? undefined : keys?.unwrap(wrapped), signal),
  );
  if (image === undefined) return unreadable;
  try {
    // A copy that another tool decrypted needs no password.
    const isLocked = isPlain === true && manifest?.manifestKey === undefined;
    const isUnlocked = await parts.read(name, () => openTable(image, isLocked ? keys : undefined, parts));
    if (isUnlocked === undefined) {
      image[Symbol.dispose]();
      return unreadable;
    }
    const files = () => rowsOf(image, keys, parts, signal);
    const close = () => image[Symbol.dispose]();
    const opened = { isPlain: isPlain === true, isUnlocked: isUnlocked || wrapped !== undefined };
    return { name, state: 'checked', isFlat: false, ...opened, files, [Symbol.dispose]: close };
  } catch (error) {
    image[Symbol.dispose]();
    throw error;
  }
}

function couldBeEncrypted(source: BackupSource, manifest: BackupManifest | undefined): boolean {
  const file = source.open('Manifest.db');
  if (file === undefined) return false;
  const { sizeBytes } = file.stat();
  file.close();
  return manifest?.encrypted !== false && sizeBytes > 0 && sizeBytes % BLOCK_BYTES === 0;
}

/** False: there is no password. A keybag that is damaged is noted. */
async function tryUnlock(keys: BackupKeys, parts: Parts): Promise<boolean> {
  try {
    return (await parts.read('Manifest.plist', async () => keys.unlock().then(() => true))) === true;
  } catch (error) {
    if (error instanceof IbkError && error.code === 'password' && error.reason === 'no_password') return false;
    throw error;
  }
}

/** @returns whether these keys were unlocked. @param keys of a backup whose records are encrypted while its database is not (iOS 10.0 and 10.1) */
async function openTable(image: ManifestImage, keys: BackupKeys | undefined, parts: Parts): Promise<boolean> {
  const table = new ManifestTable(image.db);
  const salt = table.property('salt');
  if (salt !== undefined) keys?.saltRecords(salt);
  const isUnlocked = keys !== undefined && (await tryUnlock(keys, parts));
  const verdict = guarded(() => {
    assertPlainSchema(image.db);
    assertOrdered(image.db, SELECT, '');
    return image.db.pragma('integrity_check(1)', { simple: true });
  });
  if (verdict !== 'ok') throw damagedManifest(String(verdict));
  return isUnlocked;
}

const SELECT = `${SELECT_FILES} WHERE fileID >= ? ORDER BY fileID`;
const ROWS_A_TURN = 1000;

/** A damaged database names what it can until it fails. */
async function* rowsOf(
  { db }: ManifestImage,
  keys: BackupKeys | undefined,
  parts: Parts,
  signal: AbortSignal | undefined,
): AsyncGenerator<NamedFile, void> {
  let count = 0;
  try {
    for (const row of db.prepare<unknown[], unknown>(SELECT).raw().iterate('')) {
      if (++count % ROWS_A_TURN === 0) {
        await new Promise((resolve) => setImmediate(resolve));
        signal?.throwIfAborted();
      }
      const named = namedFile(row, keys);
      if (named === 'unusable') parts.note('Manifest.db', 'unreadable');
      else if (named !== undefined) yield named;
    }
  } catch (error) {
    const known = asDamaged(error);
    if (!(known instanceof IbkError) || known.code !== 'damaged') throw error;
    parts.note('Manifest.db', 'unreadable');
  }
}

function namedFile(row: unknown, keys: BackupKeys | undefined): NamedFile | 'unusable' | undefined {
  if (!Array.isArray(row)) return 'unusable';
  const [rowid, id, domainName, path, flags, file]: unknown[] = row;
  const found = recordOf([rowid, id, domainName, path, flags, file], (text) => {
    if (keys === undefined) throw new IbkError('damaged', 'A record is a text.', { reason: 'record' });
    return keys.openRecord(text);
  });
  if (found === undefined) return undefined;
  if (!isRecord(found)) return 'unusable';
  if (found.kind !== 'file') return undefined;
  const { fileId, domain, relativePath } = found;
  return {
    fileId,
    domain,
    relativePath,
    isMisnamed: fileIdFor(domain, relativePath) !== fileId,
    details: () => found.details(),
  };
}

async function openMbdb({ source, parts, keys, signal }: ManifestReading): Promise<NamedFiles> {
  const name = 'Manifest.mbdb';
  const isUnlocked = keys !== undefined && (await tryUnlock(keys, parts));
  const files = await parts.read(name, async () => {
    const found: NamedFile[] = [];
    for await (const page of new MbdbManifest(source, keys).pages({}, signal))
      for (const record of page) {
        if (record.kind !== 'file') continue;
        if (found.length === MOST_MBDB_FILES) throw new IbkError('damaged', `${name} names millions of files.`);
        const { fileId, domain, relativePath } = record;
        found.push({ fileId, domain, relativePath, isMisnamed: false, details: () => record.details() });
      }
    return found.sort((a, b) => (a.fileId < b.fileId ? -1 : 1));
  });
  if (files === undefined) return { ...NONE, name, state: 'unreadable' };
  async function* each(): AsyncGenerator<NamedFile, void> {
    yield* files ?? [];
  }
  return { ...NONE, name, state: 'checked', isFlat: true, isUnlocked, files: each };
}

/** A database that other tools made may lack its last bytes, which SQLite reads as zeros. */
function isCut(source: BackupSource): boolean {
  const log = source.open('Manifest.db-wal');
  log?.close();
  const file = log === undefined ? source.open('Manifest.db') : undefined;
  if (file === undefined) return false;
  try {
    const header = Buffer.alloc(HEADER_BYTES);
    return fill(file, header, 0) < HEADER_BYTES || file.stat().sizeBytes < databaseBytes(header);
  } finally {
    file.close();
  }
}

/**
 * A plain copy of an encrypted backup that other tools accept, written into an empty folder: payloads decrypted under their names, records without keys and
 * with digests of the plain content, Manifest.plist that says so; Status.plist last. The keychain's file stays as it is: it has a protection of its own.
 */
import { createHash } from 'node:crypto';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { IbkError } from '../errors.js';
import { makePrivateFolder, syncFolder } from '../io/private-files.js';
import { buildBinaryPlist, buildXmlPlist, parsePlist } from '../plist/codec.js';
import { asDict } from '../plist/fields.js';
import { plistDict } from '../plist/value.js';
import { LARGE_PLIST_LIMIT } from './format/plist-limits.js';
import { type BackupSource, readPart } from './reader/backup-source.js';
import type { FileContent, FileRecord, OpenedBackup } from './reader/types.js';

const NAMES = { db: 'Manifest.db', mbdb: 'Manifest.mbdb' } as const;

export interface FailedFile {
  readonly domain: string;
  readonly relativePath: string;
  readonly reason: string;
  readonly message: string;
}

export interface DecryptOptions {
  readonly signal?: AbortSignal | undefined;
  /** FileIDs that the device could not send: missing, and no failure. */
  readonly notSent: ReadonlySet<string>;
  readonly onFailure?: ((file: FailedFile) => void) | undefined;
  readonly onFile?: ((bytes: number) => void) | undefined;
}

export interface Decrypted {
  readonly files: number;
  readonly bytes: number;
  readonly failed: number;
}

/** @throws IbkError `incompatible`: of iPhone OS 3 and before; the signal's reason; system errors of the disk */
export async function decryptBackup(
  opened: OpenedBackup,
  source: BackupSource,
  folder: string,
  options: DecryptOptions,
): Promise<Decrypted> {
  const { era } = opened;
  if (era !== 'db' && era !== 'mbdb')
    throw new IbkError('incompatible', 'A backup of iPhone OS 3 or before has no plain form that other tools read.', {
      hint: 'Its files: ibk extract',
    });
  await opened.unlock();
  using copy = await opened.copyManifest(join(folder, NAMES[era]));
  const sum = { files: 0, bytes: 0, failed: 0 };
  for await (const page of opened.records({}, options.signal))
    for (const record of page) {
      if (record.kind !== 'file') {
        // iOS 10.0 encrypts records of folders and links as well.
        copyRecord(() => copy.decrypt(record, () => undefined));
        continue;
      }
      const path = era === 'db' ? `${record.fileId.slice(0, 2)}/${record.fileId}` : record.fileId;
      const written = await decryptFile(opened, record, join(folder, path), options);
      if (written instanceof IbkError) {
        sum.failed += 1;
        const { domain, relativePath } = record;
        options.onFailure?.({ domain, relativePath, reason: written.reason ?? written.code, message: written.message });
      } else if (written !== undefined) {
        sum.files += 1;
        sum.bytes += written.bytes;
        options.onFile?.(written.bytes);
      }
      const plain = written === undefined || written instanceof IbkError ? undefined : written;
      copyRecord(() => copy.decrypt(record, (length) => (length === 32 ? plain?.sha256 : plain?.sha1)));
    }
  copy.finish();
  await writePart(folder, 'Manifest.plist', plainManifest(neededPart(source, 'Manifest.plist')));
  const info = readPart(source, 'Info.plist', LARGE_PLIST_LIMIT);
  if (info !== undefined) await writePart(folder, 'Info.plist', info);
  await writePart(folder, 'Status.plist', neededPart(source, 'Status.plist'));
  await syncFolder(folder);
  return sum;
}

/** A record that cannot be read was told of with its file. */
function copyRecord(copy: () => void): void {
  try {
    copy();
  } catch (error) {
    if (!(error instanceof IbkError) || error.reason !== 'record') throw error;
  }
}

interface Written {
  readonly bytes: number;
  readonly sha1: Buffer;
  readonly sha256: Buffer;
}

/** Undefined: the device had not sent it. An error: why it is not in the copy. */
async function decryptFile(
  opened: OpenedBackup,
  record: FileRecord,
  path: string,
  { notSent, signal }: DecryptOptions,
): Promise<Written | IbkError | undefined> {
  let content: FileContent | undefined;
  let file: FileHandle | undefined;
  try {
    content = opened.content(record);
    if (content === undefined)
      return notSent.has(record.fileId)
        ? undefined
        : new IbkError('damaged', 'missing from the backup', { reason: 'missing' });
    await makePrivateFolder(join(path, '..'));
    file = await open(path, 'wx', 0o600);
    const [sha1, sha256] = [createHash('sha1'), createHash('sha256')];
    let bytes = 0;
    for await (const piece of content.pieces(signal)) {
      sha1.update(piece);
      sha256.update(piece);
      await file.writeFile(piece);
      bytes += piece.length;
    }
    return { bytes, sha1: sha1.digest(), sha256: sha256.digest() };
  } catch (error) {
    // Half of a file under a digest of that half would pass for whole.
    await rm(path, { force: true });
    if (error instanceof IbkError && (error.code === 'damaged' || error.code === 'unsafe')) return error;
    throw error;
  } finally {
    await file?.close();
    content?.close();
  }
}

function neededPart(source: BackupSource, name: string): Buffer {
  const bytes = readPart(source, name, LARGE_PLIST_LIMIT);
  if (bytes !== undefined) return bytes;
  throw new IbkError('damaged', `There is no ${name}.`, { reason: 'no_part', hint: 'ibk verify' });
}

/** The keybag stays, as in a backup that was never encrypted. */
function plainManifest(bytes: Buffer): Buffer {
  const isBinary = bytes.subarray(0, 8).toString('latin1') === 'bplist00';
  const dict = asDict(parsePlist(bytes, 'Manifest.plist', { maxBytes: LARGE_PLIST_LIMIT }), 'Manifest.plist');
  const { ManifestKey: _, ...rest } = dict;
  const plain = plistDict({ ...rest, IsEncrypted: false });
  return isBinary ? buildBinaryPlist(plain) : buildXmlPlist(plain);
}

async function writePart(folder: string, name: string, bytes: Buffer): Promise<void> {
  await using file = await open(join(folder, name), 'wx', 0o600);
  await file.writeFile(bytes);
  await file.sync();
}

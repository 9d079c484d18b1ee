/**
 * What the record of a file tells of the bytes that lie there. Checksums that ibk took tell more; this is for files that other tools received.
 *
 * | looked at                 | always                             | when content is read                       |
 * |---------------------------|------------------------------------|--------------------------------------------|
 * | key                       | unwraps with its class             |                                            |
 * | length, encrypted         | a whole number of blocks           | the last one ends in padding               |
 * | length against the claim  | not shorter, databases apart       |                                            |
 * | digest, where there is one |                                   | SHA-1 (32 bytes: SHA-256) of what is stored |
 *
 * A claimed size is of the scan; a file may have grown until it was copied, and databases are copied by another way that changes their length.
 */
import { createHash } from 'node:crypto';
import { IbkError } from '../../errors.js';
import { BLOCK_BYTES, contentDecipher, fill, paddingOf, storedPieces } from '../format/stored-bytes.js';
import type { BackupSource } from '../reader/backup-source.js';
import type { BackupKeys } from '../reader/keys.js';
import type { FileDetails } from '../reader/types.js';
import type { Fault } from '../versions/examine.js';
import type { NamedFile } from './verify-manifest.js';

const DATABASE = /(?:\.(?:db|sqlite\w*|sqlitedb|storedata|store)|-wal|-shm|-journal)$/i;

interface Reading {
  readonly source: BackupSource;
  readonly signal?: AbortSignal | undefined;
  readonly onRead?: ((bytes: number) => void) | undefined;
}

export interface ContentCheck extends Reading {
  /** Of an encrypted backup. `isOpen`: the password is known. */
  readonly keys: BackupKeys | undefined;
  readonly isOpen: boolean;
}

export interface ContentFinding {
  readonly fault: Fault | undefined;
  /** A digest was compared. */
  readonly compared: boolean;
  /** The record carries a digest. */
  readonly hasDigest: boolean;
}

/** @param readData the content is read: undefined where ibk's own checksum was compared, or nothing is to be read */
export async function checkContent(
  check: ContentCheck,
  named: NamedFile,
  stored: {
    readonly path: string;
    readonly sizeBytes: number;
    readonly isReceived: boolean;
    readonly readData: boolean;
  },
): Promise<ContentFinding> {
  const nothing = { compared: false, hasDigest: false };
  if (named.isMisnamed) return { ...nothing, fault: 'record' };
  try {
    const details = named.details();
    const { digest, wrappedKey } = details;
    const isEncrypted = wrappedKey !== null && check.keys !== undefined;
    const key = isEncrypted && check.isOpen ? check.keys?.unwrap(wrappedKey) : undefined;
    const found = { compared: false, hasDigest: digest !== null };
    // What ibk received has a checksum of its own, and is what the device sent.
    if (stored.isReceived) return { ...found, fault: undefined };
    if (isShort(details, isEncrypted, stored.sizeBytes, named)) return { ...found, fault: 'size' };
    if (!stored.readData) return { ...found, fault: undefined };
    return { ...found, ...(await readContent(check, stored.path, digest, key)) };
  } catch (error) {
    if (!(error instanceof IbkError)) throw error;
    if (error.code === 'damaged') return { ...nothing, fault: error.reason === 'disk_error' ? 'unreadable' : 'record' };
    // A record that is encrypted by itself (iOS 10.0), without the password.
    if (error.code === 'password' && error.reason === 'locked') return { ...nothing, fault: undefined };
    throw error;
  }
}

/** Nothing tells what it should hold: it is read to see that the disk can. */
export async function readUnnamed(
  source: BackupSource,
  path: string,
  { signal, onRead }: Omit<Reading, 'source'>,
): Promise<ContentFinding> {
  try {
    const read = await readContent({ source, signal, onRead }, path, null, undefined);
    return { ...read, hasDigest: false };
  } catch (error) {
    if (!(error instanceof IbkError) || error.reason !== 'disk_error') throw error;
    return { fault: 'unreadable', compared: false, hasDigest: false };
  }
}

function isShort(details: FileDetails, isEncrypted: boolean, sizeBytes: number, { relativePath }: NamedFile): boolean {
  if (isEncrypted && sizeBytes % BLOCK_BYTES !== 0) return true;
  if (DATABASE.test(relativePath)) return false;
  const claimed = details.sizeBytes;
  if (claimed === 0) return false;
  return sizeBytes < (isEncrypted ? claimed - (claimed % BLOCK_BYTES) + BLOCK_BYTES : claimed);
}

async function readContent(
  { source, signal, onRead }: Reading,
  path: string,
  digest: Buffer | null,
  key: Buffer | undefined,
): Promise<{ readonly fault: Fault | undefined; readonly compared: boolean }> {
  const file = source.open(path);
  if (file === undefined) return { fault: 'missing', compared: false };
  try {
    const hash = createHash(digest?.length === 32 ? 'sha256' : 'sha1');
    for await (const piece of storedPieces(file, signal)) {
      if (digest !== null) hash.update(piece);
      onRead?.(piece.length);
    }
    if (digest !== null && !hash.digest().equals(digest)) return { fault: 'digest', compared: true };
    const { sizeBytes } = file.stat();
    if (key !== undefined && sizeBytes > 0) {
      const last = Buffer.alloc(Math.min(sizeBytes, 2 * BLOCK_BYTES));
      fill(file, last, sizeBytes - last.length);
      // Each block needs but the one before it; of the first, whatever comes out, the end is not looked at.
      const plain = contentDecipher(key).update(last).subarray(-BLOCK_BYTES);
      if (paddingOf(plain) === undefined) return { fault: 'padding', compared: digest !== null };
    }
    return { fault: undefined, compared: digest !== null };
  } finally {
    file.close();
  }
}

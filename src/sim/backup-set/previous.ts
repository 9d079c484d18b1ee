/** What an earlier backup recorded, to see what has changed since. */
import type { ContentItem } from '../content/item.js';
import { isRegular, type StoredRecord, storedRecordsOfDb, storedRecordsOfMbdb } from './stored-record.js';

/** What decides whether a file must be sent again, and what is carried over if not. */
export type PreviousFile = Pick<
  StoredRecord,
  'sizeBytes' | 'modified' | 'changed' | 'inode' | 'encryptionKey' | 'digest'
>;

/** Regular files of an earlier backup by fileID. */
export type PreviousFiles = ReadonlyMap<string, PreviousFile>;

/** @throws when it is no readable Manifest.db */
export function readManifestDb(path: string): Promise<PreviousFiles> {
  return regularFiles(storedRecordsOfDb(path));
}

/** @throws when it is no readable Manifest.mbdb */
export function readManifestMbdb(path: string): Promise<PreviousFiles> {
  return regularFiles(storedRecordsOfMbdb(path));
}

async function regularFiles(records: AsyncGenerator<StoredRecord, void>): Promise<PreviousFiles> {
  const files = new Map<string, PreviousFile>();
  for await (const record of records) {
    if (!isRegular(record)) continue;
    const { sizeBytes, modified, changed, inode, encryptionKey, digest } = record;
    files.set(record.fileId, { sizeBytes, modified, changed, inode, encryptionKey, digest });
  }
  return files;
}

/** Must this file be sent again? Metadata that is only recorded (mode, owner, attributes) needs no new upload. */
export function isUnchanged(
  previous: PreviousFile | undefined,
  item: ContentItem & { readonly kind: 'file' },
  encryptionKey: Buffer | undefined,
): previous is PreviousFile {
  if (previous === undefined) return false;
  const sameKey =
    encryptionKey === undefined
      ? previous.encryptionKey === undefined
      : previous.encryptionKey?.equals(encryptionKey) === true;
  return (
    sameKey &&
    previous.sizeBytes === item.sizeBytes &&
    previous.modified === item.modified &&
    previous.changed === item.changed &&
    previous.inode === item.inode
  );
}

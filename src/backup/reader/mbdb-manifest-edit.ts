/**
 * Manifest.mbdb to be changed. Records that are there stay in their order, byte for byte but for what was asked; new ones come at the end, a folder before what is
 * in it. That a device takes them there is inferred: real manifests are not sorted either.
 */
import { IbkError } from '../../errors.js';
import { fileIdFor, readMbdb } from '../format/mbdb.js';
import { buildMbdbRecord, editMbdb, type MbdbEdit } from '../format/mbdb-edit.js';
import type { EditedItem, ManifestEdit } from './manifest-edit.js';

const MOST_ITEMS = 5_000_000;

/** @param bytes all of it @throws IbkError `damaged`, reason `manifest`; `unsafe`: too many records */
export function editMbdbManifest(bytes: Buffer, newKey: ManifestEdit['newKey']): ManifestEdit {
  const there = new Set<string>();
  for (const { domain, relativePath } of readMbdb(bytes)) {
    there.add(fileIdFor(domain, relativePath));
    if (there.size > MOST_ITEMS)
      throw new IbkError('unsafe', 'Refused: the manifest names more files than any iPhone has.', { reason: 'limit' });
  }
  const removed = new Set<string>();
  const put = new Map<string, EditedItem>();
  return {
    ...{ name: 'Manifest.mbdb', isFlat: true, hasEncryptedRecords: false, newKey },
    has: (fileId) => put.has(fileId) || (there.has(fileId) && !removed.has(fileId)),
    remove: (fileId) => {
      put.delete(fileId);
      removed.add(fileId);
    },
    // One that goes and comes again is a new one.
    put: (item) => void put.set(item.fileId, item),
    async *pieces() {
      yield* editMbdb(bytes, (domain, relativePath, digest) => {
        const fileId = fileIdFor(domain, relativePath);
        if (removed.has(fileId)) return null;
        const item = put.get(fileId);
        return item === undefined ? undefined : contentOf(item, digest);
      });
      for (const item of put.values())
        if (!there.has(item.fileId) || removed.has(item.fileId)) yield buildMbdbRecord(item);
    },
    [Symbol.dispose]: () => {},
  };
}

function contentOf({ sizeBytes, time, digest, wrappedKey }: EditedItem, old: Buffer | null): MbdbEdit {
  return {
    digest: old === null ? undefined : (digest ?? null),
    key: wrappedKey ?? null,
    content: { sizeBytes, time },
  };
}

/**
 * Manifest.db to be changed: a copy in a file that has no name, decrypted where it was encrypted, and given out again as it was stored: encrypted under the same
 * key. What is removed is wiped from it. Nothing is written into the backup, and nothing decrypted has a name at any time.
 */
import { openNamelessForWriting } from '../../io/nameless-database.js';
import type { SqliteDatabase } from '../../io/sqlite.js';
import { buildMbFile, type NewMbFile } from '../format/mbfile-build.js';
import { withContent } from '../format/mbfile-edit.js';
import { sealedPieces } from '../format/stored-bytes.js';

/** A file or, by its mode, a folder. */
export interface EditedItem extends NewMbFile {
  readonly fileId: string;
  readonly domain: string;
}

export interface ManifestEdit extends Disposable {
  readonly name: 'Manifest.db' | 'Manifest.mbdb';
  /** Payloads lie beside the manifest, not in folders. */
  readonly isFlat: boolean;
  /** Is content to be encrypted, and records as well (iOS 10.0)? */
  readonly hasEncryptedRecords: boolean;
  has(fileId: string): boolean;
  remove(fileId: string): void;
  /** A record that is there keeps all that is not about content, and has a digest only where it had one. @throws IbkError `damaged`, reason `record` */
  put(item: EditedItem): void;
  /** A new key for a file, and the same wrapped for its record; undefined where content is plain. @throws IbkError `damaged`: that class does not open */
  newKey(protectionClass: number): { readonly key: Buffer; readonly wrapped: Buffer } | undefined;
  /** All of it, as it is to be stored. To be called once, after the changes. */
  pieces(): AsyncGenerator<Buffer, void>;
}

export interface ManifestEditOptions {
  readonly content: AsyncIterable<Buffer>;
  /** Of the database, where it is encrypted. */
  readonly key: Buffer | undefined;
  readonly hasEncryptedRecords: boolean;
  readonly newKey: ManifestEdit['newKey'];
}

/** @throws as `openNamelessForWriting` */
export async function editManifest(options: ManifestEditOptions): Promise<ManifestEdit> {
  const { content, key, hasEncryptedRecords, newKey } = options;
  const image = await openNamelessForWriting(content);
  const { db } = image;
  try {
    db.pragma('trusted_schema = OFF');
    db.pragma('secure_delete = ON');
    db.exec('BEGIN');
    const read = db.prepare<unknown[], unknown>('SELECT file FROM Files WHERE fileID = ?').pluck();
    const remove = db.prepare('DELETE FROM Files WHERE fileID = ?');
    const put = db.prepare(
      'INSERT OR REPLACE INTO Files (fileID, domain, relativePath, flags, file) VALUES (?, ?, ?, ?, ?)',
    );
    const archiveOf = (fileId: string): Buffer | undefined => {
      const stored = read.get(fileId);
      return Buffer.isBuffer(stored) ? stored : undefined;
    };
    return {
      ...{ name: 'Manifest.db', isFlat: false, hasEncryptedRecords, newKey },
      has: (fileId) => archiveOf(fileId) !== undefined,
      remove: (fileId) => void remove.run(fileId),
      put: (item) => {
        const { fileId, domain, relativePath, mode } = item;
        const old = archiveOf(fileId);
        const archive = old === undefined ? buildMbFile(item) : withContent(old, item);
        put.run(fileId, domain, relativePath, isFolder(mode) ? 2 : 1, archive);
      },
      pieces: () => piecesOf(db, image.read, key),
      [Symbol.dispose]: () => image[Symbol.dispose](),
    };
  } catch (error) {
    image[Symbol.dispose]();
    throw error;
  }
}

const isFolder = (mode: number): boolean => (mode & 0o170000) === 0o040000;

async function* piecesOf(
  db: SqliteDatabase,
  read: (into: Buffer, position: number) => Promise<number>,
  key: Buffer | undefined,
): AsyncGenerator<Buffer, void> {
  db.exec('COMMIT');
  yield* sealedPieces(read, key);
}

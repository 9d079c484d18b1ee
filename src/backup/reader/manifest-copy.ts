/** A copy of the manifest that names the same files and needs no password: records are changed one by one, the rest stays as the device wrote it. */
import { chmodSync, writeFileSync } from 'node:fs';
import { openSqlite, type SqliteDatabase } from '../../io/sqlite.js';
import { fileIdFor } from '../format/mbdb.js';
import { editMbdb, type MbdbEdit } from '../format/mbdb-edit.js';
import { type DigestOf, withoutEncryption } from '../format/mbfile-edit.js';
import type { OpenRecord } from './database-record.js';
import type { FileRecord } from './types.js';

export interface ManifestCopy extends Disposable {
  /** The record loses its key, and has the digest of the plain content where it had one. @throws IbkError `damaged`, reason `record` */
  decrypt(record: FileRecord, digestOf: DigestOf): void;
  /** All of it is in the file. */
  finish(): void;
}

/** Hashes and salts of a password that iOS 10.0 keeps there. */
const DROP_SECRETS = "DELETE FROM Properties WHERE key IN ('salt', 'passwordHash', 'passphraseHash')";

/** @param image of a schema that was checked. `path` must not exist. */
export function copyDatabase(image: SqliteDatabase, path: string, open: OpenRecord): ManifestCopy {
  image.prepare('VACUUM INTO ?').run(path);
  chmodSync(path, 0o600);
  const db = openSqlite(path);
  db.pragma('trusted_schema = OFF');
  db.pragma('journal_mode = DELETE');
  db.exec('BEGIN');
  const read = db.prepare<unknown[], unknown>('SELECT file FROM Files WHERE fileID = ?').pluck();
  const write = db.prepare('UPDATE Files SET file = ? WHERE fileID = ?');
  return {
    decrypt: ({ fileId }, digestOf) => {
      const stored = read.get(fileId);
      if (stored === null || stored === undefined) return;
      const archive = Buffer.isBuffer(stored) ? stored : open(String(stored));
      write.run(withoutEncryption(archive, digestOf), fileId);
    },
    finish: () => {
      if (db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'Properties'").get() !== undefined)
        db.exec(DROP_SECRETS);
      db.exec('COMMIT');
      db.close();
    },
    [Symbol.dispose]: () => db.close(),
  };
}

/** @param bytes of Manifest.mbdb, whole */
export function copyMbdb(bytes: Buffer, path: string): ManifestCopy {
  const digests = new Map<string, DigestOf>();
  return {
    decrypt: ({ fileId }, digestOf) => void digests.set(fileId, digestOf),
    finish: () => {
      const edit = (domain: string, relativePath: string, digest: Buffer | null): MbdbEdit | undefined => {
        const digestOf = digests.get(fileIdFor(domain, relativePath));
        if (digestOf === undefined) return undefined;
        return { key: null, digest: digest === null ? undefined : (digestOf(digest.length) ?? null) };
      };
      writeFileSync(path, Buffer.concat([...editMbdb(bytes, edit)]), { mode: 0o600, flag: 'wx' });
    },
    [Symbol.dispose]: () => {},
  };
}

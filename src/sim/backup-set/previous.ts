/** The phone reading back what an earlier backup recorded, to see what has changed since. */
import { readFile } from 'node:fs/promises';
import { openSqliteReadOnly } from '../../io/sqlite.js';
import { parsePlist } from '../../plist/codec.js';
import { asArray, asDict, asInteger, field } from '../../plist/fields.js';
import { isPlistDict, PlistUid, type PlistValue } from '../../plist/value.js';
import type { ContentItem } from '../content/item.js';
import { MBDB_MAGIC } from './mbdb.js';
import { fileIdOf } from './record.js';

/** What decides whether a file must be sent again, and what is carried over if not. */
export interface PreviousFile {
  readonly sizeBytes: number;
  readonly modified: number;
  readonly changed: number;
  readonly inode: number;
  readonly encryptionKey: Buffer | undefined;
  readonly digest: Buffer | undefined;
}

/** Regular files of an earlier backup by fileID. */
export type PreviousFiles = ReadonlyMap<string, PreviousFile>;

const ROWS_PER_TURN = 500;

/** @throws when it is no readable Manifest.db */
export async function readManifestDb(path: string): Promise<PreviousFiles> {
  const db = openSqliteReadOnly(path);
  try {
    const files = new Map<string, PreviousFile>();
    let turn = 0;
    for (const row of db.prepare('SELECT fileID, file FROM Files WHERE flags = 1').iterate()) {
      const { fileID, file } = row as { fileID: unknown; file: unknown };
      if (typeof fileID !== 'string' || !Buffer.isBuffer(file)) throw new Error('a row of Manifest.db is malformed');
      files.set(fileID, decodeMbFile(file));
      turn += 1;
      if (turn % ROWS_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    return files;
  } finally {
    db.close();
  }
}

function decodeMbFile(blob: Buffer): PreviousFile {
  const archive = asDict(parsePlist(blob, 'MBFile'), 'MBFile');
  const objects = asArray(field(archive, '$objects'), '$objects');
  const follow = (value: PlistValue | undefined) => (value instanceof PlistUid ? objects[value.value] : value);
  const root = asDict(follow(field(asDict(field(archive, '$top'), '$top'), 'root')), 'root');
  const data = (key: string): Buffer | undefined => {
    const value = follow(field(root, key));
    const inner = isPlistDict(value) ? field(value, 'NS.data') : value;
    return Buffer.isBuffer(inner) ? Buffer.from(inner) : undefined;
  };
  return {
    sizeBytes: asInteger(field(root, 'Size'), 'Size'),
    modified: asInteger(field(root, 'LastModified'), 'LastModified'),
    changed: asInteger(field(root, 'LastStatusChange'), 'LastStatusChange'),
    inode: asInteger(field(root, 'InodeNumber'), 'InodeNumber'),
    encryptionKey: data('EncryptionKey'),
    digest: data('Digest'),
  };
}

/** @throws when it is no readable Manifest.mbdb */
export async function readManifestMbdb(path: string): Promise<PreviousFiles> {
  const bytes = await readFile(path);
  if (!bytes.subarray(0, MBDB_MAGIC.length).equals(MBDB_MAGIC)) throw new Error('Manifest.mbdb has no magic number');
  const files = new Map<string, PreviousFile>();
  let at = MBDB_MAGIC.length;
  const sized = (): Buffer | undefined => {
    const length = bytes.readUInt16BE(at);
    at += 2;
    if (length === 0xffff) return undefined;
    if (at + length > bytes.length) throw new RangeError('Manifest.mbdb is cut off');
    at += length;
    return bytes.subarray(at - length, at);
  };
  while (at < bytes.length) {
    const domain = sized()?.toString('utf8') ?? '';
    const relativePath = sized()?.toString('utf8') ?? '';
    sized(); // link target
    const digest = sized();
    const encryptionKey = sized();
    const mode = bytes.readUInt16BE(at);
    const inode = Number(bytes.readBigUInt64BE(at + 2));
    const modified = bytes.readUInt32BE(at + 18);
    const changed = bytes.readUInt32BE(at + 22);
    const sizeBytes = Number(bytes.readBigUInt64BE(at + 30));
    const properties = bytes.readUInt8(at + 39);
    at += 40;
    for (let i = 0; i < properties * 2; i += 1) sized();
    if ((mode & 0o170000) !== 0o100000) continue;
    files.set(fileIdOf(domain, relativePath), { sizeBytes, modified, changed, inode, encryptionKey, digest });
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

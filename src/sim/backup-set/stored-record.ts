/** The phone reading manifests back: of the backup that it continues, and of the one that it restores. */
import { readFile } from 'node:fs/promises';
import { openSqliteReadOnly } from '../../io/sqlite.js';
import { parsePlist } from '../../plist/codec.js';
import { asArray, asDict, asInteger, asString, field } from '../../plist/fields.js';
import { isPlistDict, type PlistDict, PlistUid, type PlistValue } from '../../plist/value.js';
import { MBDB_MAGIC } from './mbdb.js';
import { fileIdOf } from './record.js';

/** One row, as it stands there. */
export interface StoredRecord {
  readonly fileId: string;
  readonly domain: string;
  readonly relativePath: string;
  /** st_mode with its type bits. */
  readonly mode: number;
  readonly userId: number;
  readonly groupId: number;
  readonly inode: number;
  /** Unix seconds, as the next two. */
  readonly modified: number;
  readonly changed: number;
  readonly born: number;
  readonly protectionClass: number;
  readonly sizeBytes: number;
  readonly target: string | undefined;
  readonly digest: Buffer | undefined;
  readonly encryptionKey: Buffer | undefined;
  readonly extendedAttributes: Readonly<Record<string, Buffer>> | undefined;
}

const ROWS_PER_TURN = 500;
const TYPE_BITS = 0o170000;
const REGULAR = 0o100000;

export function isRegular(record: StoredRecord): boolean {
  return (record.mode & TYPE_BITS) === REGULAR;
}

/** In the order of Manifest.db. @throws when it is no readable Manifest.db */
export async function* storedRecordsOfDb(path: string): AsyncGenerator<StoredRecord, void> {
  const db = openSqliteReadOnly(path);
  try {
    let turn = 0;
    const rows = db.prepare('SELECT fileID, domain, relativePath, file FROM Files WHERE flags IN (1, 2, 4)');
    for (const row of rows.iterate()) {
      const { fileID, domain, relativePath, file } = row as Record<string, unknown>;
      const isSound = typeof fileID === 'string' && typeof domain === 'string' && typeof relativePath === 'string';
      if (!isSound || !Buffer.isBuffer(file)) throw new Error('a row of Manifest.db is malformed');
      yield { fileId: fileID, domain, relativePath, ...decodeMbFile(file) };
      turn += 1;
      if (turn % ROWS_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  } finally {
    db.close();
  }
}

function decodeMbFile(blob: Buffer): Omit<StoredRecord, 'fileId' | 'domain' | 'relativePath'> {
  const archive = asDict(parsePlist(blob, 'MBFile'), 'MBFile');
  const objects = asArray(field(archive, '$objects'), '$objects');
  const follow = (value: PlistValue | undefined) => (value instanceof PlistUid ? objects[value.value] : value);
  const root = asDict(follow(field(asDict(field(archive, '$top'), '$top'), 'root')), 'root');
  const data = (key: string): Buffer | undefined => {
    const value = follow(field(root, key));
    const inner = isPlistDict(value) ? follow(field(value, 'NS.data')) : value;
    return Buffer.isBuffer(inner) ? Buffer.from(inner) : undefined;
  };
  const number = (key: string) => asInteger(field(root, key), key);
  const target = follow(field(root, 'Target'));
  const attributes = data('ExtendedAttributes');
  return {
    mode: number('Mode'),
    userId: number('UserID'),
    groupId: number('GroupID'),
    inode: number('InodeNumber'),
    modified: number('LastModified'),
    changed: number('LastStatusChange'),
    born: number('Birth'),
    protectionClass: number('ProtectionClass'),
    sizeBytes: number('Size'),
    target: target === undefined ? undefined : asString(target, 'Target'),
    digest: data('Digest'),
    encryptionKey: data('EncryptionKey'),
    extendedAttributes: attributes === undefined ? undefined : attributesOf(attributes),
  };
}

function attributesOf(bytes: Buffer): Record<string, Buffer> {
  const dict: PlistDict = asDict(parsePlist(bytes, 'ExtendedAttributes'), 'ExtendedAttributes');
  return Object.fromEntries(
    Object.entries(dict).flatMap(([name, value]) => (Buffer.isBuffer(value) ? [[name, Buffer.from(value)]] : [])),
  );
}

/** In the order of Manifest.mbdb. @throws when it is no readable Manifest.mbdb */
export async function* storedRecordsOfMbdb(path: string): AsyncGenerator<StoredRecord, void> {
  const bytes = await readFile(path);
  if (!bytes.subarray(0, MBDB_MAGIC.length).equals(MBDB_MAGIC)) throw new Error('Manifest.mbdb has no magic number');
  let at = MBDB_MAGIC.length;
  const sized = (): Buffer | undefined => {
    const length = bytes.readUInt16BE(at);
    at += 2;
    if (length === 0xffff) return undefined;
    if (at + length > bytes.length) throw new RangeError('Manifest.mbdb is cut off');
    at += length;
    return bytes.subarray(at - length, at);
  };
  const text = () => sized()?.toString('utf8');
  while (at < bytes.length) {
    const domain = text() ?? '';
    const relativePath = text() ?? '';
    const target = text();
    const digest = sized();
    const encryptionKey = sized();
    const fixed = bytes.subarray(at, at + 40);
    at += 40;
    const attributes: Record<string, Buffer> = {};
    const count = fixed.readUInt8(39);
    for (let i = 0; i < count; i += 1) attributes[text() ?? ''] = Buffer.from(sized() ?? []);
    yield {
      fileId: fileIdOf(domain, relativePath),
      ...{ domain, relativePath, target, digest, encryptionKey },
      mode: fixed.readUInt16BE(0),
      inode: Number(fixed.readBigUInt64BE(2)),
      userId: fixed.readUInt32BE(10),
      groupId: fixed.readUInt32BE(14),
      modified: fixed.readUInt32BE(18),
      changed: fixed.readUInt32BE(22),
      born: fixed.readUInt32BE(26),
      sizeBytes: Number(fixed.readBigUInt64BE(30)),
      protectionClass: fixed.readUInt8(38),
      extendedAttributes: count === 0 ? undefined : attributes,
    };
  }
}

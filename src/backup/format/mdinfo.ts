/**
 * Backups of iPhone OS 2 and 3: `<fileID>.mdinfo` names a file, `<fileID>.mddata` is its content. Of iPhone OS 1 and 2: `<fileID>.mdbackup` is both.
 *
 * | mdinfo        |                                                                     |
 * |---------------|---------------------------------------------------------------------|
 * | `Metadata`    | a binary property list, maybe encrypted: `Path`, `Domain`, `Version`, `Greylist` |
 * | `IsEncrypted` | boolean                                                             |
 *
 * Encrypted are Metadata and content, each with a key of its own: `0042 0100 | vector (16) | wrapped key (48) | ciphertext`, AES-256-CBC with the same
 * vector for both. The wrapped keys open with the backup's key, which is in Manifest.plist: `Data` is a property list with
 * `AuthData` = salt (8) | vector (16) | the key and its SHA-1, under PBKDF2-HMAC-SHA1(password, salt, 2000 rounds).
 * The fields of mdbackup are those of descriptions of that time; none of these generations was seen from a real device.
 */
import { createDecipheriv, createHash, pbkdf2 } from 'node:crypto';
import { promisify } from 'node:util';
import { IbkError } from '../../errors.js';
import { parsePlist } from '../../plist/codec.js';
import { asDict, field, optionalString } from '../../plist/fields.js';
import type { PlistDict } from '../../plist/value.js';

const SALT_BYTES = 8;
const VECTOR_BYTES = 16;
const KEY_BYTES = 32;
const SHA1_BYTES = 20;
const ROUNDS = 2000;
const SEALED_START = Buffer.from('00420100', 'hex');
const WRAPPED_BYTES = 48;
/** Of what is sealed, before the ciphertext. */
export const SEALED_HEADER_BYTES = SEALED_START.length + VECTOR_BYTES + WRAPPED_BYTES;
const MOST_NAME_BYTES = 1024 * 1024;

const derive = promisify(pbkdf2);

export interface MdName {
  readonly domain: string;
  readonly relativePath: string;
}

/** `AuthData` of Manifest.plist; undefined where it has none. @throws IbkError when what should hold it is no property list */
export function authDataOf(manifest: PlistDict): Buffer | undefined {
  const data = field(manifest, 'Data');
  const inner = Buffer.isBuffer(data)
    ? asDict(parsePlist(data, 'Data of Manifest.plist'), 'Data of Manifest.plist')
    : manifest;
  const auth = field(inner, 'AuthData');
  return Buffer.isBuffer(auth) ? auth : undefined;
}

/** The backup's key; undefined: not its password. @throws IbkError `damaged`, reason `keybag` */
export async function openAuthData(auth: Buffer, password: Buffer): Promise<Buffer | undefined> {
  const vectorEnd = SALT_BYTES + VECTOR_BYTES;
  const sealed = auth.subarray(vectorEnd);
  if (sealed.length < 64 || sealed.length % VECTOR_BYTES !== 0 || sealed.length > 1024)
    throw new IbkError('damaged', 'The keys of the backup are damaged: AuthData is not of its length.', {
      reason: 'keybag',
    });
  const kek = await derive(password, auth.subarray(0, SALT_BYTES), ROUNDS, KEY_BYTES, 'sha1');
  const plain = cbc(kek, auth.subarray(SALT_BYTES, vectorEnd), sealed);
  const key = plain.subarray(0, KEY_BYTES);
  const check = createHash('sha1').update(key).digest();
  return check.equals(plain.subarray(KEY_BYTES, KEY_BYTES + SHA1_BYTES)) ? key : undefined;
}

/** From the first bytes of something sealed: the key and vector of its ciphertext. @throws IbkError `damaged`, reason `key` */
export function openSealed(header: Buffer, backupKey: Buffer): { readonly key: Buffer; readonly vector: Buffer } {
  if (header.length < SEALED_HEADER_BYTES || !header.subarray(0, SEALED_START.length).equals(SEALED_START))
    throw new IbkError('damaged', 'The key of a file is damaged: it does not begin as one.', { reason: 'key' });
  const vector = header.subarray(SEALED_START.length, SEALED_START.length + VECTOR_BYTES);
  const wrapped = header.subarray(SEALED_START.length + VECTOR_BYTES, SEALED_HEADER_BYTES);
  return { key: cbc(backupKey, vector, wrapped).subarray(0, KEY_BYTES), vector };
}

/**
 * The names in an mdinfo file. `openKey` gives the backup's key, where it is needed.
 * @throws IbkError `damaged`, reason `record`; what `openKey` throws
 */
export function parseMdInfo(bytes: Buffer, openKey: () => Buffer): MdName & { readonly isSealed: boolean } {
  const dict = recordDict(bytes);
  const metadata = field(dict, 'Metadata');
  if (!Buffer.isBuffer(metadata)) throw damagedInfo('it has no Metadata');
  const isSealed = field(dict, 'IsEncrypted') === true;
  return { ...nameIn(recordDict(isSealed ? unseal(metadata, openKey()) : metadata)), isSealed };
}

/** Names and content of an mdbackup file. @throws IbkError `damaged`, reason `record` */
export function parseMdBackup(bytes: Buffer): MdName & { readonly content: Buffer } {
  const dict = recordDict(bytes);
  const content = field(dict, 'Data');
  if (!Buffer.isBuffer(content)) throw damagedInfo('it has no Data');
  return { ...nameIn(dict), content };
}

function unseal(sealed: Buffer, backupKey: Buffer): Buffer {
  if (sealed.length > MOST_NAME_BYTES) throw damagedInfo('it is too long');
  const { key, vector } = openSealed(sealed, backupKey);
  try {
    const decipher = createDecipheriv('aes-256-cbc', key, vector);
    return Buffer.concat([decipher.update(sealed.subarray(SEALED_HEADER_BYTES)), decipher.final()]);
  } catch (error) {
    throw damagedInfo('its names do not decrypt', error);
  }
}

/** `Domain` is null in what belongs to none. */
function nameIn(dict: PlistDict): MdName {
  const relativePath = optionalString(dict, 'Path');
  if (relativePath === undefined) throw damagedInfo('it has no Path');
  return { domain: optionalString(dict, 'Domain') ?? '', relativePath };
}

function recordDict(bytes: Buffer): PlistDict {
  try {
    return asDict(parsePlist(bytes, 'a record'), 'a record');
  } catch (error) {
    throw damagedInfo('it is no property list', error);
  }
}

function cbc(key: Buffer, vector: Buffer, bytes: Buffer): Buffer {
  const decipher = createDecipheriv('aes-256-cbc', key, vector).setAutoPadding(false);
  return Buffer.concat([decipher.update(bytes), decipher.final()]);
}

function damagedInfo(why: string, cause?: unknown): IbkError {
  return new IbkError('damaged', `A record of the backup is damaged: ${why}.`, { reason: 'record', cause });
}

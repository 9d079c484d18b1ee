/**
 * The keybag of a backup and the keys behind it, written by the phone.
 *
 * A stream of tag (4 ASCII bytes), u32 big-endian length, value. Header: VERS TYPE UUID HMCK WRAP SALT ITER, in encrypted backups from
 * iOS 10.2 on DPWT DPIC DPSL; then one block per class: UUID CLAS WRAP KTYP WPKY. Order of the classes as in real bags: 11 to 1 when
 * encrypted, 1 to 11 when not.
 */
import { createCipheriv, createHash, pbkdf2 } from 'node:crypto';
import { promisify } from 'node:util';
import { seededBytes } from '../content/random.js';

const deriveKey = promisify(pbkdf2);
const WRAP_IV = Buffer.alloc(8, 0xa6);

export interface KeybagRecipe {
  /** Class keys, salts and identifiers follow from it. */
  readonly label: string;
  /** undefined: the bag of an unencrypted backup, whose password nobody knows. */
  readonly password: string | undefined;
  /** Write DPWT, DPIC and DPSL (encrypted backups from iOS 10.2 on). */
  readonly doubleProtection: boolean;
  readonly dpic: number;
  readonly iter: number;
}

export interface PhoneKeybag {
  readonly bytes: Buffer;
  /** Keys of the classes that a password opens (1-4 and 6-8). */
  readonly classKeys: ReadonlyMap<number, Buffer>;
}

/** AES Key Wrap (RFC 3394): 32 bytes become 40. */
export function wrapKey(kek: Buffer, key: Buffer): Buffer {
  const cipher = createCipheriv('id-aes256-wrap', kek, WRAP_IV);
  return Buffer.concat([cipher.update(key), cipher.final()]);
}

/** The 44 bytes of EncryptionKey and ManifestKey: the class as u32 little-endian, then the wrapped key. */
export function wrapForClass(classKey: Buffer, protectionClass: number, key: Buffer): Buffer {
  const prefix = Buffer.alloc(4);
  prefix.writeUInt32LE(protectionClass);
  return Buffer.concat([prefix, wrapKey(classKey, key)]);
}

/** PBKDF2-HMAC-SHA256 with DPSL where there is one, then PBKDF2-HMAC-SHA1 with SALT. */
export async function deriveKek(
  password: string,
  salt: Buffer,
  iter: number,
  protection: { readonly salt: Buffer; readonly iterations: number } | undefined,
): Promise<Buffer> {
  const typed = Buffer.from(password, 'utf8');
  const first =
    protection === undefined ? typed : await deriveKey(typed, protection.salt, protection.iterations, 32, 'sha256');
  return deriveKey(first, salt, iter, 32, 'sha1');
}

export interface ClassBlock {
  readonly uuid: Buffer;
  readonly protectionClass: number;
  /** 2: wrapped with the password's key; 3: with the phone's own key as well. */
  readonly wrap: 2 | 3;
  readonly wrappedKey: Buffer;
}

export interface KeybagHeader {
  readonly version: number;
  readonly uuid: Buffer;
  readonly salt: Buffer;
  readonly iter: number;
  readonly protection: { readonly salt: Buffer; readonly iterations: number } | undefined;
}

/** The bytes of a bag. */
export function encodeKeybag(header: KeybagHeader, classes: readonly ClassBlock[]): Buffer {
  const parts = [
    tag('VERS', u32(header.version)),
    tag('TYPE', u32(1)),
    tag('UUID', header.uuid),
    tag('HMCK', Buffer.alloc(40)),
    tag('WRAP', u32(0)),
    tag('SALT', header.salt),
    tag('ITER', u32(header.iter)),
  ];
  if (header.protection !== undefined) {
    parts.push(tag('DPWT', u32(1)), tag('DPIC', u32(header.protection.iterations)));
    parts.push(tag('DPSL', header.protection.salt));
  }
  for (const block of classes) {
    parts.push(tag('UUID', block.uuid), tag('CLAS', u32(block.protectionClass)), tag('WRAP', u32(block.wrap)));
    parts.push(tag('KTYP', u32(0)), tag('WPKY', block.wrappedKey));
  }
  return Buffer.concat(parts);
}

/** Makes the bag of a phone: the same for the same recipe. */
export async function makeKeybag(recipe: KeybagRecipe): Promise<PhoneKeybag> {
  const { label, password } = recipe;
  const encrypted = password !== undefined;
  const salt = seededBytes(`${label}/SALT`, 20);
  const protection =
    encrypted && recipe.doubleProtection
      ? { salt: seededBytes(`${label}/DPSL`, 20), iterations: recipe.dpic }
      : undefined;
  const secret = password ?? seededBytes(`${label}/nobody knows`, 32).toString('hex');
  const kek = await deriveKek(secret, salt, recipe.iter, protection);
  const deviceOnly: readonly number[] = encrypted ? [5, 9, 10, 11] : [5, 6, 7, 8, 9, 10, 11];
  const numbers = Array.from({ length: 11 }, (_, i) => (encrypted ? 11 - i : i + 1));
  const classKeys = new Map<number, Buffer>();
  const blocks = numbers.map((protectionClass): ClassBlock => {
    const key = createHash('sha256').update(`${label}/class/${protectionClass}`).digest();
    const shut = deviceOnly.includes(protectionClass);
    if (!shut) classKeys.set(protectionClass, key);
    const uuid = seededBytes(`${label}/UUID/${protectionClass}`, 16);
    return { uuid, protectionClass, wrap: shut ? 3 : 2, wrappedKey: wrapKey(kek, key) };
  });
  const header = {
    version: recipe.doubleProtection ? 5 : 3,
    uuid: seededBytes(`${label}/UUID`, 16),
    salt,
    iter: recipe.iter,
    protection,
  };
  return { bytes: encodeKeybag(header, blocks), classKeys };
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function tag(name: string, value: Buffer): Buffer {
  return Buffer.concat([Buffer.from(name, 'latin1'), u32(value.length), value]);
}

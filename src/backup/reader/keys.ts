/** The keys of an encrypted backup (iOS 4 and later): locked until the password was asked for, once. */
import { createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { IbkError } from '../../errors.js';
import { ClassKeys, deriveKek } from '../format/class-keys.js';
import { parseKeybag } from '../format/keybag.js';
import { damagedRecord } from '../format/mbfile.js';
import { type AskPassword, type BackupName, withPassword } from './password.js';

/** iOS 10.0 encrypts records with AES-128-CBC: SHA-1 of password and salt, cut to 16 bytes, and this vector. */
const RECORD_VECTOR = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex');
const RECORD_KEY_BYTES = 16;

export class BackupKeys {
  readonly #keybag: Buffer | undefined;
  readonly #ask: AskPassword | undefined;
  readonly #name: () => BackupName;
  #opening: Promise<void> | undefined;
  #classKeys: ClassKeys | undefined;
  #recordKey: Buffer | undefined;
  #recordSalt: Buffer | undefined;

  constructor(keybag: Buffer | undefined, ask: AskPassword | undefined, name: () => BackupName) {
    this.#keybag = keybag;
    this.#ask = ask;
    this.#name = name;
  }

  /** Records are encrypted with the password and this salt. To be told before `unlock`. */
  saltRecords(salt: Buffer): void {
    this.#recordSalt = salt;
  }

  /** @throws IbkError `password`, `damaged` (keybag), `unsafe` */
  unlock(): Promise<void> {
    this.#opening ??= this.#open();
    return this.#opening;
  }

  async #open(): Promise<void> {
    if (this.#keybag === undefined)
      throw new IbkError('damaged', 'The backup is encrypted and has no keybag.', { reason: 'keybag' });
    const keybag = parseKeybag(this.#keybag);
    const salt = this.#recordSalt;
    await withPassword(this.#ask, this.#name(), async (password) => {
      const keys = ClassKeys.open(keybag, await deriveKek(password, keybag));
      if (keys === undefined) return undefined;
      if (salt !== undefined) this.#recordKey = recordKey(password, salt);
      this.#classKeys = keys;
      return keys;
    });
  }

  /** Of a file or of Manifest.db: `class u32le | wrapped key`. @throws IbkError `password`: not unlocked; `damaged`, reason `key` */
  unwrap(prefixed: Buffer): Buffer {
    if (this.#classKeys === undefined) throw locked();
    return this.#classKeys.unwrap(prefixed);
  }

  /** A key for new content, and the same wrapped. @throws IbkError `password`: not unlocked; `damaged`, reason `key`: that class does not open */
  newKey(protectionClass: number): { readonly key: Buffer; readonly wrapped: Buffer } {
    if (this.#classKeys === undefined) throw locked();
    const key = randomBytes(32);
    return { key, wrapped: this.#classKeys.wrap(protectionClass, key) };
  }

  /** The record in a text of base64, as iOS 10.0 writes it in encrypted backups. @throws IbkError `password`: not unlocked; `damaged`, reason `record` */
  openRecord(text: string): Buffer {
    if (this.#recordSalt === undefined) throw damagedRecord('it is a text');
    if (this.#recordKey === undefined) throw locked();
    return openRecord100(text, this.#recordKey);
  }
}

/** @throws IbkError `damaged`, reason `record` */
export function openRecord100(text: string, key: Buffer): Buffer {
  try {
    const decipher = createDecipheriv('aes-128-cbc', key, RECORD_VECTOR);
    return Buffer.concat([decipher.update(text, 'base64'), decipher.final()]);
  } catch (error) {
    throw damagedRecord('it does not decrypt', error);
  }
}

export function recordKey(password: Buffer, salt: Buffer): Buffer {
  return createHash('sha1').update(password).update(salt).digest().subarray(0, RECORD_KEY_BYTES);
}

function locked(): IbkError {
  return new IbkError('password', 'This backup is encrypted and was not unlocked.', { reason: 'locked' });
}

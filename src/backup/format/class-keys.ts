/**
 * From a password to the keys of a backup: PBKDF2 (twice from iOS 10.2 on) gives the key that unwraps the keybag's class keys; a class key unwraps the keys
 * of files and of Manifest.db.
 */
import { pbkdf2 } from 'node:crypto';
import { promisify } from 'node:util';
import { IbkError } from '../../errors.js';
import { unwrapKey, wrapKey } from './key-wrap.js';
import { type Derivation, type Keybag, WRAPPED_KEY_BYTES } from './keybag.js';

/** Apple's own is 10,000,000: seconds. A hostile keybag could ask for hours. */
const MOST_ITERATIONS = 100_000_000;
const BY_PASSWORD = 2;
const BY_DEVICE = 1;
const CLASS_PREFIX_BYTES = 4;

const derive = promisify(pbkdf2);

/** The password's bytes exactly as they are: no end mark, nothing trimmed. @throws IbkError `damaged`, `unsafe` */
export async function deriveKek(password: Buffer, { derivation, doubleProtection }: Keybag): Promise<Buffer> {
  if (derivation === undefined) throw damagedKeybag('it has no salt for a password');
  const steps = doubleProtection === undefined ? [derivation] : [doubleProtection, derivation];
  for (const step of steps) checkCost(step);
  const first =
    doubleProtection === undefined
      ? password
      : await derive(password, doubleProtection.salt, doubleProtection.iterations, 32, 'sha256');
  return derive(first, derivation.salt, derivation.iterations, 32, 'sha1');
}

function checkCost({ iterations }: Derivation): void {
  if (iterations < 1) throw damagedKeybag('it asks for no iteration at all');
  if (iterations <= MOST_ITERATIONS) return;
  throw new IbkError('unsafe', `Refused: the keybag asks for ${iterations} iterations to check a password.`, {
    reason: 'iterations',
    meaning: 'That would take hours. An iPhone asks for 10,000,000.',
    hint: 'The backup is damaged or was made to do harm: ibk verify',
    details: { iterations },
  });
}

export class ClassKeys {
  readonly #keys: ReadonlyMap<number, Buffer>;

  private constructor(keys: ReadonlyMap<number, Buffer>) {
    this.#keys = keys;
  }

  /**
   * Undefined: not the key of this keybag. A class that fails while others open is damaged, and stays closed.
   *
   * Classes that are wrapped with the device's key as well unwrap too, but what comes out is not their key.
   * @throws IbkError `damaged`, reason `keybag`: no class that a password opens
   */
  static open(keybag: Keybag, kek: Buffer): ClassKeys | undefined {
    const keys = new Map<number, Buffer>();
    let tried = 0;
    for (const { protectionClass, wrap, wrappedKey } of keybag.classes) {
      if ((wrap & BY_PASSWORD) === 0 || wrappedKey === undefined) continue;
      tried += 1;
      const key = unwrapKey(kek, wrappedKey);
      if (key === undefined) continue;
      if ((wrap & BY_DEVICE) === 0) keys.set(protectionClass, key);
    }
    if (tried === 0) throw damagedKeybag('no password opens any of its keys');
    return keys.size === 0 ? undefined : new ClassKeys(keys);
  }

  /** A key of 32 bytes as a record has it: `class u32le | wrapped key`. @throws IbkError `damaged`, reason `key`: that class does not open */
  wrap(protectionClass: number, key: Buffer): Buffer {
    const classKey = this.#keys.get(protectionClass);
    if (classKey === undefined) throw damagedKey(`protection class ${protectionClass} does not open`);
    const prefix = Buffer.alloc(CLASS_PREFIX_BYTES);
    prefix.writeUInt32LE(protectionClass);
    return Buffer.concat([prefix, wrapKey(classKey, key)]);
  }

  /** Of `class u32le | wrapped key (40 bytes)`. @throws IbkError `damaged`, reason `key` */
  unwrap(prefixed: Buffer): Buffer {
    if (prefixed.length !== CLASS_PREFIX_BYTES + WRAPPED_KEY_BYTES)
      throw damagedKey(`it has ${prefixed.length} bytes instead of ${CLASS_PREFIX_BYTES + WRAPPED_KEY_BYTES}`);
    const protectionClass = prefixed.readUInt32LE(0);
    const classKey = this.#keys.get(protectionClass);
    if (classKey === undefined) throw damagedKey(`protection class ${protectionClass} does not open`);
    const key = unwrapKey(classKey, prefixed.subarray(CLASS_PREFIX_BYTES));
    if (key === undefined) throw damagedKey(`it does not unwrap with protection class ${protectionClass}`);
    return key;
  }
}

function damagedKeybag(why: string): IbkError {
  return new IbkError('damaged', `The keybag of the backup is damaged: ${why}.`, { reason: 'keybag' });
}

function damagedKey(why: string): IbkError {
  return new IbkError('damaged', `The key of a file is damaged: ${why}.`, { reason: 'key' });
}

/** The keys of one backup of a phone: keybag, manifest key and class keys, the same for the same phone and password. */
import { createHash } from 'node:crypto';
import type { BackupPhone } from '../mobilebackup2d/phone.js';
import { makeKeybag, wrapForClass } from './keybag.js';
import type { FileKeys } from './record.js';

const MANIFEST_CLASS = 4;
const QUICK = { dpic: 1000, iter: 1000 };
const REAL = { dpic: 10_000_000, iter: 10_000 };

export interface BackupKeys {
  /** BackupKeyBag: plain backups have one too. */
  readonly keybag: Buffer;
  /** undefined: the backup is not encrypted. */
  readonly files: FileKeys | undefined;
  /** Encrypts the manifest as a whole; undefined in plain backups and up to iOS 10.1. */
  readonly manifest: { readonly key: Buffer; readonly wrapped: Buffer } | undefined;
}

export async function backupKeys(
  phone: Pick<BackupPhone, 'seed' | 'udid' | 'encryption' | 'profile' | 'scenarios'>,
): Promise<BackupKeys> {
  const { encryption, profile } = phone;
  const label = `keys/${phone.seed}/${phone.udid}`;
  const { dpic, iter } = encryption?.iterations ?? (phone.scenarios.has('real-key-cost') ? REAL : QUICK);
  const { doubleProtection } = profile;
  const bag = await makeKeybag({ label, password: encryption?.password, doubleProtection, dpic, iter });
  if (encryption === undefined) return { keybag: bag.bytes, files: undefined, manifest: undefined };
  const classKey = bag.classKeys.get(MANIFEST_CLASS);
  const files = { label, classKeys: bag.classKeys };
  if (!doubleProtection || classKey === undefined) return { keybag: bag.bytes, files, manifest: undefined };
  const key = createHash('sha256').update(`${label}/manifest`).digest();
  return { keybag: bag.bytes, files, manifest: { key, wrapped: wrapForClass(classKey, MANIFEST_CLASS, key) } };
}

/** Manifest.plist, written by the device: what kind of backup it is, and its keybag (there in unencrypted backups too). */
import { parsePlist } from '../../plist/codec.js';
import { asDict, asString, field, optionalBoolean, optionalDict, optionalString } from '../../plist/fields.js';
import type { PlistDict } from '../../plist/value.js';
import { LARGE_PLIST_LIMIT } from './plist-limits.js';

export interface BackupManifest {
  /** `10.0` from iOS 10 on (Manifest.db), `9.1` before (Manifest.mbdb); `0.0` up to iPhone OS 3, which has another key for it. */
  readonly version: string;
  readonly encrypted: boolean;
  readonly keybag: Buffer | undefined;
  /** Of Manifest.db, which is then encrypted as a whole (iOS 10.2 and later): `class u32le | wrapped key (40 bytes)`. */
  readonly manifestKey: Buffer | undefined;
  readonly databaseEncrypted: boolean;
  readonly date: Date | undefined;
  readonly deviceName: string | undefined;
  readonly productType: string | undefined;
  readonly productVersion: string | undefined;
  readonly udid: string | undefined;
  /** Bundle id, group or plug-in -> `ContainerContentClass` and more. */
  readonly applications: PlistDict | undefined;
  /** What the device said of itself: `SerialNumber`, `BuildVersion` … */
  readonly lockdown: PlistDict | undefined;
  readonly passcodeSet: boolean | undefined;
  /** All of it. */
  readonly dict: PlistDict;
}

/** @throws IbkError `device_error` when it is no such file */
export function parseManifestPlist(bytes: Buffer): BackupManifest {
  const dict = asDict(parsePlist(bytes, 'Manifest.plist', { maxBytes: LARGE_PLIST_LIMIT }), 'Manifest.plist');
  const keybag = field(dict, 'BackupKeyBag');
  const date = field(dict, 'Date');
  const encrypted = optionalBoolean(dict, 'IsEncrypted') ?? false;
  const manifestKey = field(dict, 'ManifestKey');
  const lockdown = optionalDict(dict, 'Lockdown');
  return {
    version: versionIn(dict),
    encrypted,
    keybag: Buffer.isBuffer(keybag) ? keybag : undefined,
    manifestKey: Buffer.isBuffer(manifestKey) ? manifestKey : undefined,
    databaseEncrypted: encrypted && Buffer.isBuffer(manifestKey),
    date: date instanceof Date && !Number.isNaN(date.getTime()) ? date : undefined,
    deviceName: lockdown && optionalString(lockdown, 'DeviceName'),
    productType: lockdown && optionalString(lockdown, 'ProductType'),
    productVersion: lockdown && optionalString(lockdown, 'ProductVersion'),
    udid: lockdown && optionalString(lockdown, 'UniqueDeviceID'),
    applications: optionalDict(dict, 'Applications'),
    lockdown,
    passcodeSet: optionalBoolean(dict, 'WasPasscodeSet'),
    dict,
  };
}

function versionIn(dict: PlistDict): string {
  const version = field(dict, 'Version');
  if (version === undefined && optionalString(dict, 'AuthVersion') !== undefined) return '0.0';
  return asString(version, 'Version of Manifest.plist');
}

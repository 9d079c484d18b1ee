/**
 * Info.plist: written by the host, as XML, and never read by the device. Finder, iTunes and other tools list a backup by it.
 *
 * Keys and their sources as in libimobiledevice's idevicebackup2; `Product Name`, `IMEI 2` and `MADE_BY_KEY` are added here. A key whose source the device
 * does not give is left out.
 */
import { randomBytes } from 'node:crypto';
import { buildXmlPlist, parsePlist } from '../../plist/codec.js';
import { asDict, field, optionalString } from '../../plist/fields.js';
import { type PlistDict, type PlistValue, plistDict } from '../../plist/value.js';

/** Says that ibk made or continued the backup, and which: other tools write their own Info.plist, without it. */
export const MADE_BY_KEY = 'ibk Version';

/** Says that a person changed the backup, and which version it is a copy of. */
export const EDITED_FROM_KEY = 'ibk Edited From';

/** FileIDs that the manifest names and that the device could not send when the backup was made: missing, but no damage. */
export const NOT_SENT_KEY = 'ibk Files Not Sent';

/** @throws IbkError `device_error` when it is no Info.plist */
export function filesNotSent(bytes: Buffer): ReadonlySet<string> {
  const dict = asDict(parsePlist(bytes, 'Info.plist', { maxBytes: bytes.length }), 'Info.plist');
  return filesNotSentIn(dict);
}

/** The same, of one that was read. */
export function filesNotSentIn(dict: PlistDict): ReadonlySet<string> {
  const named = field(dict, NOT_SENT_KEY);
  return new Set(Array.isArray(named) ? named.filter((id) => typeof id === 'string') : []);
}

/** The same Info.plist, naming these. @throws IbkError `device_error` when it is no Info.plist */
export function withFilesNotSent(bytes: Buffer, fileIds: readonly string[]): Buffer {
  const dict = asDict(parsePlist(bytes, 'Info.plist', { maxBytes: bytes.length }), 'Info.plist');
  return buildXmlPlist({ ...dict, [NOT_SENT_KEY]: [...fileIds] });
}

/** Files of `/iTunes_Control/iTunes/` that belong into `iTunes Files`, as iTunes has it. */
export const ITUNES_FILES = [
  'ApertureAlbumPrefs',
  'IC-Info.sidb',
  'IC-Info.sidv',
  'PhotosFolderAlbums',
  'PhotosFolderName',
  'PhotosFolderPrefs',
  'VoiceMemos.plist',
  'iPhotoAlbumPrefs',
  'iTunesApplicationIDs',
  'iTunesPrefs',
  'iTunesPrefs.plist',
] as const;

export interface InfoPlistSources {
  readonly udid: string;
  readonly now: Date;
  /** All values of lockdownd. */
  readonly values: PlistDict;
  readonly productName: string | undefined;
  readonly installedApps: readonly string[];
  /** Only apps that have both a SINF and iTunes metadata. */
  readonly apps: readonly AppInfo[];
  readonly iTunesFiles: Readonly<Record<string, Buffer>>;
  readonly iBooksData: Buffer | undefined;
  /** The lockdown domain `com.apple.iTunes`. */
  readonly iTunesSettings: PlistDict | undefined;
  readonly iTunesVersion: string | undefined;
  /** `ibk 1.0.0`. */
  readonly madeBy: string;
}

export interface AppInfo {
  readonly bundleId: string;
  readonly sinf: Buffer;
  readonly metadata: Buffer;
  readonly icon: Buffer | undefined;
}

/** What idevicebackup2 writes when the device names no iTunes version. */
const FALLBACK_ITUNES_VERSION = '10.0.1';

export function buildInfoPlist(sources: InfoPlistSources): Buffer {
  const { values, udid } = sources;
  const told = (key: string): PlistValue | undefined => optionalString(values, key);
  return buildXmlPlist(
    plistDict({
      Applications: applications(sources.apps),
      'Build Version': told('BuildVersion'),
      'Device Name': told('DeviceName'),
      'Display Name': told('DeviceName'),
      GUID: randomBytes(16).toString('hex').toUpperCase(),
      ICCID: told('IntegratedCircuitCardIdentity'),
      IMEI: told('InternationalMobileEquipmentIdentity'),
      'IMEI 2': told('InternationalMobileEquipmentIdentity2'),
      'Installed Applications': [...sources.installedApps],
      'Last Backup Date': sources.now,
      MEID: told('MobileEquipmentIdentifier'),
      'Phone Number': told('PhoneNumber'),
      'Product Name': sources.productName,
      'Product Type': told('ProductType'),
      'Product Version': told('ProductVersion'),
      'Serial Number': told('SerialNumber'),
      'Target Identifier': udid,
      'Target Type': 'Device',
      'Unique Identifier': udid.toUpperCase(),
      'iBooks Data 2': sources.iBooksData,
      'iTunes Files': plistDict(sources.iTunesFiles),
      'iTunes Settings': sources.iTunesSettings ?? plistDict(),
      'iTunes Version': sources.iTunesVersion ?? FALLBACK_ITUNES_VERSION,
      [MADE_BY_KEY]: sources.madeBy,
    }),
  );
}

function applications(apps: readonly AppInfo[]): PlistDict {
  return plistDict(
    Object.fromEntries(
      apps.map(({ bundleId, sinf, metadata, icon }) => [
        bundleId,
        // The order of idevicebackup2, so that the two files differ in nothing but what must differ.
        plistDict({ ApplicationSINF: sinf, PlaceholderIcon: icon, iTunesMetadata: metadata }),
      ]),
    ),
  );
}

/**
 * What differs between the iOS generations that the simulated iPhone can play.
 *
 * Sources are the project's protocol notes: what several clients agree on or what real logs show. "Inferred" marks the rest. Product,
 * build and hardware names are those of real devices that ran the version; no serial number or identifier belongs to one.
 */
export type IosId = '9' | '12' | '15' | '17' | '26';

export interface IosProfile {
  readonly id: IosId;
  /** ProductVersion. */
  readonly version: string;
  readonly build: string;
  readonly productType: string;
  readonly hardwareModel: string;
  readonly modelNumber: string;
  readonly deviceClass: 'iPhone';
  /** Four hex digits in front of the new UDID form; undefined: forty hex digits (devices up to A11). */
  readonly chipId: string | undefined;
  /** Size of the device's RSA key: 1024 on old devices, 2048 later. */
  readonly rsaBits: 1024 | 2048;
  /** TLS of lockdownd and the services. iOS 9 speaks TLS 1.0 alone here (what clients have to pin below iOS 10). */
  readonly tls: { readonly min: 'TLSv1' | 'TLSv1.2'; readonly max: 'TLSv1' | 'TLSv1.2' | 'TLSv1.3' };
  /** EnableServiceSSL in the answer to StartService. */
  readonly serviceSsl: boolean;
  /** DeviceLink major version: 300 up to iOS 13, 400 from iOS 14. */
  readonly deviceLinkVersion: 300 | 400;
  readonly layout: 'flat' | 'folders';
  readonly manifest: 'mbdb' | 'db';
  /** `Version` of Status.plist. */
  readonly statusVersion: string;
  /** `Version` of Manifest.plist. */
  readonly manifestVersion: string;
  readonly systemDomainsVersion: string;
  /** The keybag has DPWT, DPIC and DPSL (iOS 10.2 and later). */
  readonly doubleProtection: boolean;
  /** Every backup wants the passcode at the phone (15.7.1 and later of 15.x, 16.1 and later). */
  readonly asksPasscode: boolean;
  /** Changing the backup password wants the passcode at the phone (iOS 13 and later). */
  readonly asksPasscodeForPassword: boolean;
  /** Sends DLMessagePurgeDiskSpace when there is too little space (iOS 14 and later). */
  readonly purgesDiskSpace: boolean;
  /** Reads status and manifests back before the final answer (seen from iOS 13; inferred for 12). */
  readonly verifiesAtEnd: boolean;
  /** Names of the finishing messages: MoveFiles/RemoveFiles on older devices. */
  readonly moveMessage: 'DLMessageMoveItems' | 'DLMessageMoveFiles';
  readonly removeMessage: 'DLMessageRemoveItems' | 'DLMessageRemoveFiles';
}

const MODERN = {
  deviceClass: 'iPhone',
  rsaBits: 2048,
  serviceSsl: true,
  layout: 'folders',
  manifest: 'db',
  statusVersion: '3.3',
  manifestVersion: '10.0',
  doubleProtection: true,
  moveMessage: 'DLMessageMoveItems',
  removeMessage: 'DLMessageRemoveItems',
} as const;

export const IOS_PROFILES: Readonly<Record<IosId, IosProfile>> = {
  '9': {
    id: '9',
    version: '9.3.5',
    build: '13G36',
    productType: 'iPhone6,1',
    hardwareModel: 'N51AP',
    modelNumber: 'ME432',
    deviceClass: 'iPhone',
    chipId: undefined,
    rsaBits: 1024,
    tls: { min: 'TLSv1', max: 'TLSv1' },
    serviceSsl: false,
    deviceLinkVersion: 300,
    layout: 'flat',
    manifest: 'mbdb',
    statusVersion: '2.4',
    manifestVersion: '9.1',
    systemDomainsVersion: '20.0',
    doubleProtection: false,
    asksPasscode: false,
    asksPasscodeForPassword: false,
    purgesDiskSpace: false,
    verifiesAtEnd: false,
    moveMessage: 'DLMessageMoveFiles',
    removeMessage: 'DLMessageRemoveFiles',
  },
  '12': {
    ...MODERN,
    id: '12',
    version: '12.5.7',
    build: '16H81',
    productType: 'iPhone7,2',
    hardwareModel: 'N61AP',
    modelNumber: 'MG4F2',
    chipId: undefined,
    tls: { min: 'TLSv1', max: 'TLSv1.2' },
    deviceLinkVersion: 300,
    systemDomainsVersion: '24.0',
    asksPasscode: false,
    asksPasscodeForPassword: false,
    purgesDiskSpace: false,
    verifiesAtEnd: true,
  },
  '15': {
    ...MODERN,
    id: '15',
    version: '15.8.4',
    build: '19H390',
    productType: 'iPhone8,1',
    hardwareModel: 'N71AP',
    modelNumber: 'MKQJ2',
    chipId: undefined,
    tls: { min: 'TLSv1', max: 'TLSv1.2' },
    deviceLinkVersion: 400,
    systemDomainsVersion: '24.0',
    asksPasscode: true,
    asksPasscodeForPassword: true,
    purgesDiskSpace: true,
    verifiesAtEnd: true,
  },
  '17': {
    ...MODERN,
    id: '17',
    version: '17.6',
    build: '21G80',
    productType: 'iPhone15,4',
    hardwareModel: 'D37AP',
    modelNumber: 'MTP03',
    chipId: '8120',
    tls: { min: 'TLSv1', max: 'TLSv1.2' },
    deviceLinkVersion: 400,
    systemDomainsVersion: '24.0',
    asksPasscode: true,
    asksPasscodeForPassword: true,
    purgesDiskSpace: true,
    verifiesAtEnd: true,
  },
  '26': {
    ...MODERN,
    id: '26',
    version: '26.1',
    build: '23B85',
    productType: 'iPhone18,3',
    hardwareModel: 'V57AP',
    modelNumber: 'MG6J4',
    chipId: '8150',
    tls: { min: 'TLSv1.2', max: 'TLSv1.3' },
    deviceLinkVersion: 400,
    systemDomainsVersion: '24.0',
    asksPasscode: true,
    asksPasscodeForPassword: true,
    purgesDiskSpace: true,
    verifiesAtEnd: true,
  },
};

export function isIosId(text: string): text is IosId {
  return Object.hasOwn(IOS_PROFILES, text);
}

/**
 * The UDID of phone number `index` (from 1) of a seed. The same for the same arguments; visibly made up (`51` for "sim"), unique per seed
 * and index. Form by profile: 40 lower-case hex digits, or `0000CHIP-` and 16 upper-case hex digits.
 */
export function simulatedUdid(profile: IosProfile, seed: number, index: number): string {
  const ecid = `51${hex(seed - 1, 8)}${hex(index, 6)}`;
  if (profile.chipId !== undefined) return `0000${profile.chipId}-${ecid}`.toUpperCase();
  return `51${hex(Number(profile.id), 4)}${'0'.repeat(18)}${ecid}`.toLowerCase();
}

function hex(value: number, digits: number): string {
  return (value >>> 0).toString(16).padStart(digits, '0').slice(-digits);
}

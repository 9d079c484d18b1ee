/** The values that lockdownd tells, by domain ('' is the domain without a name). */
import { type PlistDict, PlistReal, plistDict } from '../../plist/value.js';
import type { IosProfile } from '../profile.js';
import type { PhoneIdentity } from './identity.js';

/** What changes while the phone is on. */
export interface PhoneCondition {
  readonly publicPem: Buffer;
  readonly screenLocked: boolean;
  readonly trusted: boolean;
  readonly backupEncrypted: boolean;
  readonly findMy: boolean;
  readonly requiresEncryption: boolean;
  readonly cloudBackup: boolean;
  readonly freeBytes: number;
  readonly cellular: boolean;
  readonly chaperoned: boolean;
  readonly setupDone: boolean;
  /** Undefined: charged, and on the cable's power. */
  readonly batteryPercent: number | undefined;
  readonly nowMs: number;
  readonly productVersion: string;
  /** Values that computers have set, by domain. */
  readonly set: ReadonlyMap<string, PlistDict>;
}

/** Keys that lockdownd answers without a session. */
export const PUBLIC_KEYS: ReadonlySet<string> = new Set([
  'ActivationState',
  'BasebandStatus',
  'BluetoothAddress',
  'BuildVersion',
  'CPUArchitecture',
  'DeviceClass',
  'DeviceColor',
  'DeviceName',
  'DevicePublicKey',
  'DieID',
  'HardwareModel',
  'HasSiDP',
  'HostAttached',
  'PartitionType',
  'PasswordProtected',
  'ProductName',
  'ProductType',
  'ProductVersion',
  'ProductionSOC',
  'ProtocolVersion',
  'SupportedDeviceFamilies',
  'TelephonyCapability',
  'TrustedHostAttached',
  'UniqueChipID',
  'UniqueDeviceID',
  'WiFiAddress',
]);

/** Keys of the domain without a name that a computer may set. */
export const SETTABLE_KEYS: ReadonlySet<string> = new Set([
  'DeviceName',
  'TimeZone',
  'TimeIntervalSince1970',
  'Uses24HourClock',
]);

/** Domains whose values a computer may set and remove. */
export const SETTABLE_DOMAINS: ReadonlySet<string> = new Set([
  'com.apple.iTunes',
  'com.apple.mobile.data_sync',
  'com.apple.mobile.iTunes.store',
  'com.apple.mobile.wireless_lockdown',
]);

/** The domain's values, or undefined for a domain that the phone does not know. */
export function lockdownDomain(
  domain: string,
  profile: IosProfile,
  identity: PhoneIdentity,
  condition: PhoneCondition,
): PlistDict | undefined {
  const own = ownValues(domain, profile, identity, condition);
  const set = condition.set.get(domain);
  if (own === undefined && set === undefined) return undefined;
  return plistDict({ ...own, ...set });
}

/** The part of the nameless domain that Manifest.plist repeats: nothing that moves with time or lock state. */
export function manifestLockdownFacts(
  profile: IosProfile,
  identity: PhoneIdentity,
  condition: PhoneCondition,
): PlistDict {
  const all = lockdownDomain('', profile, identity, condition) ?? plistDict();
  const keys = ['BuildVersion', 'DeviceName', 'ProductType', 'ProductVersion', 'SerialNumber', 'UniqueDeviceID'];
  return plistDict({
    'com.apple.MobileDeviceCrashCopy': plistDict(),
    'com.apple.TerminalFlashr': plistDict(),
    'com.apple.mobile.data_sync': lockdownDomain('com.apple.mobile.data_sync', profile, identity, condition),
    'com.apple.mobile.iTunes.accessories': plistDict(),
    'com.apple.mobile.wireless_lockdown': lockdownDomain(
      'com.apple.mobile.wireless_lockdown',
      profile,
      identity,
      condition,
    ),
    ...Object.fromEntries(keys.map((key) => [key, all[key]])),
  });
}

function ownValues(domain: string, profile: IosProfile, id: PhoneIdentity, now: PhoneCondition): PlistDict | undefined {
  switch (domain) {
    case '':
      return nameless(profile, id, now);
    case 'com.apple.mobile.backup':
      return plistDict({
        CloudBackupEnabled: now.cloudBackup,
        LastCloudBackupTZ: 'GMT',
        Version: profile.manifest === 'mbdb' ? '1.6' : '2.4',
        RequiresEncrypt: now.requiresEncryption ? true : undefined,
        WillEncrypt: now.backupEncrypted,
      });
    case 'com.apple.disk_usage':
      return plistDict({
        AmountDataAvailable: now.freeBytes,
        AmountDataReserved: 209_715_200,
        TotalDataAvailable: now.freeBytes + 209_715_200,
        TotalDataCapacity: 56_371_445_760,
        TotalDiskCapacity: 64_000_000_000,
        TotalSystemAvailable: 0,
        TotalSystemCapacity: 7_628_554_240,
      });
    case 'com.apple.fmip':
      return plistDict({ IsAssociated: now.findMy });
    case 'com.apple.iTunes':
      return plistDict({
        DeviceBackupsDisabled: false,
        LibraryApplications: ['com.example.notes'],
        MinMacOSVersion: '10.6.8',
        SyncedApplications: [],
      });
    case 'com.apple.mobile.iTunes':
      return plistDict({ MinITunesVersion: profile.manifest === 'mbdb' ? '12.2' : '12.8', iTunesSetupComplete: true });
    case 'com.apple.mobile.battery':
      return plistDict({
        BatteryCurrentCapacity: now.batteryPercent ?? 84,
        BatteryIsCharging: now.batteryPercent === undefined,
        ExternalChargeCapable: true,
        ExternalConnected: true,
        FullyCharged: false,
        GasGaugeCapability: true,
        HasBattery: true,
      });
    case 'com.apple.mobile.chaperone':
      return plistDict({ DeviceIsChaperoned: now.chaperoned });
    case 'com.apple.purplebuddy':
      return plistDict({ SetupDone: now.setupDone });
    case 'com.apple.mobile.wireless_lockdown':
      return plistDict({ EnableWifiConnections: false, SupportsWifi: true, SupportsWifiSyncing: true });
    case 'com.apple.mobile.data_sync':
      return plistDict({ Bookmarks: plistDict({ AccountNames: ['iCloud'], Sources: ['iCloud'] }) });
    case 'com.apple.international':
      return plistDict({
        Keyboard: 'en_US',
        Language: 'en',
        Locale: 'en_US',
        SupportedLanguages: ['en', 'de', 'fr', 'ja'],
      });
    case 'com.apple.mobile.iTunes.accessories':
    case 'com.apple.mobile.sync_data_class':
    case 'com.apple.mobile.tethered_sync':
      return plistDict();
    default:
      return undefined;
  }
}

function nameless(profile: IosProfile, id: PhoneIdentity, now: PhoneCondition): PlistDict {
  const cellular = now.cellular
    ? {
        IntegratedCircuitCardIdentity: id.iccid,
        InternationalMobileEquipmentIdentity: id.imei,
        MobileEquipmentIdentifier: id.meid,
        PhoneNumber: id.phoneNumber,
        SIMStatus: 'kCTSIMSupportSIMStatusReady',
        TelephonyCapability: true,
      }
    : { TelephonyCapability: false };
  return plistDict({
    ActivationState: 'Activated',
    ActivationStateAcknowledged: true,
    BluetoothAddress: id.bluetoothAddress,
    BrickState: false,
    BuildVersion: profile.build,
    CPUArchitecture: profile.id === '26' ? 'arm64e' : 'arm64',
    DeviceClass: profile.deviceClass,
    DeviceColor: '1',
    DeviceName: id.name,
    DevicePublicKey: now.publicPem,
    DieID: id.ecid,
    HardwareModel: profile.hardwareModel,
    HasSiDP: true,
    HostAttached: true,
    ...cellular,
    MLBSerialNumber: `${id.serialNumber}MLB`,
    ModelNumber: profile.modelNumber,
    NonVolatileRAM: plistDict({ 'auto-boot': Buffer.from('true') }),
    PartitionType: 'GUID_partition_scheme',
    PasswordProtected: now.screenLocked,
    ProductName: 'iPhone OS',
    ProductType: profile.productType,
    ProductVersion: now.productVersion,
    ProductionSOC: true,
    ProtocolVersion: '2',
    RegionInfo: 'LL/A',
    SerialNumber: id.serialNumber,
    SupportedDeviceFamilies: [1],
    TimeIntervalSince1970: new PlistReal(now.nowMs / 1000),
    TimeZone: 'Etc/UTC',
    TimeZoneOffsetFromUTC: new PlistReal(0),
    TrustedHostAttached: now.trusted,
    UniqueChipID: id.ecid,
    UniqueDeviceID: id.udid,
    Uses24HourClock: true,
    WiFiAddress: id.wifiAddress,
  });
}

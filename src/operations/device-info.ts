/** `ibk info` of a connected device. */
import { asNumber, field } from '../plist/fields.js';
import { isPlistDict, type PlistDict, type PlistValue } from '../plist/value.js';
import type { OpenedDevice } from '../protocol/lockdown/device.js';
import { isPasscodeSet } from '../protocol/services/diagnostics-relay.js';
import type { OperationContext } from './context.js';
import { factsOf } from './device-names.js';
import { meetDevice } from './device-state.js';
import { readLastBackup } from './last-backup.js';
import { newestVersion } from './newest-version.js';
import type { DeviceInfo } from './results.js';
import type { SelectedDevice } from './select-device.js';

/** What only a trusted device tells. */
type TrustedFacts = Omit<DeviceInfo, 'udid' | 'facts' | 'links' | 'trusted' | 'locked' | 'lastBackup' | 'lastVersion'>;

const UNKNOWN: TrustedFacts = {
  build: null,
  serial: null,
  imei: null,
  phoneNumber: null,
  storageBytes: null,
  freeBytes: null,
  batteryPercent: null,
  charging: null,
  backupsEncrypted: null,
  findMy: null,
  passcodeSet: null,
  wifiConnections: null,
  cloudBackup: null,
};

/**
 * Everything a connected device tells about itself. Without trust that is little, and the rest is null.
 * @throws IbkError when the device does not answer at all
 */
export async function deviceInfo(
  ctx: OperationContext,
  selected: SelectedDevice,
  options: { readonly root: string },
): Promise<DeviceInfo> {
  let told: TrustedFacts = UNKNOWN;
  const look = async (device: OpenedDevice) => {
    told = await ask(ctx, device);
  };
  const met = await meetDevice(ctx, selected, options.root, look);
  if (met.state === 'unreachable' && met.problem !== undefined) throw met.problem;
  return {
    ...told,
    udid: selected.udid,
    facts: factsOf(met),
    links: selected.links,
    trusted: met.trusted,
    locked: met.trusted ? met.state === 'locked' : null,
    lastBackup: await readLastBackup(options.root, selected.udid),
    lastVersion: newestVersion(options.root, selected.udid)?.id ?? null,
  };
}

async function ask(ctx: OperationContext, device: OpenedDevice): Promise<TrustedFacts> {
  const disk = await domain(device, 'com.apple.disk_usage');
  const battery = await domain(device, 'com.apple.mobile.battery');
  // Absent means false for this one key (idevicebackup2 takes it so); for Find My only an explicit answer counts.
  const backup = await domain(device, 'com.apple.mobile.backup');
  const findMy = await device.getValue('com.apple.fmip', 'IsAssociated');
  const wireless = await domain(device, 'com.apple.mobile.wireless_lockdown');
  const passcodeSet = await isPasscodeSet(device, ctx).catch(() => undefined);
  return {
    build: device.text('BuildVersion') ?? null,
    serial: device.text('SerialNumber') ?? null,
    imei: device.text('InternationalMobileEquipmentIdentity') ?? null,
    phoneNumber: device.text('PhoneNumber') ?? null,
    storageBytes: numberAt(disk, 'TotalDiskCapacity'),
    freeBytes: numberAt(disk, 'AmountDataAvailable') ?? numberAt(disk, 'TotalDataAvailable'),
    batteryPercent: numberAt(battery, 'BatteryCurrentCapacity'),
    charging: boolean(valueAt(battery, 'BatteryIsCharging')),
    backupsEncrypted: boolean(valueAt(backup, 'WillEncrypt') ?? false),
    findMy: boolean(findMy),
    passcodeSet: passcodeSet ?? null,
    wifiConnections: boolean(valueAt(wireless, 'EnableWifiConnections')),
    cloudBackup: boolean(valueAt(backup, 'CloudBackupEnabled')),
  };
}

async function domain(device: OpenedDevice, name: string): Promise<PlistDict | undefined> {
  const value = await device.getValue(name);
  return isPlistDict(value) ? value : undefined;
}

function valueAt(dict: PlistDict | undefined, key: string): PlistValue | undefined {
  return dict === undefined ? undefined : field(dict, key);
}

function numberAt(dict: PlistDict | undefined, key: string): number | null {
  const value = valueAt(dict, key);
  if (typeof value !== 'number' && typeof value !== 'bigint') return null;
  return asNumber(value, key);
}

function boolean(value: PlistValue | undefined): boolean | null {
  return typeof value === 'boolean' ? value : null;
}

/** The JSON documents of the finite commands: one object, snake_case, unknown is null and never left out. */
import type {
  BackupListing,
  BackupPlan,
  DeviceInfo,
  DoctorReport,
  LastBackup,
  ListedBackup,
  ListedDevice,
} from '../operations/results.js';
import type { IbkError } from '../errors.js';
import { formatUtc } from '../figures.js';
import { errorBody, type Json } from './ndjson.js';

const time = (date: Date | null): string | null => (date === null ? null : formatUtc(date));
const whenMade = (last: LastBackup): string | null => (last.kind === 'none' ? null : time(last.madeAt));

export function devicesDocument(devices: readonly ListedDevice[]): Json {
  return { v: 1, type: 'devices', devices: devices.map(deviceRow) };
}

function deviceRow(device: ListedDevice): Json {
  return {
    udid: device.udid,
    name: device.name,
    model: device.model,
    product_type: device.productType,
    ios: device.ios,
    links: device.links,
    state: device.state,
    trusted: device.trusted,
    last_backup: whenMade(device.lastBackup),
    last_backup_complete: device.lastBackup.kind === 'none' ? null : device.lastBackup.kind === 'complete',
  };
}

export function deviceChangeLine(
  change: 'attached' | 'detached',
  device: {
    readonly udid: string;
    readonly name: string;
    readonly links: readonly string[];
    readonly state: string | null;
  },
  now: Date,
): Json {
  const { udid, name, links, state } = device;
  return { v: 1, type: 'device_change', time: formatUtc(now), udid, change, name, links, state };
}

/** Until versions exist, each device has the one backup that is in place; its `version` is null. */
export function listDocument({ root, bytes, backups }: BackupListing): Json {
  const devices = backups.map((backup) => ({
    udid: backup.udid,
    name: backup.name,
    model: backup.model,
    product_type: backup.productType,
    bytes: backup.bytes,
    path: backup.path,
    versions: [versionRow(backup)],
  }));
  return { v: 1, type: 'list', root, bytes, devices };
}

function versionRow(backup: ListedBackup): Json {
  return {
    version: null,
    made_at: time(backup.madeAt),
    latest: backup.complete,
    ios: backup.ios,
    encrypted: backup.encrypted,
    complete: backup.complete,
    pinned: false,
    tags: [],
    files: backup.files,
    bytes: backup.bytes,
    only_here_bytes: null,
    files_added: null,
    files_changed: null,
    files_removed: null,
    made_by: backup.madeBy,
  };
}

export function deviceDocument(info: DeviceInfo): Json {
  return {
    v: 1,
    type: 'device',
    udid: info.udid,
    name: info.facts.name,
    model: info.facts.model,
    product_type: info.facts.productType,
    ios: info.facts.ios,
    build: info.build,
    serial: info.serial,
    imei: info.imei,
    phone_number: info.phoneNumber,
    links: info.links,
    trusted: info.trusted,
    storage_bytes: info.storageBytes,
    free_bytes: info.freeBytes,
    battery_percent: info.batteryPercent,
    charging: info.charging,
    backups_encrypted: info.backupsEncrypted,
    find_my: info.findMy,
    passcode_set: info.passcodeSet,
    locked: info.locked,
    last_backup: whenMade(info.lastBackup),
  };
}

export function planDocument(plan: BackupPlan): Json {
  const { name, model, productType, ios } = plan.device;
  return {
    v: 1,
    type: 'backup_plan',
    udid: plan.udid,
    device: { name, model, product_type: productType, ios },
    link: plan.link,
    root: plan.root,
    kind: plan.kind,
    encrypted: plan.encrypted,
    needs_passcode: plan.needsPasscode,
    last_backup: whenMade(plan.lastBackup),
    last_backup_bytes: plan.lastBackupBytes,
    free_bytes: plan.freeBytes,
  };
}

export function doctorDocument({ code, exit, checks }: DoctorReport): Json {
  return {
    v: 1,
    type: 'doctor',
    code,
    exit,
    checks: checks.map(({ check, state, code: problem, message, hint }) => ({
      check,
      state,
      code: problem,
      message,
      hint,
    })),
  };
}

export function pairDocument(device: { readonly udid: string; readonly name: string }, already: boolean): Json {
  return { v: 1, type: 'pair', udid: device.udid, name: device.name, trusted: true, already };
}

/** What `pair` or `unpair` would do. */
export function dryRunDocument(
  command: 'pair' | 'unpair',
  { udid, name }: { readonly udid: string; readonly name: string },
): Json {
  return { v: 1, type: 'dry_run', command, udid, name };
}

export function unpairDocument(device: { readonly udid: string; readonly name: string }): Json {
  return { v: 1, type: 'unpair', udid: device.udid, name: device.name, trusted: false };
}

/** The one document of a finite command that failed, and the last line of a job that could not begin. */
export function errorDocument(error: IbkError, udid: string | null, now: Date): Json {
  return { v: 1, type: 'error', time: formatUtc(now), udid, ...errorBody(error) };
}

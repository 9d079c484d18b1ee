/** The JSON documents of the finite commands: one object, snake_case, unknown is null and never left out. */
import type {
  PasswordCheck,
  BackupListing,
  BackupPlan,
  DeviceInfo,
  DoctorReport,
  CloudBackupStatus,
  EncryptionStatus,
  EraseOutcome,
  LastBackup,
  PhoneSideAnswer,
  ListedDevice,
  ListedLock,
  ListedVersion,
  WifiStatus,
} from '../operations/results.js';
import type { ListedPlace } from '../operations/list-places.js';
import type { RestorePlan } from '../operations/restore/results.js';
import type { IbkError } from '../errors.js';
import { formatUtc } from '../figures.js';
import { errorBody, type Json } from './ndjson.js';
import { comesBack, erased, leftOut } from './restore-words.js';
import { shortVersion } from './versions.js';

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

export function listDocument({ root, bytes, backups }: BackupListing, places: readonly ListedPlace[]): Json {
  const elsewhere = places.map(({ place, path, listing, problem }) => ({
    place,
    path,
    problem: problem === null ? null : problem.code,
    devices: listedDevices(listing.backups),
  }));
  return { v: 1, type: 'list', root, bytes, devices: listedDevices(backups), places: elsewhere };
}

function listedDevices(backups: BackupListing['backups']): Json[] {
  return backups.map(({ udid, name, model, productType, path, ...backup }) => ({
    udid,
    name,
    model,
    product_type: productType,
    bytes: backup.bytes,
    path,
    state: backup.state,
    problem: backup.problem === null ? null : backup.problem.code,
    versions: backup.versions.map(versionRow),
  }));
}

function versionRow(version: ListedVersion): Json {
  const { lost } = version;
  return {
    version: version.version,
    made_at: time(version.madeAt),
    latest: version.latest,
    ios: version.ios,
    encrypted: version.encrypted,
    complete: version.complete,
    unreadable: version.unreadable,
    pinned: version.pinned,
    tags: version.tags,
    note: version.note,
    files: version.files,
    bytes: version.bytes,
    only_here_bytes: version.onlyHereBytes,
    files_added: version.filesAdded,
    files_changed: version.filesChanged,
    files_removed: version.filesRemoved,
    bytes_added: version.bytesAdded,
    bytes_changed: version.bytesChanged,
    bytes_removed: version.bytesRemoved,
    files_lost: lost === null ? 0 : lost.files,
    lost_at: lost === null ? null : formatUtc(lost.at),
    foreign: version.foreign,
    edited_from: version.editedFrom,
    made_by: version.madeBy,
    duration_seconds: version.tookSeconds,
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
    wifi_connections: info.wifiConnections,
    cloud_backup: info.cloudBackup,
    last_backup: whenMade(info.lastBackup),
    last_version: info.lastVersion === null ? null : shortVersion(info.lastVersion),
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
    last_version: plan.lastVersion === null ? null : shortVersion(plan.lastVersion),
    last_backup_bytes: plan.lastBackupBytes,
    free_bytes: plan.freeBytes,
  };
}

export function passwordCheckDocument({ udid, name, path, version, madeAt, encrypted }: PasswordCheck): Json {
  const right = encrypted ? true : null;
  return { v: 1, type: 'password_check', udid, name, version, made_at: time(madeAt), path, encrypted, right };
}

export function unlockDocument(locks: readonly ListedLock[], removed: readonly ListedLock[]): Json {
  return {
    v: 1,
    type: 'unlock',
    locks: locks.map((lock) => ({
      udid: lock.udid,
      name: lock.name,
      state: lock.state,
      host: lock.host,
      pid: lock.pid,
      command: lock.command,
      since: time(lock.since),
      renewed_at: time(lock.renewedAt),
      removed: removed.includes(lock),
    })),
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

/** The record itself is a secret: only where it lies. */
export function pairExportDocument(device: { readonly udid: string; readonly name: string }, path: string): Json {
  return { v: 1, type: 'pair_export', udid: device.udid, name: device.name, path };
}

/** What a command that changes a device would do with it. */
export function dryRunDocument(
  command: string,
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

export function restorePlanDocument(plan: RestorePlan, now: Date): Json {
  const { source, device } = plan;
  return {
    v: 1,
    type: 'plan',
    time: formatUtc(now),
    version: source.version === null ? null : shortVersion(source.version),
    made_at: time(source.madeAt),
    udid: plan.udid,
    device: { name: device.name, model: device.model, product_type: device.productType, ios: device.ios },
    files: source.files,
    bytes: source.bytes,
    checks: plan.checks.map(({ check, state, code, message, hint }) => ({ check, state, code, message, hint })),
    comes_back: comesBack(plan).map(({ slug }) => slug),
    left_out: leftOut(plan).map(({ slug }) => slug),
    erased: erased(plan),
  };
}

export function encryptionDocument(status: EncryptionStatus): Json {
  return {
    v: 1,
    type: 'encryption',
    udid: status.udid,
    name: status.name,
    encrypted: status.encrypted,
    passcode_set: status.passcodeSet,
    forced_by_management: status.forcedByManagement,
  };
}

export function wifiDocument({ udid, name, enabled }: WifiStatus): Json {
  return { v: 1, type: 'wifi', udid, name, enabled };
}

export function cloudDocument({ udid, name, enabled }: CloudBackupStatus): Json {
  return { v: 1, type: 'cloud', udid, name, enabled };
}

export function eraseDocument({ udid, name, answered }: EraseOutcome): Json {
  return { v: 1, type: 'erase', udid, name, answered };
}

export function phoneSideDocument({ request, udid, name, content, path, files, bytes }: PhoneSideAnswer): Json {
  return { v: 1, type: 'phone_side', request: request.toLowerCase(), udid, name, content, path, files, bytes };
}

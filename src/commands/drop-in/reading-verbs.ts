/**
 * `info`, `list` and `unback`. idevicebackup2 has the device do them, which iOS 10 and later refuses; here they are read from the folder, and no device is
 * needed. The words of `info` are those of a log of iOS 16; the columns of `list` are inferred.
 */
import { join } from 'node:path';
import { IbkError } from '../../errors.js';
import { listBackups } from '../../operations/list-backups.js';
import { withBackup } from '../../operations/open-backup.js';
import type { ListedBackup } from '../../operations/results.js';
import { udidOfFolder } from '../../backup/records/layout.js';
import type { FileRecord, OpenedBackup } from '../../backup/reader/types.js';
import { field } from '../../plist/fields.js';
import type { PlistDict, PlistValue } from '../../plist/value.js';
import { LineWriter } from '../../ui/line-writer.js';
import { printable } from '../../ui/text.js';
import { runExtract } from '../extract-run.js';
import { backupOf, contextOf, type DropIn, firstDevice, requireDirectory, requireValid } from './drop-in.js';

/** @throws IbkError `damaged` with the number of the device that finds no backup */
export async function runInfo(drop: DropIn): Promise<void> {
  await requireDirectory(drop);
  const udid = await sourceOf(drop);
  const text = await reading(drop, udid, 'Status.plist', async ({ status, manifest }) => {
    if (status === undefined) throw nothingThere(udid, 'Status.plist');
    if (manifest === undefined) throw nothingThere(udid, 'Manifest.plist');
    return [statusWords(status.dict), propertyWords(manifest.dict)];
  });
  for (const line of text) drop.session.terminal.out.line(line);
}

/** @throws IbkError as `runInfo`; `password` for an encrypted backup of iOS 10.2 and later */
export async function runList(drop: DropIn): Promise<void> {
  await requireDirectory(drop);
  const udid = await sourceOf(drop);
  const { session } = drop;
  const { out } = session.terminal;
  await reading(drop, udid, 'Manifest.db', async (opened) => {
    const writer = new LineWriter(out, session.signal);
    writer.line('"Path","Size","FileID"');
    for await (const page of opened.records({}, session.signal)) {
      for (const record of page) {
        if (record.kind !== 'file') continue;
        const path = printable(`${record.domain}-${record.relativePath}`).replaceAll('"', '""');
        writer.line(`"${path}",${sizeOf(record)},${record.fileId}`);
      }
      await writer.flush();
    }
    await writer.flush();
  });
}

/** Empty where the record is damaged: one of them hides no other. */
function sizeOf(record: FileRecord): string {
  try {
    return String(record.details().sizeBytes);
  } catch (error) {
    if (error instanceof IbkError && error.code === 'damaged') return '';
    throw error;
  }
}

/** Over what an earlier one left there. @throws IbkError as `runExtract` */
export async function runUnback(drop: DropIn): Promise<void> {
  await requireDirectory(drop);
  const { session, root, directory, passwords } = drop;
  const { out } = session.terminal;
  const udid = await sourceOf(drop);
  await requireValid(drop, udid);
  out.line(`Backup directory is "${directory}"`);
  const encrypted = await reading(drop, udid, 'Manifest.plist', async (opened) => opened.encrypted);
  const secret = encrypted ? await passwords.forBackup()() : undefined;
  if (encrypted && secret === undefined) {
    throw new IbkError('password', 'a backup password is required to unback an encrypted backup. Cannot continue.', {
      hint: 'Set BACKUP_PASSWORD, or add -i.',
    });
  }
  out.line('Starting to unpack backup...');
  const password = secret === undefined ? undefined : ({ from: 'variable', name: 'the arguments', secret } as const);
  const own = { ...session, config: { ...session.config, password, noInput: true, quiet: true } };
  const to = join(root, '_unback_', udid);
  const exit = await runExtract(own, { overwrite: 'always' }, [join(root, udid)], { layout: 'device', to: () => to });
  out.line('The files can now be found in the "_unback_" directory.');
  if (exit !== 0) throw new IbkError('partial', 'Some files could not be unpacked.');
  out.line('Unback Successful.');
}

/** The folder's name: `-s`, `-u`, the device that is connected, or the only backup that is there. @throws IbkError `no_device` */
async function sourceOf(drop: DropIn): Promise<string> {
  const { source, udid } = drop.asked;
  const named = source ?? udid;
  if (named !== undefined) return udidOfFolder(named) ?? named;
  try {
    return (
      await firstDevice(
        drop,
        contextOf(drop, () => undefined),
      )
    ).udid;
  } catch (error) {
    const only = await onlyBackup(drop);
    if (only === undefined) throw error;
    return only.udid;
  }
}

async function onlyBackup(drop: DropIn): Promise<ListedBackup | undefined> {
  const { backups } = await listBackups({ root: drop.root, measure: false, signal: drop.session.signal });
  return backups.length === 1 ? backups[0] : undefined;
}

async function reading<T>(
  drop: DropIn,
  udid: string,
  needed: string,
  work: (opened: OpenedBackup) => Promise<T>,
): Promise<T> {
  const backup = await backupOf(drop, udid);
  const [version] = backup?.versions ?? [];
  if (backup === undefined || version === undefined) throw nothingThere(udid, needed);
  const { root, session, passwords } = drop;
  return withBackup({ backup, version }, { root, password: passwords.forBackup(), signal: session.signal }, work);
}

const WHAT: Readonly<Record<string, string>> = { 'Status.plist': 'status', 'Manifest.plist': 'properties' };

function nothingThere(udid: string, name: string): IbkError {
  const words = `Error reading backup ${WHAT[name] ?? 'database'} at path ${udid}/${name}: No such file or directory`;
  return new IbkError('damaged', words, {
    deviceErrorCode: 205,
    hint: 'Choose the backup with -s UDID.',
  });
}

function statusWords(status: PlistDict): string {
  return words('MBStatus', [
    ['version', field(status, 'Version')],
    ['date', field(status, 'Date')],
    ['backupState', field(status, 'BackupState')],
    ['snapshotState', field(status, 'SnapshotState')],
    ['fullBackup', field(status, 'IsFullBackup')],
  ]);
}

function propertyWords(properties: PlistDict): string {
  const lockdown = field(properties, 'Lockdown');
  const keys = lockdown !== null && typeof lockdown === 'object' ? Object.keys(lockdown).map(printable) : [];
  return words('MBDriveProperties', [
    ['version', field(properties, 'Version')],
    ['systemDomainsVersion', field(properties, 'SystemDomainsVersion')],
    ['date', field(properties, 'Date')],
    ['encrypted', field(properties, 'IsEncrypted')],
    ['passcodeSet', field(properties, 'WasPasscodeSet')],
    ['lockdownKeys', `{${keys.join(', ')}}`],
  ]);
}

function words(name: string, facts: readonly (readonly [string, PlistValue | undefined])[]): string {
  return `<${name}: ${facts.map(([key, value]) => `${key}=${valueWords(value)}`).join(', ')}>`;
}

function valueWords(value: PlistValue | undefined): string {
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'none' : value.toISOString();
  if (typeof value === 'boolean') return value ? '1' : '0';
  return typeof value === 'string' || typeof value === 'number' ? printable(String(value)) : 'none';
}

/** Info and List: the phone reads the backup from the computer and answers in words (forms from logs of iOS 16; the CSV of List is inferred). */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isPlistDict, type PlistDict, type PlistValue } from '../../plist/value.js';
import { isRegular } from '../backup-set/stored-record.js';
import type { OperationOutcome } from './operations.js';
import { sourceFolder } from './restore-run.js';
import { fetchManifest, fetchPlist, invalid, unlock } from './restore-source.js';
import type { BackupSession } from './session.js';

/** Encrypted backups end with 207: clients send no password with it (seen). */
export async function describeBackup(session: BackupSession, request: PlistDict): Promise<OperationOutcome> {
  const folder = sourceFolder(session, request);
  const status = await fetchPlist(session, folder, 'Status.plist', 'status');
  const properties = await fetchPlist(session, folder, 'Manifest.plist', 'properties');
  await unlock(properties, passwordOf(request));
  const flag = (value: PlistValue | undefined) => (value === true ? 1 : 0);
  const date = (value: PlistValue | undefined) => (value instanceof Date ? value.toISOString() : 'none');
  const first = [
    `version=${String(status.Version)}`,
    `date=${date(status.Date)}`,
    `backupState=${String(status.BackupState)}`,
    `snapshotState=${String(status.SnapshotState)}`,
    `fullBackup=${flag(status.IsFullBackup)}`,
  ];
  const lockdown = isPlistDict(properties.Lockdown) ? Object.keys(properties.Lockdown) : [];
  const second = [
    `version=${String(properties.Version)}`,
    `systemDomainsVersion=${String(properties.SystemDomainsVersion)}`,
    `date=${date(properties.Date)}`,
    `encrypted=${flag(properties.IsEncrypted)}`,
    `passcodeSet=${flag(properties.WasPasscodeSet)}`,
    `lockdownKeys={${lockdown.join(', ')}}`,
  ];
  return { content: `<MBStatus: ${first.join(', ')}>\n<MBDriveProperties: ${second.join(', ')}>\n` };
}

/** From iOS 10 on phones look for a Manifest.mbdb that is not there (seen). */
export async function listBackup(session: BackupSession, request: PlistDict): Promise<OperationOutcome> {
  const folder = sourceFolder(session, request);
  refuseDatabase(session, folder);
  const properties = await fetchPlist(session, folder, 'Manifest.plist', 'properties');
  const workFolder = await mkdtemp(join(tmpdir(), 'ibk-sim-'));
  try {
    const records = await fetchManifest(
      session,
      { folder, workFolder },
      { layout: 'flat', properties, classKeys: undefined },
    );
    const lines = records.filter(isRegular).map((record) => {
      const path = `${record.domain}-${record.relativePath}`;
      return `"${path.replaceAll('"', '""')}",${record.sizeBytes},${record.fileId}`;
    });
    return { content: ['"Path","Size","FileID"', ...lines, ''].join('\n') };
  } finally {
    await rm(workFolder, { recursive: true, force: true });
  }
}

export function refuseDatabase({ phone }: BackupSession, folder: string): void {
  if (phone.profile.manifest === 'mbdb') return;
  throw invalid(`Error reading backup database at path ${folder}/Manifest.mbdb: No such file or directory`);
}

export function passwordOf({ Password: password }: PlistDict): string | undefined {
  return typeof password === 'string' ? password : undefined;
}

/** What the phone learns of the backup that it is to restore, and whether it can: state, versions, password, and every file that the manifest names. */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { parsePlist } from '../../plist/codec.js';
import { isPlistDict, type PlistDict } from '../../plist/value.js';
import { type ClassKeys, openKey, openKeybag } from '../backup-set/open-keybag.js';
import { isRegular, type StoredRecord, storedRecordsOfDb, storedRecordsOfMbdb } from '../backup-set/stored-record.js';
import { DecryptingTarget, MemoryTarget } from './download-targets.js';
import { FinalAnswer } from './endings.js';
import type { BackupSession } from './session.js';

export interface RestoreSource {
  /** The backup's folder on the computer. */
  readonly folder: string;
  readonly layout: 'flat' | 'folders';
  readonly records: readonly StoredRecord[];
  /** The regular files among them. */
  readonly files: readonly StoredRecord[];
  /** Undefined: not encrypted. */
  readonly classKeys: ClassKeys | undefined;
}

/** @throws FinalAnswer 203, 205, 207 */
export async function readSource(
  session: BackupSession,
  wanted: { readonly folder: string; readonly password: string | undefined; readonly workFolder: string },
): Promise<RestoreSource> {
  const { folder } = wanted;
  const status = await fetchPlist(session, folder, 'Status.plist', 'status');
  if (status.SnapshotState !== 'finished') {
    throw invalid(`Backup at ${folder} is not finished: ${String(status.SnapshotState)}`);
  }
  const properties = await fetchPlist(session, folder, 'Manifest.plist', 'properties');
  checkVersions(session, properties);
  const classKeys = await unlock(properties, wanted.password);
  const layout = Number.parseFloat(String(properties.Version)) >= 10 ? 'folders' : 'flat';
  const records = await fetchManifest(session, wanted, { layout, properties, classKeys });
  const info = new MemoryTarget(`${folder}/Info.plist`);
  await session.disk.download([info], 1);
  const files = records.filter(isRegular);
  await checkFiles(session, folder, layout, files);
  return { folder, layout, records, files, classKeys };
}

export async function fetchPlist(
  session: BackupSession,
  folder: string,
  name: string,
  what: string,
): Promise<PlistDict> {
  const target = new MemoryTarget(`${folder}/${name}`);
  const outcome = await session.disk.download([target], 0);
  session.phone.stats.bytesDownloaded += outcome.bytes;
  const error = `Error reading backup ${what} at path ${target.path}`;
  if (!outcome.received.has(target.path)) throw invalid(`${error}: No such file or directory`);
  try {
    const value = parsePlist(target.bytes, name);
    if (isPlistDict(value)) return value;
  } catch {
    // Said below.
  }
  throw invalid(`${error}. Underlying error: Error deserializing property list (MBErrorDomain/11)`);
}

/** Older versions of iOS do not take backups of newer ones (seen; the number is inferred). */
function checkVersions({ phone }: BackupSession, properties: PlistDict): void {
  const version = Number.parseFloat(String(properties.Version));
  if (!(version >= 7.4 && version < 11)) {
    throw new FinalAnswer(203, `Unsupported properties version ${String(properties.Version)} (MBErrorDomain/203)`);
  }
  const { Lockdown: lockdown } = properties;
  const made = isPlistDict(lockdown) ? lockdown.ProductVersion : undefined;
  if (typeof made !== 'string' || compareVersions(made, phone.productVersion) <= 0) return;
  throw new FinalAnswer(203, `Backup of iOS ${made} cannot be restored to ${phone.productVersion} (MBErrorDomain/203)`);
}

function compareVersions(a: string, b: string): number {
  const [left, right] = [a.split('.').map(Number), b.split('.').map(Number)];
  for (let i = 0; i < Math.max(left.length, right.length); i += 1) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

export async function unlock(properties: PlistDict, password: string | undefined): Promise<ClassKeys | undefined> {
  if (properties.IsEncrypted !== true) return undefined;
  const { BackupKeyBag: bag } = properties;
  if (!Buffer.isBuffer(bag)) throw invalid('Error reading backup properties: no keybag');
  const keys = password === undefined ? undefined : await openKeybag(bag, password);
  if (keys !== undefined) return keys;
  const inner = 'MKBKeyBagUnlock error (-3)';
  throw new FinalAnswer(207, `Invalid password when restoring encrypted backup: ${inner} (MBErrorDomain/207)`);
}

export async function fetchManifest(
  session: BackupSession,
  { folder, workFolder }: { readonly folder: string; readonly workFolder: string },
  backup: {
    readonly layout: RestoreSource['layout'];
    readonly properties: PlistDict;
    readonly classKeys: ClassKeys | undefined;
  },
): Promise<StoredRecord[]> {
  const name = backup.layout === 'flat' ? 'Manifest.mbdb' : 'Manifest.db';
  const { ManifestKey: wrapped } = backup.properties;
  const isEncrypted = backup.classKeys !== undefined && Buffer.isBuffer(wrapped);
  const key = isEncrypted ? openKey(backup.classKeys, wrapped) : undefined;
  if (isEncrypted && key === undefined) throw invalid('Error reading backup database: its key does not open');
  const file = join(workFolder, 'manifest');
  const target = new DecryptingTarget(`${folder}/${name}`, await open(file, 'w'), key);
  const error = `Error reading backup database at path ${target.path}`;
  try {
    const outcome = await session.disk.download([target], 0);
    session.phone.stats.bytesDownloaded += outcome.bytes;
    if (!outcome.received.has(target.path)) throw invalid(`${error}: No such file or directory`);
    await target.finish();
    const records: StoredRecord[] = [];
    const all = backup.layout === 'flat' ? storedRecordsOfMbdb(file) : storedRecordsOfDb(file);
    for await (const record of all) records.push(record);
    return records;
  } catch (cause) {
    if (cause instanceof FinalAnswer) throw cause;
    if (session.phone.signal.aborted || session.link.attended.aborted) throw cause;
    throw invalid(`${error}: ${cause instanceof Error ? cause.message : String(cause)}`);
  } finally {
    await target.close();
  }
}

/** Is every file that the manifest names on the computer? (The listings are inferred; the error was seen.) */
async function checkFiles(
  { disk }: BackupSession,
  folder: string,
  layout: RestoreSource['layout'],
  files: readonly StoredRecord[],
): Promise<void> {
  const top = await disk.list(folder);
  const there = new Map<string, ReadonlyMap<string, { readonly type: string }>>([['', top]]);
  if (layout === 'folders') {
    for (const name of new Set(files.map(({ fileId }) => fileId.slice(0, 2)))) {
      if (top.get(name)?.type === 'directory') there.set(name, await disk.list(`${folder}/${name}`));
    }
  }
  const missing = files.find(
    ({ fileId }) => there.get(layout === 'flat' ? '' : fileId.slice(0, 2))?.get(fileId)?.type !== 'regular',
  );
  if (missing !== undefined) throw invalid(`Manifest references files not in backup: ${missing.fileId}`);
}

export function invalid(text: string): FinalAnswer {
  return new FinalAnswer(205, `${text} (MBErrorDomain/205)`);
}

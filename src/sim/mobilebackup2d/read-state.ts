/** What the phone learns from the computer before it starts: the state of the earlier backup there, if it can be continued. */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { parsePlist } from '../../plist/codec.js';
import { isPlistDict, type PlistDict, type PlistValue } from '../../plist/value.js';
import type { BackupKeys } from '../backup-set/backup-keys.js';
import { manifestName } from '../backup-set/manifest-writer.js';
import { type PreviousFiles, readManifestDb, readManifestMbdb } from '../backup-set/previous.js';
import type { DownloadTarget } from './download-stream.js';
import { DecryptingTarget, ManifestUnreadable, MemoryTarget } from './download-targets.js';
import { FinalAnswer, ProtocolViolation } from './endings.js';
import type { BackupSession } from './session.js';

/** @returns the files of the earlier backup, if this one can continue it; undefined: a full backup is needed */
export async function readEarlierBackup(
  session: BackupSession,
  keys: BackupKeys,
  forceFull: boolean,
  workFolder: string,
): Promise<PreviousFiles | undefined> {
  const { disk, phone } = session;
  const status = new MemoryTarget(session.hostPath('Status.plist'));
  const properties = new MemoryTarget(session.hostPath('Manifest.plist'));
  const file = join(workFolder, 'previous');
  const manifest = new DecryptingTarget(
    session.hostPath(manifestName(phone.profile)),
    await open(file, 'w'),
    keys.manifest?.key,
  );
  try {
    const wanted: DownloadTarget[] = forceFull ? [status, properties] : [status, properties, manifest];
    const received = new Set<string>();
    const together = phone.scenarios.has('read-state-at-once');
    for (const targets of together ? [wanted] : wanted.map((target) => [target])) {
      const outcome = await disk.download(targets, 0);
      phone.stats.bytesDownloaded += outcome.bytes;
      for (const path of outcome.received) received.add(path);
      // A real phone asks no further when there is no status (seen on first backups).
      if (!received.has(status.path)) return undefined;
    }
    refuseEmptyProperties(session, received.has(properties.path), properties.bytes);
    if (forceFull || received.size < wanted.length) return undefined;
    if (!isUsable(status.bytes, properties.bytes, keys)) return undefined;
    await manifest.finish();
    return await (phone.profile.manifest === 'db' ? readManifestDb(file) : readManifestMbdb(file));
  } catch (error) {
    if (error instanceof ManifestUnreadable || isSqliteError(error)) return undefined;
    throw error;
  } finally {
    await manifest.close();
  }
}

/** A zero-byte Manifest.plist beside a Status.plist ends the backup, forced full or not (seen with iOS 15.6.1). */
function refuseEmptyProperties(session: BackupSession, present: boolean, bytes: Buffer): void {
  if (!present || bytes.length > 0) return;
  const path = session.hostPath('Manifest.plist');
  const inner = 'Underlying error: Error deserializing property list (MBErrorDomain/11)';
  throw new FinalAnswer(205, `Error reading backup properties at path ${path} (MBErrorDomain/205). ${inner}`);
}

function isUsable(statusBytes: Buffer, propertyBytes: Buffer, keys: BackupKeys): boolean {
  const status = readDict(statusBytes);
  const properties = readDict(propertyBytes);
  if (status === undefined || properties === undefined) return false;
  const state = status.SnapshotState;
  if (state !== 'finished' && state !== 'uploading') return false;
  if ((properties.IsEncrypted === true) !== (keys.files !== undefined)) return false;
  const wrapped = properties.ManifestKey;
  return keys.manifest === undefined || (Buffer.isBuffer(wrapped) && wrapped.equals(keys.manifest.wrapped));
}

function readDict(bytes: Buffer): PlistDict | undefined {
  let value: PlistValue;
  try {
    value = parsePlist(bytes, 'property list of the backup');
  } catch {
    return undefined;
  }
  return isPlistDict(value) ? value : undefined;
}

function isSqliteError(error: unknown): boolean {
  if (!(error instanceof Error) || error instanceof ProtocolViolation || error instanceof FinalAnswer) return false;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return (
    code.startsWith('SQLITE_') ||
    code === 'device_error' ||
    error instanceof RangeError ||
    /manifest/i.test(error.message)
  );
}

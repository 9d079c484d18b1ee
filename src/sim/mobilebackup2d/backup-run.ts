/**
 * A backup as the phone runs it. The order is that of logs of real phones; what the logs do not show is inferred: the uploads of
 * Status.plist between the phases, that old payload files are removed after the new ones have moved, and the listings at the end.
 */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isPlistDict, type PlistDict } from '../../plist/value.js';
import { type BackupKeys, backupKeys } from '../backup-set/backup-keys.js';
import { manifestName, openManifestWriter } from '../backup-set/manifest-writer.js';
import { encodeManifestPlist, encodeStatus, type SnapshotState } from '../backup-set/plists.js';
import { belongsToBackup } from '../content/item.js';
import { checkSpace } from './disk-space.js';
import { FinalAnswer, ProtocolViolation } from './endings.js';
import { finishBackup } from './finish.js';
import { askPasscode } from './passcode-prompt.js';
import { type BackupPlan, payloadPath, planBackup, uploadPayload } from './payload.js';
import { tellLie } from './lies.js';
import { playOddities } from './oddities.js';
import { readEarlierBackup } from './read-state.js';
import type { BackupSession } from './session.js';
import { uploadManifest } from './upload-manifest.js';

/** What the steps of one run share. */
export interface BackupRun {
  readonly session: BackupSession;
  readonly keys: BackupKeys;
  readonly isFull: boolean;
  /** fileIDs of the earlier backup; undefined in a full one, where only the listing tells. */
  readonly previousIds: ReadonlySet<string> | undefined;
  readonly plan: BackupPlan;
  /** A folder of the phone's own for the manifest. */
  readonly workFolder: string;
  /** Status.plist of this run in a given state. */
  status(state: SnapshotState): Buffer;
}

/** @throws FinalAnswer when the backup fails; returns when it has succeeded */
export async function runBackup(session: BackupSession, request: PlistDict): Promise<void> {
  const forceFull = readOptions(request);
  await session.enter('passcode');
  // iOS 15.7.1+ and 16.1+ want the passcode for each backup.
  if (session.phone.profile.asksPasscode) await askPasscode(session);
  const workFolder = await mkdtemp(join(tmpdir(), 'ibk-sim-'));
  try {
    await run(session, forceFull, workFolder);
  } finally {
    await rm(workFolder, { recursive: true, force: true });
  }
}

async function run(session: BackupSession, forceFull: boolean, workFolder: string): Promise<void> {
  const { phone, disk } = session;
  const keys = await backupKeys(phone);
  const previous = await readEarlierBackup(session, keys, forceFull, workFolder);
  const leftOver = await disk.list(session.hostPath('Snapshot'));
  const root = await disk.list(phone.udid);
  await session.enter('scan');
  const items = (await phone.content.items()).filter((item) => belongsToBackup(item, keys.files !== undefined));
  const plan = await planBackup(items, keys, previous);
  const uuid = randomUUID().toUpperCase();
  const date = new Date(Math.floor(phone.clock.now() / 1000) * 1000);
  const isFull = previous === undefined;
  const version = phone.profile.statusVersion;
  const backup: BackupRun = {
    ...{ session, keys, isFull, plan, workFolder },
    previousIds: previous === undefined ? undefined : new Set(previous.keys()),
    status: (state) => encodeStatus({ version, uuid, date, state, isFull }),
  };
  await tellLie(backup, 'nothing');
  await checkSpace(session, plan.uploadBytes);
  if (leftOver.size > 0) await disk.remove([session.hostPath('Snapshot')], 0);
  await createDirectories(backup);
  await sendStatus(backup, 'uploading', session.hostPath(phone.scenarios.has('status-in-root') ? '' : 'Snapshot/'));
  await session.enter('receive');
  await playOddities(session);
  const manifestFile = join(workFolder, manifestName(phone.profile));
  const writer = openManifestWriter(phone.profile, manifestFile);
  try {
    await uploadPayload(session, plan, keys, writer);
    await writer.finish(session.faults.bytes('manifest-bytes'));
  } finally {
    writer.abandon();
  }
  await tellLie(backup, 'no-manifest');
  const properties = encodeManifestPlist({
    ...{ profile: phone.profile, date, items, lockdown: phone.lockdownFacts },
    encrypted: keys.files !== undefined,
    passcodeSet: phone.passcodeSet,
    keybag: keys.keybag,
    manifestKey: keys.manifest?.wrapped,
  });
  const sent = await uploadManifest(backup, properties, manifestFile);
  await session.enter('finish');
  await finishBackup(backup, root, sent);
  if (isFull) phone.stats.fullBackups += 1;
  else phone.stats.incrementalBackups += 1;
}

function readOptions(request: PlistDict): boolean {
  const { SourceIdentifier: source, Options: options } = request;
  if (source !== undefined && typeof source !== 'string')
    throw new ProtocolViolation('Backup: SourceIdentifier is no string');
  if (options === undefined) return false;
  if (!isPlistDict(options)) throw new ProtocolViolation('Backup: Options is no dictionary');
  return options.ForceFullBackup === true;
}

async function createDirectories({ session, plan }: BackupRun): Promise<void> {
  const { phone, disk } = session;
  const paths = [phone.udid, session.hostPath('Snapshot')];
  if (phone.profile.layout === 'folders') {
    const uploads = plan.items.filter((planned) => planned.uploadBytes !== undefined);
    const folders = new Set(uploads.map((planned) => payloadPath(phone.profile, planned.fileId).slice(0, 2)));
    paths.push(...[...folders].sort().map((folder) => session.hostPath(`Snapshot/${folder}`)));
  }
  for (const path of paths) {
    const { code, text } = await disk.createDirectory(path);
    if (code !== 0) throw new FinalAnswer(1, `Error creating directory ${path}: ${text} (${code}) (MBErrorDomain/1)`);
  }
}

/** Uploads Status.plist into `folder`, which ends with a slash. */
export async function sendStatus(
  backup: BackupRun,
  state: SnapshotState,
  folder: string,
  percent = 1,
): Promise<Buffer> {
  const bytes = backup.status(state);
  const { code, text } = await backup.session.disk.upload({ percent, totalBytes: 0 }, async (stream) => {
    await stream.file({ devicePath: '/var/tmp/tmp.1.Status', hostPath: `${folder}Status.plist`, chunks: [bytes] });
  });
  if (code !== 0) throw new FinalAnswer(104, `Error writing status: ${text} (${code}) (MBErrorDomain/104)`);
  return bytes;
}

/** The end of a backup: what was sent is moved into place, what is gone is removed, and the phone looks whether all of it is really there. */
import { createHash } from 'node:crypto';
import { manifestName } from '../backup-set/manifest-writer.js';
import { type BackupRun, sendStatus } from './backup-run.js';
import type { DownloadTarget } from './download-stream.js';
import { FinalAnswer } from './endings.js';
import { finalText } from './faults.js';
import type { ListedEntry } from './host-disk.js';
import { tellLie } from './lies.js';
import { payloadPath, type PlannedItem } from './payload.js';
import { MemoryTarget } from './download-targets.js';
import type { SentManifests } from './upload-manifest.js';

/** Items in one MoveItems or RemoveItems message. */
const ITEMS_PER_MESSAGE = 512;

export async function finishBackup(
  backup: BackupRun,
  root: ReadonlyMap<string, ListedEntry>,
  sent: SentManifests,
): Promise<void> {
  const { session } = backup;
  await checkSnapshot(backup);
  const toRemove = await goneFiles(backup, root);
  await makeTargetFolders(backup, root);
  await sendStatus(backup, 'moving', session.hostPath(''), 98);
  await moveUp(backup);
  await tellLie(backup, 'missing-file');
  await sendStatus(backup, 'removing', session.hostPath(''), 99);
  for (const paths of groups(toRemove)) await remove(backup, paths);
  await remove(backup, [session.hostPath('Snapshot')]);
  await tellLie(backup, 'unfinished');
  const status = await sendStatus(backup, 'finished', session.hostPath(''), 100);
  if (session.phone.profile.verifiesAtEnd) await verify(backup, status, sent);
  await checkPayload(backup);
}

/** Before anything old is touched, the computer must list what it has just received. */
async function checkSnapshot({ session }: BackupRun): Promise<void> {
  const { phone, disk } = session;
  const listing = await disk.list(session.hostPath('Snapshot'));
  const expected = ['Manifest.plist', manifestName(phone.profile)];
  if (!phone.scenarios.has('status-in-root')) expected.push('Status.plist');
  const missing = expected.find((name) => listing.get(name)?.type !== 'regular');
  if (missing !== undefined) throw new FinalAnswer(205, finalText(205, phone.udid));
}

/** Payload files on the computer that the new manifest does not name. After an unknown past only the listing tells (inferred). */
async function goneFiles(backup: BackupRun, root: ReadonlyMap<string, ListedEntry>): Promise<string[]> {
  const { session, plan, previousIds } = backup;
  const { phone, disk } = session;
  const current = new Set(plan.items.filter(({ item }) => item.kind === 'file').map(({ fileId }) => fileId));
  const gone = (ids: Iterable<string>) => [...ids].filter((id) => /^[0-9a-f]{40}$/.test(id) && !current.has(id));
  let ids: string[];
  if (previousIds !== undefined) ids = gone(previousIds);
  else if (phone.profile.layout === 'flat') ids = gone(root.keys());
  else {
    ids = [];
    for (const [name, { type }] of root) {
      if (type !== 'directory' || !/^[0-9a-f]{2}$/.test(name)) continue;
      ids.push(...gone((await disk.list(session.hostPath(name))).keys()));
    }
  }
  return ids.sort().map((id) => session.hostPath(payloadPath(phone.profile, id)));
}

function uploaded(backup: BackupRun): PlannedItem[] {
  return backup.plan.items.filter(({ uploadBytes, failed }) => uploadBytes !== undefined && !failed);
}

async function makeTargetFolders(backup: BackupRun, root: ReadonlyMap<string, ListedEntry>): Promise<void> {
  const { session } = backup;
  if (session.phone.profile.layout === 'flat') return;
  const folders = new Set(uploaded(backup).map(({ fileId }) => fileId.slice(0, 2)));
  for (const folder of [...folders].sort()) {
    if (root.get(folder)?.type === 'directory') continue;
    const { code, text } = await session.disk.createDirectory(session.hostPath(folder), 98);
    if (code !== 0) throw new FinalAnswer(1, `Error creating directory: ${text} (${code}) (MBErrorDomain/1)`);
  }
}

async function moveUp(backup: BackupRun): Promise<void> {
  const { session } = backup;
  const { profile } = session.phone;
  const pair = (path: string) => [session.hostPath(`Snapshot/${path}`), session.hostPath(path)] as const;
  const payload = uploaded(backup).map(({ fileId }) => pair(payloadPath(profile, fileId)));
  const manifests = [[pair('Manifest.plist')], [pair(manifestName(profile))]];
  for (const pairs of [...groups(payload), ...manifests]) {
    const { code, text } = await session.disk.move(pairs, 98);
    if (code !== 0) throw new FinalAnswer(1, `Error moving files: ${text} (${code}) (MBErrorDomain/1)`);
  }
}

async function remove({ session }: BackupRun, paths: readonly string[]): Promise<void> {
  const { code, text } = await session.disk.remove(paths, 100);
  if (code !== 0) {
    throw new FinalAnswer(104, `Error removing snapshot directory: ${text} (${code}) (MBErrorDomain/104)`);
  }
}

/** Reads status and manifests back; anything but the very bytes that were sent is an invalid backup. */
async function verify(backup: BackupRun, status: Buffer, sent: SentManifests): Promise<void> {
  const { session } = backup;
  const { phone, disk } = session;
  const hash = createHash('sha256');
  const statusTarget = new MemoryTarget(session.hostPath('Status.plist'));
  const properties = new MemoryTarget(session.hostPath('Manifest.plist'));
  const manifest: DownloadTarget = {
    path: session.hostPath(manifestName(phone.profile)),
    receive: (bytes) => void hash.update(bytes),
  };
  for (const target of [statusTarget, properties, manifest]) {
    const outcome = await disk.download([target], 100);
    phone.stats.bytesDownloaded += outcome.bytes;
    if (!outcome.received.has(target.path))
      throw new FinalAnswer(205, `Error reading ${target.path} (MBErrorDomain/205)`);
  }
  const same =
    statusTarget.bytes.equals(status) &&
    properties.bytes.equals(sent.properties) &&
    hash.digest('hex') === sent.manifestSha256;
  if (!same) throw new FinalAnswer(205, 'Error reading backup properties (MBErrorDomain/205)');
}

/** Every file of the manifest must be listed, those just sent with their size. */
async function checkPayload(backup: BackupRun): Promise<void> {
  const { session, plan } = backup;
  const { phone, disk } = session;
  const files = plan.items.filter(({ item, failed }) => item.kind === 'file' && !failed);
  const byFolder = new Map<string, PlannedItem[]>();
  for (const planned of files) {
    const folder = phone.profile.layout === 'flat' ? '' : planned.fileId.slice(0, 2);
    const group = byFolder.get(folder);
    if (group === undefined) byFolder.set(folder, [planned]);
    else group.push(planned);
  }
  for (const [folder, group] of byFolder) {
    const listing = await disk.list(folder === '' ? phone.udid : session.hostPath(folder));
    for (const { fileId, uploadBytes, item } of group) {
      const entry = listing.get(fileId);
      const wrongSize = uploadBytes !== undefined && item.kind === 'file' && entry?.sizeBytes !== uploadBytes;
      if (entry?.type !== 'regular' || wrongSize) throw new FinalAnswer(205, finalText(205, phone.udid));
    }
  }
}

function groups<T>(items: readonly T[]): T[][] {
  const result: T[][] = [];
  for (let at = 0; at < items.length; at += ITEMS_PER_MESSAGE) result.push(items.slice(at, at + ITEMS_PER_MESSAGE));
  return result;
}

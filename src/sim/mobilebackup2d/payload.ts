/** The files of a backup on their way to the computer: which must go, in which batches, and the manifest row of each. */
import { createHash } from 'node:crypto';
import type { BackupKeys } from '../backup-set/backup-keys.js';
import type { ManifestWriter } from '../backup-set/manifest-writer.js';
import { isUnchanged, type PreviousFiles } from '../backup-set/previous.js';
import {
  carriesDigest,
  encryptionKeyOf,
  fileIdOf,
  fileKey,
  type ManifestRecord,
  storedBytes,
} from '../backup-set/record.js';
import { storedChunks } from '../backup-set/stored-bytes.js';
import { contentChunks } from '../content/bytes.js';
import { domainRoot } from '../content/domains.js';
import type { ContentItem } from '../content/item.js';
import type { IosProfile } from '../profile.js';
import { FinalAnswer } from './endings.js';
import type { BackupSession } from './session.js';
import type { UploadStream } from './upload-stream.js';

/** A batch ends when it is this large or has this many files; real ones are some MB. */
const BATCH_BYTES = 4 * 1024 * 1024;
const BATCH_FILES = 512;
/** Share of the overall progress that the payload makes. */
const FIRST_PERCENT = 1;
const LAST_PERCENT = 95;

export interface PlannedItem {
  readonly item: ContentItem;
  readonly fileId: string;
  readonly encryptionKey: Buffer | undefined;
  /** Carried over from the earlier backup when the file is not sent. */
  digest: Buffer | undefined;
  /** Bytes to be sent, then those that were; undefined: nothing is. */
  uploadBytes: number | undefined;
  /** The file could not be read: the manifest names it, but it has no content there. */
  failed: boolean;
}

export interface BackupPlan {
  readonly items: readonly PlannedItem[];
  readonly uploadBytes: number;
  readonly uploads: number;
}

/** Where a file lies in the backup folder: `ab/ab12…` from iOS 10 on, flat before. */
export function payloadPath(profile: IosProfile, fileId: string): string {
  return profile.layout === 'flat' ? fileId : `${fileId.slice(0, 2)}/${fileId}`;
}

export async function planBackup(
  items: readonly ContentItem[],
  keys: BackupKeys,
  previous: PreviousFiles | undefined,
): Promise<BackupPlan> {
  const planned: PlannedItem[] = [];
  let uploadBytes = 0;
  let uploads = 0;
  for (const item of items) {
    const fileId = fileIdOf(item.domain, item.relativePath);
    const encryptionKey = keys.files === undefined ? undefined : encryptionKeyOf(keys.files, item);
    const before = previous?.get(fileId);
    const unchanged = item.kind === 'file' && isUnchanged(before, item, encryptionKey);
    const bytes = item.kind !== 'file' || unchanged ? undefined : storedBytes(item.sizeBytes, keys.files !== undefined);
    if (bytes !== undefined) {
      uploadBytes += bytes;
      uploads += 1;
    }
    const digest = unchanged ? before.digest : undefined;
    planned.push({ item, fileId, encryptionKey, digest, uploadBytes: bytes, failed: false });
    if (planned.length % 2000 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  return { items: planned, uploadBytes, uploads };
}

/** The path under which the phone names the file: /.ba is its file-system snapshot from iOS 11 on (seen in device logs). */
function devicePath(profile: IosProfile, item: ContentItem): string {
  const root = profile.layout === 'flat' ? '/var' : '/.ba';
  return `${root}${domainRoot(item.domain)}/${item.relativePath}`;
}

/** Sends what the plan says, batch by batch, and writes every row of the manifest in the order of the plan. */
export async function uploadPayload(
  session: BackupSession,
  plan: BackupPlan,
  keys: BackupKeys,
  manifest: ManifestWriter,
): Promise<void> {
  let written = 0;
  const writeRows = (until: number) => {
    for (; written < until; written += 1) {
      const row = plan.items[written];
      if (row !== undefined) manifest.add(row.failed ? withoutInode(row) : row);
    }
  };
  let sentBytes = 0;
  let cutPending = session.faults.isAt('cut', 'receive');
  for (const batch of batches(plan.items)) {
    if (session.phone.cancelRequested) await session.cancel();
    if (cutPending && (sentBytes + batch.bytes) * 2 >= plan.uploadBytes) {
      session.link.output.cutAfter(Math.floor(batch.bytes / 2), () => session.phone.unplug());
      cutPending = false;
    }
    const share = plan.uploadBytes === 0 ? 1 : (sentBytes + batch.bytes) / plan.uploadBytes;
    const percent = FIRST_PERCENT + (LAST_PERCENT - FIRST_PERCENT) * share;
    const meanwhile = () => writeRows(batch.until);
    const status = await session.disk.upload({ percent, totalBytes: batch.bytes, meanwhile }, async (stream) => {
      for (const planned of batch.items) await sendOne(session, planned, keys, stream);
    });
    if (status.code !== 0) {
      const text = `Multiple errors uploading files: ${status.text} (${status.code})`;
      if (status.code === -15)
        throw new FinalAnswer(105, `No space left on device: ${status.text} (MBErrorDomain/105)`);
      throw new FinalAnswer(104, `${text} (MBErrorDomain/104)`);
    }
    sentBytes += batch.bytes;
  }
  if (cutPending) session.pullCable();
  writeRows(plan.items.length);
}

/** A file that could not be sent keeps its row, but inode 0 makes the next backup send it (the simulator's own way; real rows are not known). */
function withoutInode(row: PlannedItem): ManifestRecord {
  return { ...row, item: { ...row.item, inode: 0 } };
}

async function sendOne(
  { phone, faults }: BackupSession,
  planned: PlannedItem,
  keys: BackupKeys,
  stream: UploadStream,
): Promise<void> {
  const { item } = planned;
  if (item.kind !== 'file') throw new TypeError('only regular files are uploaded');
  const key = keys.files === undefined ? undefined : fileKey(keys.files, item);
  const hash = carriesDigest(item) ? createHash('sha1') : undefined;
  const fault = faults.fileFault();
  const outcome = await stream.file({
    devicePath: devicePath(phone.profile, item),
    hostPath: `${phone.udid}/Snapshot/${payloadPath(phone.profile, planned.fileId)}`,
    chunks: storedChunks(contentChunks(item), key),
    ...(hash === undefined ? {} : { onBytes: (bytes: Buffer) => void hash.update(bytes) }),
    ...(fault === undefined ? {} : { fault }),
  });
  if (outcome.failure !== undefined) {
    planned.failed = true;
    return;
  }
  planned.digest = hash?.digest();
  planned.uploadBytes = outcome.sentBytes;
  phone.stats.filesUploaded += 1;
  phone.stats.bytesUploaded += outcome.sentBytes;
}

interface Batch {
  readonly items: readonly PlannedItem[];
  readonly bytes: number;
  /** Rows of the plan before this index are settled when the batch has gone. */
  readonly until: number;
}

function* batches(items: readonly PlannedItem[]): Generator<Batch, void> {
  let current: PlannedItem[] = [];
  let bytes = 0;
  for (let i = 0; i < items.length; i += 1) {
    const planned = items[i];
    if (planned?.uploadBytes === undefined) continue;
    current.push(planned);
    bytes += planned.uploadBytes;
    if (bytes >= BATCH_BYTES || current.length >= BATCH_FILES) {
      yield { items: current, bytes, until: i + 1 };
      current = [];
      bytes = 0;
    }
  }
  if (current.length > 0) yield { items: current, bytes, until: items.length };
}

/** The part of a backup that the phone is no longer needed for: is what arrived a backup, and into its place. */
import { fileIdOf, isKnownName } from '../backup/device-path.js';
import { shownDevicePath, shownReason } from './device-domains.js';
import type { CheckedBackup } from '../backup/check.js';
import type { BackupStore } from '../backup/store.js';
import { IbkError } from '../errors.js';
import { countOf } from '../figures.js';
import type { FailedUpload } from '../protocol/devicelink/uploads.js';
import type { ReceivedBackup } from './backup-receive.js';
import type { BackupReporter } from './backup-reporter.js';
import type { OperationContext } from './context.js';

const NAMES_SHOWN = 3;

export interface FinishOptions {
  readonly ctx: OperationContext;
  readonly udid: string;
  readonly noun: string;
  readonly store: BackupStore;
  readonly received: ReceivedBackup;
  readonly reporter: BackupReporter;
}

export interface FinishedBackup {
  readonly encrypted: boolean;
  readonly filesTotal: number;
  readonly bytesTotal: number | null;
  readonly failures: readonly { readonly path: string; readonly message: string }[];
  readonly check: 'received' | 'manifest';
  readonly madeAt: Date;
}

/** @throws IbkError `damaged` before anything has changed; `destination`; a system error */
export async function finishBackup(options: FinishOptions): Promise<FinishedBackup> {
  const { ctx, store, received, reporter } = options;
  reporter.enter('check');
  const failedIds = new Set(received.failed.map(({ hostPath }) => fileIdOf(hostPath) ?? ''));
  const checked = await store.check(failedIds);
  throwIfDamaged(checked, failedIds);
  const failures = named(options, checked);
  warnOfUnknownNames(options);
  const bytesTotal = store.earlier.state === 'none' ? payloadBytes(store) : null;
  // The last moment at which stopping leaves everything as it was.
  ctx.signal.throwIfAborted();
  reporter.enter('commit');
  await store.commit();
  return {
    encrypted: checked.manifest.encrypted,
    filesTotal: checked.files,
    bytesTotal,
    failures: failures.map(({ devicePath, text }) => ({
      path: shownDevicePath(devicePath),
      message: shownReason(text),
    })),
    check: checked.depth,
    madeAt: checked.status.date ?? new Date(ctx.clock.now()),
  };
}

/** Files that the phone said it could not read are not damage; others that its manifest names are. */
function throwIfDamaged(checked: CheckedBackup, failedIds: ReadonlySet<string>): void {
  const excused = checked.missing.filter((fileId) => failedIds.has(fileId)).length;
  const missing = checked.missingCount - excused;
  if (missing === 0) return;
  throw new IbkError(
    'damaged',
    `${countOf(missing, 'file')} that the backup names did not come with it and are not there.`,
    {
      reason: 'missing_files',
      meaning: 'What came was not put in place.',
      hint: 'Send everything again: ibk backup --full',
      details: { missing, first: checked.missing.find((fileId) => !failedIds.has(fileId)) ?? null },
    },
  );
}

/** What failed and is part of the backup. The rest the phone left out of its manifest itself: worth a word, not a failure. */
function named({ ctx, udid, noun, received }: FinishOptions, checked: CheckedBackup): readonly FailedUpload[] {
  if (checked.named === undefined) return received.failed;
  const [inside, outside] = [true, false].map((wanted) =>
    received.failed.filter(({ hostPath }) => checked.named?.has(fileIdOf(hostPath) ?? '') === wanted),
  );
  if (outside !== undefined && outside.length > 0) {
    ctx.onEvent({
      type: 'warning',
      udid,
      reason: 'left_out',
      message: `${countOf(outside.length, 'file')} vanished on the ${noun} during the backup and are not part of it.`,
      hint: null,
    });
  }
  return inside ?? [];
}

/** Kept, since a later iOS may have a reason for them; told, since nobody has seen one yet. */
function warnOfUnknownNames({ ctx, udid, noun, store }: FinishOptions): void {
  const names: string[] = [];
  for (const { path, node } of store.incoming.overlay.walk()) {
    if (node.kind === 'file' && !path.startsWith('Snapshot/') && !isKnownName(path)) names.push(path);
  }
  if (names.length === 0) return;
  const more = names.length > NAMES_SHOWN ? ` and ${names.length - NAMES_SHOWN} more` : '';
  ctx.onEvent({
    type: 'warning',
    udid,
    reason: 'unknown_name',
    message: `The ${noun} sent files that Apple's layout does not have: ${names.slice(0, NAMES_SHOWN).join(', ')}${more}.`,
    hint: null,
  });
}

/** Of a first backup everything has just arrived, so its size is known. */
function payloadBytes(store: BackupStore): number {
  let bytes = 0;
  for (const { path, node } of store.incoming.overlay.walk()) {
    if (node.kind === 'file' && !path.startsWith('Snapshot/') && fileIdOf(path) !== undefined) bytes += node.sizeBytes;
  }
  return bytes;
}

/** The part of a backup that the phone is no longer needed for: is what arrived a backup, and into its place. */
import { type CheckedBackup, checkReceived } from '../backup/check.js';
import type { CommitResult } from '../backup/commit/commit.js';
import { withFilesNotSent } from '../backup/format/info-plist.js';
import { LARGE_PLIST_LIMIT } from '../backup/format/plist-limits.js';
import type { StoreLease } from '../backup/lease.js';
import { FILE_ID, fileIdOf } from '../backup/records/names.js';
import { IbkError } from '../errors.js';
import { countOf } from '../figures.js';
import type { FailedUpload } from '../protocol/devicelink/uploads.js';
import type { ReceivedBackup } from './backup-receive.js';
import type { BackupReporter } from './backup-reporter.js';
import type { OperationContext } from './context.js';
import { shownDevicePath, shownReason } from './device-domains.js';

export interface FinishOptions {
  readonly ctx: OperationContext;
  readonly udid: string;
  readonly noun: string;
  readonly lease: StoreLease;
  readonly received: ReceivedBackup;
  /** Files that the phone could not send in an earlier run (fileIDs): still missing, they are no damage. */
  readonly notSentEarlier: ReadonlySet<string>;
  readonly reporter: BackupReporter;
}

export interface FinishedBackup {
  readonly encrypted: boolean;
  readonly filesTotal: number;
  readonly commit: CommitResult;
  readonly failures: readonly { readonly path: string; readonly message: string }[];
  readonly check: 'received' | 'manifest';
  readonly madeAt: Date;
}

/** @throws IbkError `damaged` before anything has changed; `destination`; a system error */
export async function finishBackup(options: FinishOptions): Promise<FinishedBackup> {
  const { ctx, lease, received, reporter } = options;
  reporter.enter('check');
  const failedIds = new Set([
    ...received.failed.map(({ hostPath }) => fileIdOf(hostPath) ?? ''),
    ...options.notSentEarlier,
  ]);
  const checked = await checkReceived(lease, failedIds);
  throwIfDamaged(checked, failedIds);
  const failures = named(options, checked);
  await recordNotSent(lease, checked, failedIds);
  // The last moment at which stopping leaves everything as it was.
  ctx.signal.throwIfAborted();
  reporter.enter('commit');
  const madeAt = checked.status.date ?? new Date(ctx.clock.now());
  const tookMs = Math.round(reporter.elapsedSeconds() * 1000);
  const commit = await lease.commit({ date: madeAt.getTime(), record: { tookMs } });
  return {
    encrypted: checked.manifest.encrypted,
    filesTotal: checked.files ?? commit.version.facts.files,
    commit,
    failures: failures.map(({ devicePath, text }) => ({
      path: shownDevicePath(devicePath),
      message: shownReason(text),
    })),
    check: checked.depth,
    madeAt,
  };
}

/** Kept with the backup, so that `verify` does not take them for damage later. */
async function recordNotSent(lease: StoreLease, checked: CheckedBackup, failedIds: ReadonlySet<string>): Promise<void> {
  const isAbsent = (fileId: string) =>
    lease.overlay.typeOf(fileId) === undefined && lease.overlay.typeOf(`${fileId.slice(0, 2)}/${fileId}`) === undefined;
  const notSent = [...failedIds].filter(
    (fileId) => FILE_ID.test(fileId) && checked.named?.has(fileId) !== false && isAbsent(fileId),
  );
  if (notSent.length === 0) return;
  await lease.write('Info.plist', withFilesNotSent(lease.readWhole('Info.plist', LARGE_PLIST_LIMIT), notSent.sort()));
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

/** Forgetting versions of one device: what would go and what that frees, and then doing it. */
import { onDisk } from '../../backup/disk/disk-errors.js';
import { versionsInUse } from '../../backup/lock/reading-marks.js';
import { BackupStore } from '../../backup/store.js';
import { IbkError } from '../../errors.js';
import type { ListedBackup, ListedVersion } from '../results.js';
import { type Decision, decide } from './decide.js';
import type { RetentionPolicy } from './policy.js';

export interface ForgetPlan {
  readonly backup: ListedBackup;
  readonly decisions: readonly Decision[];
  /** Computed for all that go together: what two of them share is in neither's own figure. */
  readonly freedBytes: number;
}

/** @throws IbkError `not_found`, `damaged` */
export async function planPolicy(root: string, backup: ListedBackup, policy: RetentionPolicy): Promise<ForgetPlan> {
  // An edited copy is nobody's backup of a day: it goes by its name alone.
  const made = backup.versions.filter(({ editedFrom }) => editedFrom === null);
  return planned(root, backup, decide(made, policy));
}

/** @throws IbkError `usage`: pinned; `not_found`, `damaged` */
export async function planVersions(
  root: string,
  backup: ListedBackup,
  wanted: readonly ListedVersion[],
): Promise<ForgetPlan> {
  const pinned = wanted.find((version) => version.pinned);
  if (pinned !== undefined) {
    throw new IbkError('usage', `${pinned.version ?? 'That version'} is pinned.`, {
      reason: 'pinned',
      meaning: 'Nothing was changed.',
      hint: `ibk tag ${pinned.version ?? 'VERSION'} --unpin`,
    });
  }
  const decisions = backup.versions
    .filter(({ id }) => id !== null)
    .map((version): Decision => {
      const goes = wanted.includes(version);
      return { version, action: goes ? 'forget' : 'keep', reasons: goes ? [{ kind: 'named' }] : [] };
    });
  return planned(root, backup, decisions);
}

async function planned(root: string, backup: ListedBackup, decisions: readonly Decision[]): Promise<ForgetPlan> {
  const going = goingOf(decisions);
  if (going.length === 0) return { backup, decisions, freedBytes: 0 };
  const shares = await new BackupStore(root, backup.udid).space();
  return { backup, decisions, freedBytes: shares.freedBy(going) };
}

function goingOf(decisions: readonly Decision[]): string[] {
  return decisions.flatMap(({ action, version: { id } }) => (action === 'forget' && id !== null ? [id] : []));
}

function beingRead({ version }: ListedVersion): IbkError {
  return new IbkError('in_use', `${version ?? 'That version'} is being restored from.`, {
    reason: 'being_read',
    meaning: 'Nothing was changed.',
    hint: 'Wait for the restore, then run the same line again.',
  });
}

export interface ForgetOptions {
  readonly root: string;
  readonly signal?: AbortSignal | undefined;
  /** Tests: runs before each change of the disk. */
  readonly beforeChange?: ((what: string) => void) | undefined;
}

/**
 * The oldest first; each is complete in itself, so that an interruption leaves nothing half done.
 * @returns how many went
 * @throws IbkError `in_use`, `destination`, `damaged`, the signal's reason
 */
export function forget({ backup, decisions }: ForgetPlan, options: ForgetOptions): Promise<number> {
  return onDisk(async () => {
    const going = new Set(goingOf(decisions));
    if (going.size === 0) return 0;
    const { root, beforeChange, signal } = options;
    const store = new BackupStore(root, backup.udid, { beforeChange });
    using lease = await store.lease({ command: 'forget', signal });
    // Under the lock: from here on it is decided, and a reader that comes later finds no such version.
    const read = versionsInUse(root, backup.udid);
    const wanted = backup.versions.find(({ id }) => id !== null && going.has(id) && read.has(id));
    if (wanted !== undefined) throw beingRead(wanted);
    let forgotten = 0;
    // In the order in which they are stored; the newest takes its place from the one before it.
    for (const { id } of [...store.versions()].reverse()) {
      if (!going.has(id)) continue;
      signal?.throwIfAborted();
      await lease.forget(id);
      forgotten += 1;
    }
    return forgotten;
  });
}

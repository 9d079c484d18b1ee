/**
 * One device's place under a backup root, held for writing: locked, with an interrupted commit completed and the leftovers of an interrupted run dropped.
 *
 *   await using store = await openStore(root, udid, clock);
 *   store.earlier          what the phone will build on
 *   store.incoming         the phone writes here; nothing in <root>/<UDID>/ changes
 *   await store.check()    is what arrived a backup?
 *   await store.commit()   it takes its place
 */
import { rm, stat } from 'node:fs/promises';
import { IbkError } from '../errors.js';
import type { Clock } from '../io/clock.js';
import { makePrivateFolder } from '../io/private-files.js';
import { type CheckedBackup, checkIncoming } from './check.js';
import { applyCommit, planCommit, readSealedCommit, sealCommit } from './commit.js';
import { IncomingBackup } from './incoming.js';
import { type BackupLayout, backupLayout } from './layout.js';
import { type EarlierBackup, hideLeftovers } from './leftovers.js';
import { acquireLock } from './lock.js';

export interface BackupStore extends AsyncDisposable {
  readonly layout: BackupLayout;
  readonly earlier: EarlierBackup;
  readonly incoming: IncomingBackup;
  /** @throws IbkError `damaged` */
  check(asked: ReadonlySet<string>): Promise<CheckedBackup>;
  /** @throws a system error or an IbkError; before the list is sealed the earlier backup is untouched, after it the next start completes the commit */
  commit(): Promise<void>;
  /** Gives up what was received and was not committed, and lets go of the lock. Safe to call twice. */
  close(): Promise<void>;
}

/** @throws IbkError `in_use`, `unsafe`, `destination`, or a system error such as EACCES, EROFS, ENOSPC */
export async function openStore(root: string, udid: string, clock: Clock): Promise<BackupStore> {
  const layout = backupLayout(root, udid);
  const lock = await acquireLock(layout, clock);
  try {
    await refuseOtherDisk(layout);
    const interrupted = await readSealedCommit(layout);
    if (interrupted !== undefined) await applyCommit(layout, interrupted);
    await rm(layout.commitList, { force: true });
    await rm(layout.incoming, { recursive: true, force: true });
    const incoming = await IncomingBackup.create(layout);
    const earlier = await hideLeftovers(layout, incoming);
    return storeOf(layout, incoming, earlier, lock, clock);
  } catch (error) {
    await lock.release();
    throw error;
  }
}

function storeOf(
  layout: BackupLayout,
  incoming: IncomingBackup,
  earlier: EarlierBackup,
  lock: { release(): Promise<void> },
  clock: Clock,
): BackupStore {
  let sealed = false;
  let closed = false;
  const close = async () => {
    if (closed) return;
    closed = true;
    try {
      if (!sealed) await rm(layout.incoming, { recursive: true, force: true });
    } finally {
      await lock.release();
    }
  };
  return {
    layout,
    earlier,
    incoming,
    check: (asked) => checkIncoming(incoming, asked),
    commit: async () => {
      const plan = await planCommit(incoming, earlier.leftovers, new Date(clock.now()));
      await makePrivateFolder(layout.folder);
      await sealCommit(layout, incoming, plan);
      sealed = true;
      await applyCommit(layout, plan).catch((error: unknown) => {
        throw interrupted(error);
      });
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

function interrupted(cause: unknown): IbkError {
  const why = cause instanceof Error && 'code' in cause ? ` (${String(cause.code)})` : '';
  return new IbkError('destination', `The backup is whole, but putting it in place stopped half way${why}.`, {
    reason: 'commit_interrupted',
    meaning: 'Nothing is lost: the next ibk backup to this folder completes it first.',
    hint: 'See to the disk, then run: ibk backup',
    cause,
  });
}

/** `<UDID>/` may be a link to another disk; there a commit could not rename, and copying is not what its safety rests on. */
async function refuseOtherDisk(layout: BackupLayout): Promise<void> {
  const folder = await stat(layout.folder).catch(() => undefined);
  if (folder === undefined) return;
  if (!folder.isDirectory()) {
    throw new IbkError('destination', `There is a file where the backup folder should be: ${layout.folder}.`, {
      reason: 'not_a_folder',
    });
  }
  if (folder.dev === (await stat(layout.own)).dev) return;
  throw new IbkError('destination', 'The backup folder lies on another disk than its root.', {
    reason: 'other_disk',
    hint: 'Give the other disk as the root: ibk backup -o DIR',
  });
}

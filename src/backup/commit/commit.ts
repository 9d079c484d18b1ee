/**
 * The first half of a commit: everything that may fail happens before the commit point, which is one new head record (docs/store.md 4, steps 1-4).
 * Until then nothing in the backup folder has changed but empty folders; after it the commit rolls forward, whatever happens.
 */
import { IbkError } from '../../errors.js';
import { needDirectories, readUpTo } from '../disk/file-system.js';
import type { Overlay } from '../receive/overlay.js';
import type { Catalog } from '../records/catalog.js';
import { readChangeList } from '../records/change-list.js';
import type { StoreContext } from '../records/context.js';
import { nextDelta, putHead } from '../records/head.js';
import type { ChangeCounts, Head, VersionRecord } from '../records/head-record.js';
import type { ListFolders } from '../records/list-folders.js';
import { STATUS_PLIST } from '../records/names.js';
import { compareSeals, takeSeal } from '../records/seal.js';
import { newVersion, sizesAfter } from './adopt.js';
import { writeChanges } from './changes.js';
import { finishCommit, runPending } from './recovery.js';

export interface CommitFacts {
  /** Status.plist's date, milliseconds since 1970. */
  readonly date: number;
  /** What the version is called and told of, where it comes from elsewhere. The id counts only where it is free. */
  readonly record?:
    | Partial<Pick<VersionRecord, 'id' | 'origin' | 'complete' | 'pinned' | 'tags' | 'note' | 'tookMs'>>
    | undefined;
}

export interface CommitResult {
  readonly version: VersionRecord;
  readonly counts: ChangeCounts;
  /** Received, but equal to what was there. */
  readonly unchanged: number;
}

/**
 * Makes the overlay the current backup. On return it survives any crash.
 * @throws IbkError `in_use`: another program wrote into the folder meanwhile, nothing was touched. `damaged`: no Status.plist. System errors: before the
 * commit point nothing was touched; after it the next start completes the commit.
 */
export async function commitOverlay(
  ctx: StoreContext,
  catalog: Catalog,
  head: Head,
  overlay: Overlay,
  facts: CommitFacts,
  onDecided: () => void = () => {},
): Promise<{ head: Head; result: CommitResult }> {
  // A disk that is gone looks like a folder that another program emptied.
  ctx.fence();
  if (overlay.typeOf(STATUS_PLIST) !== 'file') {
    throw new IbkError('damaged', 'The iPhone sent no Status.plist.', {
      reason: 'no_status',
      meaning: 'Nothing was changed.',
    });
  }
  checkSeal(ctx, head);
  const { ios = null, encrypted = null } = ctx.describe((name, limitBytes) => partOf(overlay, name, limitBytes));
  const empty = { ios, encrypted, files: 0, bytes: 0, metadataBytes: 0 };
  const begun = newVersion(ctx, head, facts.date, empty, facts.record);
  const list = nextDelta(head);
  const path = ctx.layout.inOwn(list);
  const out = head.current?.id ?? null;
  const written = await writeChanges(ctx, catalog, overlay, path, out, begun.id);
  const next = { ...begun, facts: { ...begun.facts, ...sizesAfter(head.current?.facts, written.counts) } };
  await makeDurable(ctx, path, written.folders);
  checkSealBeforePoint(ctx, head, written.mended);
  const { sha256: listSha256, counts } = written;
  const unsynced = ctx.durability === 'full' ? head.unsynced : { boot: ctx.boot };
  const op: Head['op'] = { t: 'commit', out, phase: 1, list, listSha256, counts, next };
  const decided = await putHead(ctx, head, { op, unsynced });
  onDecided();
  overlay.close();
  const rolled = await runPending(ctx, catalog, decided, false, written.folders);
  const done = await finishCommit(ctx, catalog, rolled);
  return {
    head: done,
    result: { version: next, counts, unchanged: written.unchanged },
  };
}

function partOf(overlay: Overlay, name: string, limitBytes: number): Buffer | undefined {
  return overlay.typeOf(name) === 'file' ? readUpTo(overlay, name, limitBytes) : undefined;
}

/** All that the list names, and the list: bytes, then names, then the folders that things will be moved to. */
async function makeDurable(ctx: StoreContext, path: string, { sources, targets }: ListFolders): Promise<void> {
  const { fs, layout } = ctx;
  if (ctx.durability === 'full' && !(await fs.syncAll(layout.own))) {
    for (const { src } of readChangeList(fs, path)) {
      if (src !== null) fs.syncFile(layout.inOwn(src));
      const turn = ctx.pause();
      if (turn !== undefined) await turn;
    }
  }
  await fs.syncDirectories([...sources, layout.inOwn('incoming'), layout.own]);
  await needDirectories(fs, targets);
}

function checkSeal(ctx: StoreContext, head: Head): void {
  const difference = compareSeals(head.seal, takeSeal(ctx));
  if (difference !== 'none' && difference !== 'numbers') throw changedMeanwhile();
}

/** Once more at the last moment; only folders that this commit made or mended itself may be new or younger. */
function checkSealBeforePoint(ctx: StoreContext, head: Head, mended: ReadonlySet<string>): void {
  const difference = compareSeals(head.seal, takeSeal(ctx));
  if (difference === 'none' || difference === 'numbers') return;
  if (difference === 'all') throw changedMeanwhile();
  for (const folder of difference) {
    if (mended.has(folder)) continue;
    const isNew = head.seal?.folders[folder] === undefined;
    if (folder !== '' && !(isNew && ctx.fs.list(ctx.layout.inFolder(folder))?.length === 0)) throw changedMeanwhile();
  }
}

function changedMeanwhile(): IbkError {
  return new IbkError('in_use', 'Another program wrote into the backup folder during this backup.', {
    reason: 'foreign_change',
    meaning: 'Nothing that was received now was kept; the folder is as the other program left it.',
    hint: 'Let the other program finish, then run the same command again.',
  });
}

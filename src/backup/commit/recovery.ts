/**
 * The start of every writing command: completes what a crash left, adopts what another program changed (docs/store.md 8).
 * Readers never repair. An error here leaves a state that the next start goes on from.
 */
import { needDirectories } from '../disk/file-system.js';
import type { Catalog } from '../records/catalog.js';
import { openCatalog, syncCatalog } from '../records/catalog-sync.js';
import type { StoreContext } from '../records/context.js';
import { headGenerations, headPath, putHead, readHead, refuseLostHead, settleHead } from '../records/head.js';
import type { Head } from '../records/head-record.js';
import type { ListFolders } from '../records/list-folders.js';
import { LEFTOVER_FOLDER } from '../records/names.js';
import { compareSeals, type SealDifference, takeSeal } from '../records/seal.js';
import { dropShadow, keepShadow } from '../records/shadow.js';
import { packManifests } from '../versions/pack-manifests.js';
import { dropIncoming, runAdopt, settleFolder } from './adopt.js';
import { setAside } from './aside.js';
import { cleanAll, dropPendingLists, hasLeftovers } from './clean.js';
import { runDrop, runPromote } from './promote.js';
import { retireVersion, runRetire, unneededBase } from './retire.js';
import { runCommit } from './run-commit.js';
import { settleUnsynced } from './unsynced.js';

/** A store that is ready to be changed: no operation pending, the folder as the catalog says. */
export interface OpenedStore {
  head: Head;
  readonly catalog: Catalog;
}

/**
 * Recovers, and returns the store with no operation pending.
 * @param keepSnapshot leaves another program's `Snapshot/` where it is, to be completed
 * @throws IbkError `damaged`: the head is lost, or a list; nothing was touched. `incompatible`: written by a newer ibk. System errors of the disk.
 */
export async function recoverStore(ctx: StoreContext, keepSnapshot = false): Promise<OpenedStore> {
  let head = await firstHead(ctx);
  await settleHead(ctx, head);
  const catalog = openCatalog(ctx);
  try {
    const crashed = head.op !== null || hasLeftovers(ctx, head);
    await syncCatalog(ctx, catalog, head);
    head = await runPending(ctx, catalog, head, true);
    if (crashed) await cleanAll(ctx, head);
    let difference = compareSeals(head.seal, takeSeal(ctx));
    // A repair that kept a Snapshot and then failed has sealed the folder with it.
    const isDifferent = difference !== 'none' || ctx.fs.stat(ctx.layout.inFolder(LEFTOVER_FOLDER)) !== undefined;
    if (isDifferent && (await setAside(ctx, keepSnapshot)).length > 0) difference = 'all';
    head = await adoptChanges(ctx, catalog, head, difference);
    while (head.unsynced !== null) {
      const settled = await settleUnsynced(ctx, catalog, head);
      if (settled.op === null) {
        head = settled;
        break;
      }
      head = await reseal(ctx, await runPending(ctx, catalog, settled, false));
    }
    for (let base = unneededBase(head); base !== undefined; base = unneededBase(head))
      head = await runPending(ctx, catalog, await retireVersion(ctx, head, base), false);
    keepShadow(ctx);
    return { head, catalog };
  } catch (error) {
    catalog.close();
    throw error;
  }
}

async function firstHead(ctx: StoreContext): Promise<Head> {
  const { fs, layout } = ctx;
  const found = readHead(fs, layout);
  if (found !== undefined) return found;
  refuseLostHead(ctx);
  await needDirectories(fs, [layout.own]);
  for (const gen of headGenerations(fs, layout)) fs.unlink(headPath(layout, gen));
  return putHead(ctx, undefined, {});
}

/**
 * Runs the pending operation, and those that it leads to, to the end.
 * @param touched by the list of that operation, where it was written just now
 */
export async function runPending(
  ctx: StoreContext,
  catalog: Catalog,
  start: Head,
  recovery: boolean,
  touched?: ListFolders,
): Promise<Head> {
  let head = start;
  let again = recovery;
  for (let { op } = head; op !== null; { op } = head) {
    if (op.t === 'commit') head = await runCommit(ctx, catalog, head, op, again, head === start ? touched : undefined);
    else if (op.t === 'adopt') head = await runAdopt(ctx, catalog, head, op, again);
    else if (op.t === 'rm') head = await runRetire(ctx, catalog, head, op);
    else if (op.t === 'promote') head = await runPromote(ctx, catalog, head, op, again);
    else if (op.t === 'drop') head = await runDrop(ctx, catalog, head);
    else {
      head = await settleFolder(ctx, catalog, head, 'all');
      again = false;
    }
  }
  return head;
}

/** Takes what differs from the seal, if anything, as a version of another program; then the seal is taken anew. */
async function adoptChanges(
  ctx: StoreContext,
  catalog: Catalog,
  start: Head,
  difference: SealDifference,
): Promise<Head> {
  if (difference === 'none') return start;
  const settled = await settleFolder(ctx, catalog, start, difference === 'numbers' ? 'all' : difference);
  const head = await runPending(ctx, catalog, settled, false);
  await cleanAll(ctx, head);
  return reseal(ctx, head);
}

export async function reseal(ctx: StoreContext, head: Head): Promise<Head> {
  dropShadow(ctx);
  const sealed = await putHead(ctx, head, { seal: takeSeal(ctx), sealedAt: ctx.now() });
  keepShadow(ctx);
  return sealed;
}

/** After a commit: what was received and dropped, the lists of the operation, foreign states that never were a backup, and what manifests take. */
export async function finishCommit(ctx: StoreContext, catalog: Catalog, start: Head): Promise<Head> {
  dropIncoming(ctx);
  dropPendingLists(ctx);
  let head = await reseal(ctx, start);
  for (const { id, complete, origin, pinned } of head.chain) {
    if (complete || origin !== 'foreign' || pinned) continue;
    head = await runPending(ctx, catalog, await retireVersion(ctx, head, id), false);
  }
  await packManifests(ctx, catalog, head);
  return head;
}

/**
 * Repairs the folder of a store. What moves up from Snapshot is received once more, and what no row names is removed, as a device would do it; the commit keeps
 * what that replaces in the version before.
 */
import { setAside, timeName } from './commit/aside.js';
import { reseal } from './commit/recovery.js';
import { makeDirectories, parentOf, systemError } from './disk/file-system.js';
import { sealedPieces } from './format/stored-bytes.js';
import type { StoreLease } from './lease.js';
import { receiveFile } from './receive/receive-file.js';
import type { StoreContext } from './records/context.js';
import type { Head } from './records/head-record.js';
import { STATUS_PLIST } from './records/names.js';
import { inSnapshot, type RepairPlan } from './repair/repair-plan.js';
import { filesToMoveUp } from './repair/snapshot.js';

/** Links, and files of no bytes, went aside when the lease was taken. @throws as `lease.commit` */
export async function repairStore(ctx: StoreContext, lease: StoreLease, plan: RepairPlan): Promise<void> {
  const isCompleted = plan.snapshot?.action === 'complete';
  const orphans = plan.orphans.paths.filter((path) => lease.overlay.typeOf(path) === 'file');
  if (!isCompleted && plan.status === null && orphans.length === 0) return;
  if (isCompleted)
    for (const path of filesToMoveUp(ctx.fs, ctx.layout.folder))
      await receive(ctx, lease, ctx.layout.inFolder(inSnapshot(path)), path);
  await keepOrphans(ctx, lease, orphans);
  for (const path of orphans) lease.overlay.remove(path);
  if (plan.status !== null) await lease.write(STATUS_PLIST, plan.status);
  await lease.commit({ date: (plan.date ?? new Date(ctx.now())).getTime() });
}

/** The rest of Snapshot goes aside, and the folder is sealed without it. */
export async function clearSnapshot(ctx: StoreContext, head: Head): Promise<Head> {
  await setAside(ctx);
  return reseal(ctx, head);
}

async function receive(ctx: StoreContext, lease: StoreLease, from: string, to: string): Promise<void> {
  const file = ctx.fs.open(from);
  if (file === undefined) throw systemError('ENOENT', from);
  try {
    // Read by itself: what the disk cannot read is a failure of the disk here, and tells of no damage.
    await receiveFile(
      lease.overlay,
      to,
      sealedPieces(async (into, at) => file.read(into, at), undefined),
    );
  } finally {
    file.close();
  }
  await lease.overlay.settle();
}

/** A version that never was a backup is forgotten with the next commit, and would take them along. */
async function keepOrphans(ctx: StoreContext, lease: StoreLease, paths: readonly string[]) {
  const { current } = lease;
  if (paths.length === 0 || current === null || current.complete || current.origin !== 'foreign') return;
  const { fs, layout } = ctx;
  const target = timeName(ctx);
  const folders = new Set<string>();
  for (const path of paths) {
    const to = `${target}/${path}`;
    makeDirectories(fs, parentOf(to));
    folders.add(parentOf(to));
    fs.copy(layout.inFolder(path), to);
    fs.syncFile(to);
  }
  await fs.syncDirectories([...folders, target, layout.inOwn('aside'), layout.own]);
}

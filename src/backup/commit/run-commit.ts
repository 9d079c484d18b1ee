/**
 * The second half of a commit: rolls the list forward, from the commit point to the new head. It is also the redo after a crash (docs/store.md 4, steps 5-7).
 *
 * Between "Status.plist leaves" and "Status.plist arrives" the folder has no Status.plist, so no program takes it for finished.
 * Every directory of the list is synced at least once after its last change, also where the work was found done: the run that did it may have been killed
 * with the change only in the cache.
 */
import { needDirectories, parentOf, readWhole } from '../disk/file-system.js';
import type { Catalog } from '../records/catalog.js';
import { applyToCatalog, CatalogChange } from '../records/catalog-change.js';
import { type ChangeLine, readChangeList, verifyChangeList } from '../records/change-list.js';
import type { StoreContext } from '../records/context.js';
import { findList } from '../records/find-list.js';
import { putHead } from '../records/head.js';
import type { ChainEntry, ChangeCounts, CommitOperation, Head, VersionRecord } from '../records/head-record.js';
import { ListFolders } from '../records/list-folders.js';
import { isMetadata, METADATA_NAMES, STATUS_PLIST } from '../records/names.js';
import { othersChanged, takeSeal } from '../records/seal.js';
import { holdsContent } from '../versions/kept-content.js';
import { bringIn, takeOut } from './apply-list.js';
import { bringAdded, type EachLine } from './bring-added.js';

/**
 * @param recovery the process that decided this is gone: whatever happened since then is looked for afterwards
 * @param touched what the list touches, where it has just been written
 */
export async function runCommit(
  ctx: StoreContext,
  catalog: Catalog,
  head: Head,
  op: CommitOperation,
  recovery: boolean,
  touched?: ListFolders,
): Promise<Head> {
  const path = findList(ctx, op);
  if (recovery) verifyChangeList(ctx.fs, path, op.listSha256);
  const work = await plan(ctx, op, path, touched);
  await needDirectories(ctx.fs, [...work.folders, ...work.outs]);
  let change = isFirstPass(op) ? CatalogChange.begin(catalog, op) : undefined;
  const onLine = (line: ChangeLine): void => {
    try {
      change?.add(line);
    } catch {
      // No room, it may be: the files come to their places all the same, and then it is tried again.
      change?.undo();
      change = undefined;
    }
  };
  try {
    const ready = op.phase === 1 ? await firstPhase(ctx, head, op, work, onLine) : head;
    await secondPhase(ctx, op, work);
    const rescan = recovery || work.taken || wereOthersHere(ctx, head, work);
    const counts = rescan ? await countLost(ctx, op, path) : op.counts;
    if (change === undefined) await applyToCatalog(ctx, catalog, op, path);
    else change.commit();
    const chain = await putListAway(ctx, ready, { ...op, counts }, path);
    return await putHead(ctx, ready, {
      op: rescan ? { t: 'rescan' } : null,
      chain,
      current: op.next,
      seal: null,
      sealedAt: 0,
    });
  } catch (error) {
    change?.undo();
    throw error;
  }
}

/**
 * The first backup of all is nearly all additions: the pass that brings them in writes the catalog, too. With earlier versions there it waits until the
 * folder is complete: a large transaction shuts out readers until its end, and without versions there is nothing to read.
 */
function isFirstPass({ phase, out, counts }: CommitOperation): boolean {
  return phase === 1 && out === null && counts.added > 0;
}

/** The new seal would take what they did for ours. */
function wereOthersHere(ctx: StoreContext, { seal }: Head, { folders }: Work): boolean {
  const { folder } = ctx.layout;
  return (
    seal !== null && othersChanged(seal, takeSeal(ctx), new Set(folders.map((path) => path.slice(folder.length + 1))))
  );
}

interface Work {
  readonly each: EachLine;
  /** Folders of U, of the outgoing version and of incoming that the list touches. */
  readonly folders: string[];
  readonly outs: string[];
  readonly sources: string[];
  readonly metadata: readonly ChangeLine[];
  readonly status: ChangeLine | undefined;
  /** Another program's file was found in the place of a new one, or an old one was not found. */
  taken: boolean;
}

async function plan(ctx: StoreContext, op: CommitOperation, path: string, noted?: ListFolders): Promise<Work> {
  const each: EachLine = async (wanted, act) => {
    for (const line of readChangeList(ctx.fs, path, op.listSha256)) {
      const acting = wanted(line) ? act(line) : undefined;
      if (acting !== undefined) await acting;
      const turn = ctx.pause();
      if (turn !== undefined) await turn;
    }
  };
  const touched = noted ?? new ListFolders(ctx.layout, op.out);
  if (noted === undefined) {
    await each(
      () => true,
      (line) => touched.add(line),
    );
  }
  const { folders, outs, sources, metadata } = touched;
  const names: readonly string[] = METADATA_NAMES;
  const order = (line: ChangeLine) => names.indexOf(line.p);
  metadata.sort((a, b) => order(a) - order(b));
  const status = metadata.find(({ p }) => p === STATUS_PLIST);
  return { each, folders: [...folders], outs: [...outs], sources: [...sources], metadata, status, taken: false };
}

async function firstPhase(
  ctx: StoreContext,
  head: Head,
  op: CommitOperation,
  work: Work,
  onLine: (line: ChangeLine) => void,
): Promise<Head> {
  const { fs, layout } = ctx;
  const { out } = op;
  // (a) U is still the old backup, with files beside it that nothing names.
  if (op.counts.added > 0 && !(await bringAdded(ctx, op, work.each, onLine))) work.taken = true;
  if (out !== null) {
    // (b) The window opens.
    if (work.status !== undefined) {
      if (!takeOut(ctx, out, work.status)) work.taken = true;
      await fs.syncDirectories([parentOf(layout.slot(out, STATUS_PLIST)), layout.folder]);
    }
    // (c) What is replaced goes out.
    if (op.counts.replaced > 0) {
      await work.each(
        (line) => line.old !== null && line.new !== null,
        (line) => {
          if (!takeOut(ctx, out, line)) work.taken = true;
        },
      );
    }
  }
  // The barrier: without it a power cut could show the new file in place and the old one nowhere.
  await fs.syncDirectories([...work.outs, ...work.folders]);
  return putHead(ctx, head, { op: { ...op, phase: 2 } });
}

function bringing(ctx: StoreContext, work: Work): (line: ChangeLine) => void {
  return (line) => {
    if (!bringIn(ctx, line)) work.taken = true;
  };
}

async function secondPhase(ctx: StoreContext, op: CommitOperation, work: Work): Promise<void> {
  const { fs, layout } = ctx;
  const bring = bringing(ctx, work);
  // The first phase has just synced them all; a redo that begins with the second cannot know.
  const isResumed = op.phase === 2;
  const [replaces, removes] = [op.counts.replaced > 0, op.counts.removed > 0];
  if (replaces) {
    await work.each((line) => line.old !== null && line.new !== null && !isMetadata(line.p), bring);
  }
  for (const line of work.metadata) if (line !== work.status) bring(line);
  await fs.syncDirectories(replaces || isResumed ? work.folders : [layout.folder]);
  // The window closes.
  if (work.status !== undefined) bring(work.status);
  await fs.syncDirectories([layout.folder]);
  const { out } = op;
  if (out !== null && removes) {
    await work.each(
      (line) => line.new === null,
      (line) => {
        if (!takeOut(ctx, out, line)) work.taken = true;
      },
    );
  }
  await fs.syncDirectories([...(removes || isResumed ? [...work.outs, ...work.folders] : []), ...work.sources]);
}

/** What another program took while the commit was under way, or between a crash and this redo of it, is lost to the outgoing version. */
async function countLost(ctx: StoreContext, op: CommitOperation, path: string): Promise<ChangeCounts> {
  const { out, counts } = op;
  if (out === null) return counts;
  let files = 0;
  for (const { p, old } of readChangeList(ctx.fs, path, op.listSha256)) {
    if (old !== null && !holdsContent(ctx, out, p)) files += 1;
    const turn = ctx.pause();
    if (turn !== undefined) await turn;
  }
  return { ...counts, lost: files === 0 ? null : { files, at: counts.lost?.at ?? ctx.now() } };
}

/** The list goes to the version it describes; the chain with that version. */
export async function putListAway(
  ctx: StoreContext,
  head: Head,
  op: Pick<CommitOperation, 'out' | 'list' | 'listSha256' | 'counts' | 'next'>,
  path: string,
): Promise<readonly ChainEntry[]> {
  const { fs, layout } = ctx;
  const { out, current } = { out: op.out, current: head.current };
  if (out === null || current === null) return head.chain;
  const folder = layout.version(out);
  const target = `${folder}/${op.list}`;
  await needDirectories(fs, [folder]);
  if (path !== target) {
    if (fs.stat(target) === undefined) fs.rename(path, target);
    else fs.unlink(path);
  }
  const { list: delta, listSha256, counts } = op;
  const entry: ChainEntry = { ...current, delta, listSha256, counts };
  describeVersion(ctx, current, op.next.id);
  await fs.syncDirectories([folder, layout.own]);
  return [...head.chain, entry];
}

/** version.json: for people, and for making a head anew when all are lost. Written once; a torn one is written again. */
export function describeVersion(ctx: StoreContext, version: VersionRecord, next: string | undefined): void {
  const { fs, layout } = ctx;
  const path = `${layout.version(version.id)}/version.json`;
  const text = Buffer.from(`${JSON.stringify({ format: 1, udid: layout.udid, ...version, next }, undefined, 2)}\n`);
  const there = fs.stat(path);
  if (there !== undefined) {
    if (there.sizeBytes === text.length && readWhole(fs, path, text.length)?.equals(text) === true) {
      fs.syncFile(path);
      return;
    }
    fs.unlink(path);
  }
  const file = fs.create(path);
  try {
    file.write([text]);
    file.sync();
  } finally {
    file.close();
  }
}

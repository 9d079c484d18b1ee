/**
 * Forgetting the newest backup: the version before it becomes whole in the folder again; a commit that runs backwards (docs/store.md 7).
 *
 * The new head is the point of no return: it names the earlier version as the current one, and what is left to be done is rolled forward. As in a commit the
 * folder has no Status.plist from the first file that is replaced to the last, and a head stands between what goes out and what comes in.
 */
import { IbkError } from '../../errors.js';
import type { FileIdentity } from '../disk/file-identity.js';
import { moved } from '../disk/file-mover.js';
import { needDirectories, parentOf } from '../disk/file-system.js';
import type { Catalog } from '../records/catalog.js';
import { listPath } from '../records/catalog-sync.js';
import { type ChangeLine, readChangeList, verifyChangeList } from '../records/change-list.js';
import type { StoreContext } from '../records/context.js';
import { putHead } from '../records/head.js';
import type { ChainEntry, Head, PromoteOperation, RetireOperation } from '../records/head-record.js';
import { isSame } from '../records/identity.js';
import {
  isHashFolder,
  isManagedName,
  isMetadata,
  MANIFEST_DB,
  METADATA_NAMES,
  STATUS_PLIST,
} from '../records/names.js';
import { othersChanged, takeSeal } from '../records/seal.js';
import { shortIdOf } from '../records/version-id.js';
import { holdsContent } from '../versions/kept-content.js';
import { unpackManifest } from '../versions/pack-manifests.js';
import { bringBack, dropFile } from './apply-list.js';

const PAGE = 200;

/**
 * Decides it. @param head one with a current version
 * @throws IbkError `damaged`: the version before it has lost files; nothing was touched
 */
export async function retireCurrent(ctx: StoreContext, head: Head): Promise<Head> {
  const { chain, current } = head;
  const previous = chain.at(-1);
  if (current === null) throw new IbkError('not_found', 'There is no backup to forget.', { reason: 'version' });
  if (current.pinned) throw new IbkError('usage', `Version ${current.id} is pinned.`, { reason: 'pinned' });
  const copy = head.edits.find(({ base }) => base === current.id);
  if (copy !== undefined)
    throw new IbkError('usage', `The edited copy ${shortIdOf(copy.id)} is based on the newest backup.`, {
      reason: 'base',
      meaning: 'Nothing was changed.',
      hint: `Forget that one first: ibk forget ${shortIdOf(copy.id)}`,
    });
  if (previous === undefined) return putHead(ctx, head, { current: null, op: { t: 'drop' }, seal: null, sealedAt: 0 });
  await makeReady(ctx, previous);
  const { delta: list, listSha256, counts: _, ...record } = previous;
  const op: PromoteOperation = { t: 'promote', out: current.id, phase: 1, list, listSha256 };
  // One that was kept for the sake of a copy only: what lies in the folder is listed.
  return putHead(ctx, head, { current: { ...record, hidden: false }, chain: chain.slice(0, -1), op });
}

/** Nothing of it is lost, and its manifest is not packed any more: from the head on only names change, for which a full disk has room. */
async function makeReady(ctx: StoreContext, previous: ChainEntry): Promise<void> {
  const { fs } = ctx;
  let manifest: { readonly at: string; readonly old: FileIdentity } | undefined;
  for (const { k, at, p, old } of readChangeList(fs, listPath(ctx, previous), previous.listSha256)) {
    const turn = ctx.pause();
    if (turn !== undefined) await turn;
    if (k === 'absent' || at === null) continue;
    if (p === MANIFEST_DB && old !== null) manifest = { at, old };
    if (holdsContent(ctx, at, p)) continue;
    throw new IbkError('damaged', 'The version before the newest has lost files: it cannot take its place.', {
      reason: 'lost',
      meaning: 'Nothing was changed.',
      hint: 'Forget that one first.',
      details: { version: previous.id, path: p },
    });
  }
  if (manifest !== undefined) await unpackManifest(ctx, manifest.at, manifest.old);
}

/** @param recovery the process that decided this is gone: whatever happened since then is looked for afterwards */
export async function runPromote(
  ctx: StoreContext,
  catalog: Catalog,
  head: Head,
  op: PromoteOperation,
  recovery: boolean,
): Promise<Head> {
  const id = head.current?.id ?? op.out;
  const path = listPath(ctx, { id, delta: op.list });
  if (recovery) verifyChangeList(ctx.fs, path, op.listSha256);
  const work = await plan(ctx, op, path);
  await needDirectories(ctx.fs, work.folders);
  const status = catalog.file(STATUS_PLIST);
  const ready = op.phase === 1 ? await firstPhase(ctx, head, op, id, work, status) : head;
  await secondPhase(ctx, id, work);
  const others = head.seal !== null && othersChanged(head.seal, takeSeal(ctx), work.names);
  await takeBackInCatalog(ctx, catalog, op, id, path);
  const retire: RetireOperation = { t: 'rm', v: id, delta: op.list, u: null, du: null };
  const rescan = recovery || work.taken || others;
  return putHead(ctx, ready, { op: rescan ? { t: 'rescan', retire } : retire, seal: null, sealedAt: 0 });
}

interface Work {
  readonly each: (act: (line: ChangeLine) => void) => Promise<void>;
  /** Folders of U that the list touches, and their names in it. */
  readonly folders: readonly string[];
  readonly names: ReadonlySet<string>;
  /** Where the earlier version's content lies. */
  readonly sources: ReadonlySet<string>;
  readonly metadata: readonly ChangeLine[];
  /** Another program's file was found. */
  taken: boolean;
}

async function plan(ctx: StoreContext, op: PromoteOperation, path: string): Promise<Work> {
  const { layout } = ctx;
  const [folders, sources] = [new Set([layout.folder]), new Set<string>()];
  const metadata: ChangeLine[] = [];
  const each: Work['each'] = async (act) => {
    for (const line of readChangeList(ctx.fs, path, op.listSha256)) {
      act(line);
      const turn = ctx.pause();
      if (turn !== undefined) await turn;
    }
  };
  await each((line) => {
    folders.add(parentOf(layout.inFolder(line.p)));
    if (line.at !== null && line.old !== null) sources.add(parentOf(layout.slot(line.at, line.p)));
    if (isMetadata(line.p)) metadata.push(line);
  });
  const names: readonly string[] = METADATA_NAMES;
  metadata.sort((a, b) => names.indexOf(a.p) - names.indexOf(b.p));
  const below = new Set([...folders].map((folder) => folder.slice(layout.folder.length + 1)));
  return { each, folders: [...folders], names: below, sources, metadata, taken: false };
}

/** @param expected what the folder should have as Status.plist, as far as that is known */
async function firstPhase(
  ctx: StoreContext,
  head: Head,
  op: PromoteOperation,
  id: string,
  work: Work,
  expected: FileIdentity | undefined,
): Promise<Head> {
  const { fs, layout } = ctx;
  // (a) U is still the newer backup, with files beside it that nothing names.
  await work.each((line) => {
    if (line.new === null && !isMetadata(line.p) && !bringBack(ctx, id, line)) work.taken = true;
  });
  // (b) The window opens.
  const own = parentOf(layout.slot(id, STATUS_PLIST));
  const status = work.metadata.find(({ p }) => p === STATUS_PLIST);
  if (status === undefined) {
    await needDirectories(fs, [own]);
    if (!keepStatus(ctx, id, expected)) work.taken = true;
  } else if (!dropFile(ctx, status)) work.taken = true;
  await fs.syncDirectories([own, layout.folder]);
  // (c) What is replaced goes.
  await work.each((line) => {
    if (line.new !== null && line.old !== null && !dropFile(ctx, line)) work.taken = true;
  });
  await fs.syncDirectories(work.folders);
  return putHead(ctx, head, { op: { ...op, phase: 2 } });
}

/** Both versions have the same one, which no list names: it waits outside the folder. False: another program's is in its place, and stays there. */
function keepStatus({ fs, layout }: StoreContext, id: string, expected: FileIdentity | undefined): boolean {
  const [place, kept] = [layout.inFolder(STATUS_PLIST), layout.slot(id, STATUS_PLIST)];
  const there = fs.stat(place);
  if (fs.stat(kept) !== undefined || there?.kind !== 'file') return true;
  if (expected !== undefined && !isSame(fs, place, there, expected)) return false;
  fs.rename(place, kept);
  return true;
}

async function secondPhase(ctx: StoreContext, id: string, work: Work): Promise<void> {
  const { fs, layout } = ctx;
  const back = (line: ChangeLine): void => {
    if (!bringBack(ctx, id, line)) work.taken = true;
  };
  await work.each((line) => {
    if (line.new !== null && !isMetadata(line.p)) back(line);
  });
  for (const line of work.metadata) {
    if (line.p === STATUS_PLIST) continue;
    if (line.old === null && !dropFile(ctx, line)) work.taken = true;
    back(line);
  }
  await fs.syncDirectories(work.folders);
  // The window closes.
  const status = work.metadata.find(({ p }) => p === STATUS_PLIST);
  if (status !== undefined) back(status);
  else if (!moved(fs, layout.slot(id, STATUS_PLIST), layout.inFolder(STATUS_PLIST))) work.taken = true;
  await fs.syncDirectories([layout.folder]);
  await work.each((line) => {
    if (line.old === null && !isMetadata(line.p) && !dropFile(ctx, line)) work.taken = true;
  });
  const mine = [...work.sources, parentOf(layout.slot(id, STATUS_PLIST))].filter((path) => fs.stat(path) !== undefined);
  await fs.syncDirectories([...mine, ...work.folders]);
}

/** One transaction: the version that is current again has no lines, and the folder holds what it has. */
async function takeBackInCatalog(
  ctx: StoreContext,
  catalog: Catalog,
  op: PromoteOperation,
  id: string,
  path: string,
): Promise<void> {
  if (catalog.current === id) return;
  await catalog.transaction(async () => {
    const row = catalog.version(id);
    if (row !== undefined) catalog.dropVersion(row.seq);
    for (const line of readChangeList(ctx.fs, path, op.listSha256)) {
      catalog.setFile(line.p, line.old);
      const turn = ctx.pause();
      if (turn !== undefined) await turn;
    }
    catalog.setMeta('cur', id);
  });
}

/** The only backup goes: Status.plist first, then all that is part of a backup. What else lies in the folder stays. */
export async function runDrop(ctx: StoreContext, catalog: Catalog, head: Head): Promise<Head> {
  const { fs, layout } = ctx;
  if (fs.stat(layout.folder)?.kind === 'directory') {
    fs.unlink(layout.inFolder(STATUS_PLIST));
    await fs.syncDirectories([layout.folder]);
    // Also what the device sent under names that are not Apple's.
    for (let after = ''; ; ) {
      const page = catalog.pathsAfter('', after, PAGE);
      for (const path of page) fs.unlink(layout.inFolder(path));
      const last = page.at(-1);
      if (last === undefined) break;
      after = last;
      await ctx.pause();
    }
    for (const { name, kind } of fs.list(layout.folder) ?? []) {
      const isFolder = kind === 'directory' && isHashFolder(name);
      for (const inner of isFolder ? (fs.list(layout.inFolder(name)) ?? []) : []) {
        if (isManagedName(`${name}/${inner.name}`)) fs.unlink(layout.inFolder(`${name}/${inner.name}`));
        const turn = ctx.pause();
        if (turn !== undefined) await turn;
      }
      if (isFolder && fs.list(layout.inFolder(name))?.length === 0) fs.removeDirectory(layout.inFolder(name));
      if (kind === 'file' && isManagedName(name)) fs.unlink(layout.inFolder(name));
    }
    await fs.syncDirectories([layout.folder]);
    if (fs.list(layout.folder)?.length === 0) fs.removeDirectory(layout.folder);
    await fs.syncDirectories(['']);
  }
  await catalog.transaction(() => catalog.clear());
  return putHead(ctx, head, { op: null });
}

/** Clears away what no record can need: only with no operation pending, and only names that the store itself makes. */
import { verifyChangeList } from '../records/change-list.js';
import type { StoreContext } from '../records/context.js';
import type { ChainEntry, Head } from '../records/head-record.js';
import { BUILDING, isDeltaName, PACKING } from '../records/layout.js';
import { isHashFolder } from '../records/names.js';
import { isVersionId } from '../records/version-id.js';
import { dropIncoming } from './adopt.js';
import { removeBuilt } from './build-version.js';

/** Did a run end in the middle, before it decided anything? */
export function hasLeftovers(ctx: StoreContext, head: Head): boolean {
  const { fs, layout } = ctx;
  if ((fs.list(layout.own) ?? []).some(({ name }) => name === 'incoming' || isDeltaName(name))) return true;
  const known = new Map([...head.chain, ...head.edits].map(({ id, delta }) => [id, delta]));
  // One look into each version's folder: a list that nobody names, or a folder that a killed run did not come to.
  return (fs.list(layout.inOwn('versions')) ?? []).some(({ name }) => {
    const inside = fs.list(layout.version(name)) ?? [];
    if (inside.length === 0 || inside.some(({ name: inner }) => inner === BUILDING || inner === PACKING)) return true;
    return inside.some((entry) =>
      entry.name === 'version.json' ? !known.has(name) : isDeltaName(entry.name) && known.get(name) !== entry.name,
    );
  });
}

export async function cleanAll(ctx: StoreContext, head: Head): Promise<void> {
  dropIncoming(ctx);
  dropPendingLists(ctx);
  const { fs, layout } = ctx;
  for (const { name, kind } of fs.list(layout.inOwn('versions')) ?? []) {
    if (kind === 'directory' && isVersionId(name)) {
      if (fs.stat(`${layout.version(name)}/${BUILDING}`) !== undefined) await endBuilding(ctx, head, name);
      cleanVersion(ctx, head, name);
    } else
      ctx.warn({
        kind: 'unknown_folder',
        message: 'There is something in the versions folder that ibk did not put there.',
      });
    const turn = ctx.pause();
    if (turn !== undefined) await turn;
  }
  for (const { name, kind } of fs.list(layout.folder) ?? []) {
    if (kind === 'directory' && isHashFolder(name) && fs.list(layout.inFolder(name))?.length === 0) {
      fs.removeDirectory(layout.inFolder(name));
    }
  }
}

/** Lists that lie in S itself: of an operation that was not decided, or that is over. */
export function dropPendingLists(ctx: StoreContext): void {
  const { fs, layout } = ctx;
  for (const { name } of fs.list(layout.own) ?? []) if (isDeltaName(name)) fs.unlink(layout.inOwn(name));
}

function cleanVersion(ctx: StoreContext, head: Head, id: string): void {
  const { fs, layout } = ctx;
  const folder = layout.version(id);
  const named = namedBy(head, id);
  const inside = fs.list(folder) ?? [];
  // With a list that stays, its description stays: both are what a head could be made from.
  const keeps = named === undefined && inside.some(({ name }) => isDeltaName(name)) && !mayDropList(ctx, head, id);
  for (const { name, kind } of inside) {
    const path = `${folder}/${name}`;
    if (kind === 'directory') removeEmptyBelow(ctx, path);
    else if (isDeltaName(name) && name !== named?.delta) {
      if (mayDropList(ctx, head, id)) fs.unlink(path);
      else
        ctx.warn({
          kind: 'list_kept',
          message: `Version ${id} has a list that its record does not name; it was kept.`,
        });
    } else if (name === PACKING) fs.unlink(path);
    else if (name === 'version.json' && named === undefined && !keeps) fs.unlink(path);
  }
  fs.removeDirectory(folder);
}

function namedBy({ chain, edits }: Head, id: string): ChainEntry | undefined {
  return [...chain, ...edits].find((entry) => entry.id === id);
}

/** A version that was being built when its run ended: the head names it, or nobody ever will. */
async function endBuilding(ctx: StoreContext, head: Head, id: string): Promise<void> {
  const { fs, layout } = ctx;
  const folder = layout.version(id);
  if (namedBy(head, id) === undefined) await removeBuilt(ctx, id);
  else fs.unlink(`${folder}/${BUILDING}`);
  await fs.syncDirectories([folder]);
}

/** A list that the head does not name: the current version has none; another's goes only where the one that counts is whole. */
function mayDropList(ctx: StoreContext, head: Head, id: string): boolean {
  if (head.current?.id === id) return true;
  const named = namedBy(head, id);
  if (named === undefined) return false;
  try {
    verifyChangeList(ctx.fs, `${ctx.layout.version(id)}/${named.delta}`, named.listSha256);
    return true;
  } catch {
    return false;
  }
}

function removeEmptyBelow(ctx: StoreContext, path: string): void {
  const { fs } = ctx;
  for (const { name, kind } of fs.list(path) ?? []) {
    if (kind === 'directory' && fs.list(`${path}/${name}`)?.length === 0) fs.removeDirectory(`${path}/${name}`);
  }
  if (fs.list(path)?.length === 0) fs.removeDirectory(path);
}

/**
 * What no version needs, and no start of ibk takes away by itself: what was set aside 30 days ago, content that no list names, names that are none of the
 * store's. What an interrupted run left goes with each start; here it is counted first.
 */
import { parentOf, removeTree } from '../disk/file-system.js';
import type { Catalog } from '../records/catalog.js';
import type { StoreContext } from '../records/context.js';
import type { Head } from '../records/head-record.js';
import { deltaGeneration, headGeneration } from '../records/layout.js';
import { MANIFEST_DB } from '../records/names.js';
import { isVersionId } from '../records/version-id.js';
import { removeEmptyFolders } from './retire.js';

const ASIDE_DAYS = 30;
const OWN_NAMES =
  /^(?:lock(?:-\w+)?|holder(?:\.\w+)*|catalog\.db(?:-\w+)?|incoming|versions|restore|reading|aside|shadow)$/;

export interface Leftovers {
  /** Things, not files: what one run left is one. */
  readonly count: number;
  readonly bytes: number;
  /** Names in the store that ibk did not put there, relative to it. */
  readonly unknown: readonly string[];
}

/** What an interrupted run left, before the next start takes it away. */
export function interruptedRuns(ctx: StoreContext, head: Head): Leftovers {
  const { fs, layout } = ctx;
  if (head.op !== null) return { count: 0, bytes: 0, unknown: [] };
  const names = (fs.list(layout.own) ?? []).map(({ name }) => name);
  const left = names.filter((name) => name === 'incoming' || deltaGeneration(name) !== undefined);
  const bytes = left.reduce((sum, name) => sum + sizeOf(ctx, layout.inOwn(name)), 0);
  return { count: left.includes('incoming') ? 1 : Math.min(1, left.length), bytes, unknown: [] };
}

/** @param act false: only looks. @param unknown names that ibk did not put there go too */
export async function pruneStore(
  ctx: StoreContext,
  catalog: Catalog,
  { act, unknown }: { readonly act: boolean; readonly unknown: boolean },
): Promise<Leftovers> {
  const old = oldAsides(ctx);
  const remnants = await findRemnants(ctx, catalog);
  const strange = strangeNames(ctx);
  const going = [...old, ...(unknown ? strange : [])].map((name) => ctx.layout.inOwn(name));
  const bytes = [...going, ...remnants].reduce((sum, path) => sum + sizeOf(ctx, path), 0);
  const count = going.length + new Set(remnants.map((path) => versionOf(ctx, path))).size;
  if (act) {
    ctx.fence();
    for (const path of going) removeAny(ctx, path);
    for (const path of remnants) ctx.fs.unlink(path);
    const folders = new Set([...remnants, ...going].map(parentOf));
    await ctx.fs.syncDirectories([...folders]);
    for (const folder of folders) removeEmptyFolders(ctx, folder);
    const aside = ctx.layout.inOwn('aside');
    if (ctx.fs.list(aside)?.length === 0) ctx.fs.removeDirectory(aside);
  }
  return { count, bytes, unknown: strange };
}

function oldAsides({ fs, layout, now }: StoreContext): string[] {
  const before = now() - ASIDE_DAYS * 86_400_000;
  return (fs.list(layout.inOwn('aside')) ?? [])
    .filter(({ name }) => setAsideAt(name) < before)
    .map(({ name }) => `aside/${name}`);
}

/** By its name: the folder's own time is that of the last prune that was stopped in it. */
function setAsideAt(name: string): number {
  const [, year, month, day] = /^(\d{4})(\d\d)(\d\d)-\d{6}(?:-\d+)?$/.exec(name)?.map(Number) ?? [];
  return year === undefined || month === undefined || day === undefined ? Infinity : Date.UTC(year, month - 1, day);
}

/** Content below `versions/` that no list names. */
async function findRemnants(ctx: StoreContext, catalog: Catalog): Promise<string[]> {
  const { fs, layout } = ctx;
  const found: string[] = [];
  for (const { name: id } of fs.list(layout.inOwn('versions')) ?? []) {
    if (!isVersionId(id)) continue;
    for (const path of filesBelow(ctx, `${layout.version(id)}/files`)) {
      const turn = ctx.pause();
      if (turn !== undefined) await turn;
      const p = path.slice(`${layout.version(id)}/files/`.length);
      if (!catalog.isStored(id, p)) found.push(path);
    }
    for (const path of filesBelow(ctx, `${layout.version(id)}/flat`))
      if (!catalog.isStored(id, path.slice(path.lastIndexOf('/') + 1))) found.push(path);
    const packed = layout.packed(id);
    if (fs.stat(packed) !== undefined && !catalog.isStored(id, MANIFEST_DB)) found.push(packed);
  }
  return found;
}

function* filesBelow(ctx: StoreContext, folder: string): Generator<string, void> {
  for (const { name, kind } of ctx.fs.list(folder) ?? []) {
    if (kind === 'directory') yield* filesBelow(ctx, `${folder}/${name}`);
    else if (kind === 'file') yield `${folder}/${name}`;
  }
}

function strangeNames({ fs, layout }: StoreContext): string[] {
  const own = (fs.list(layout.own) ?? []).map(({ name }) => name);
  const isOwn = (name: string): boolean =>
    OWN_NAMES.test(name) || headGeneration(name) !== undefined || deltaGeneration(name) !== undefined;
  const versions = (fs.list(layout.inOwn('versions')) ?? []).map(({ name }) => name);
  return [
    ...own.filter((name) => !isOwn(name)),
    ...versions.filter((name) => !isVersionId(name)).map((name) => `versions/${name}`),
  ].sort();
}

function removeAny({ fs }: StoreContext, path: string): void {
  if (fs.stat(path)?.kind === 'directory') removeTree(fs, path);
  else fs.unlink(path);
}

function sizeOf(ctx: StoreContext, path: string): number {
  const stat = ctx.fs.stat(path);
  if (stat?.kind !== 'directory') return stat?.sizeBytes ?? 0;
  return (ctx.fs.list(path) ?? []).reduce((sum, { name }) => sum + sizeOf(ctx, `${path}/${name}`), 0);
}

function versionOf({ layout }: StoreContext, path: string): string {
  return path.slice(layout.inOwn('versions/').length).split('/')[0] ?? '';
}

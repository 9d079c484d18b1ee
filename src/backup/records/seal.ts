/**
 * The seal: did another program write into the folder since ibk last looked? At most 262 stats, 2 ms.
 *
 * Every known backup program replaces Status.plist and Manifest.* and renames payloads, so a run of one always shows. What it
 * cannot show is a file changed in place, within the same size and time (docs/store.md 6).
 */
import type { StoreContext } from './context.js';
import type { Seal } from './head-record.js';
import { METADATA_NAMES } from './names.js';

export function takeSeal(ctx: StoreContext): Seal {
  const { fs, layout } = ctx;
  const folders: Record<string, number> = Object.create(null);
  const metadata: Record<string, readonly [number, number, number]> = Object.create(null);
  const top = fs.stat(layout.folder);
  if (top?.kind !== 'directory') return { folders, metadata };
  folders[''] = top.mtimeUs;
  const names = new Set<string>();
  for (const { name, kind } of fs.list(layout.folder) ?? []) {
    if (kind === 'file') names.add(name);
    if (kind !== 'directory') continue;
    const stat = fs.stat(layout.inFolder(name));
    if (stat?.kind === 'directory') folders[name] = stat.mtimeUs;
  }
  for (const name of METADATA_NAMES) {
    const stat = names.has(name) ? fs.stat(layout.inFolder(name)) : undefined;
    if (stat?.kind === 'file') metadata[name] = [stat.sizeBytes, stat.mtimeUs, stat.inode];
  }
  return { folders, metadata };
}

/** Did another program change a folder that is none of `own`, which we changed ourselves since? */
export function othersChanged(before: Seal, now: Seal, own: ReadonlySet<string>): boolean {
  const names = new Set([...Object.keys(before.folders), ...Object.keys(now.folders)]);
  return [...names].some((name) => !own.has(name) && before.folders[name] !== now.folders[name]);
}

/**
 * `none`: nothing to do. `all`: scan everything. A set: only these folders (`''`: the top) can have changed. `numbers`: all times and sizes are the same under
 * other inode numbers, as FUSE (exFAT, FAT) gives them anew at each mount and when memory is short, and as a copied disk has them.
 */
export type SealDifference = 'none' | 'numbers' | 'all' | ReadonlySet<string>;

export function compareSeals(before: Seal | null, now: Seal): SealDifference {
  if (before === null) return 'all';
  let renumbered = false;
  for (const name of METADATA_NAMES) {
    const [a, b] = [before.metadata[name], now.metadata[name]];
    if (a === undefined && b === undefined) continue;
    if (a === undefined || b === undefined || a[0] !== b[0] || a[1] !== b[1]) return 'all';
    if (a[2] !== b[2]) renumbered = true;
  }
  const changed = new Set<string>();
  for (const name of new Set([...Object.keys(before.folders), ...Object.keys(now.folders)])) {
    if (before.folders[name] !== now.folders[name]) changed.add(name);
  }
  // A program that puts another file in place changes the time of the folder too.
  if (changed.size > 0) return renumbered ? 'all' : changed;
  return renumbered ? 'numbers' : 'none';
}

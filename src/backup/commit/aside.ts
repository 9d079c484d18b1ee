/**
 * Leftovers of other tools that make the next backup fail (libimobiledevice #1544, #1582): a `Snapshot/`, property lists of no bytes,
 * a link in a file's place.
 * They are moved out of the folder into `aside/<time>/`, file by file, so that nothing of them is lost. A crash in between leaves the rest for the next start.
 */
import { makeDirectories, parentOf } from '../disk/file-system.js';
import type { StoreContext } from '../records/context.js';
import { isHashFolder, isManagedName } from '../records/names.js';

const PLISTS = ['Info.plist', 'Manifest.plist', 'Status.plist', 'Manifest.db', 'Manifest.mbdb'];

/** @returns what was set aside, as names in the folder. @param keepSnapshot it is not a leftover: its run is to be completed */
export async function setAside(ctx: StoreContext, keepSnapshot = false): Promise<readonly string[]> {
  const { fs, layout } = ctx;
  const found = PLISTS.filter((name) => {
    const stat = fs.stat(layout.inFolder(name));
    return stat?.kind === 'file' && stat.sizeBytes === 0;
  });
  found.push(...links(ctx));
  const snapshot = keepSnapshot ? [] : filesBelow(ctx, 'Snapshot');
  if (found.length === 0 && snapshot.length === 0) {
    if (!keepSnapshot) removeFolders(ctx, 'Snapshot');
    return [];
  }
  const target = timeName(ctx);
  for (const path of [...found, ...snapshot]) {
    const to = `${target}/${path}`;
    makeDirectories(fs, parentOf(to));
    fs.rename(layout.inFolder(path), to);
    const turn = ctx.pause();
    if (turn !== undefined) await turn;
  }
  if (!keepSnapshot) removeFolders(ctx, 'Snapshot');
  await fs.syncDirectories([layout.folder, target]);
  const names = [...found, ...(snapshot.length > 0 ? ['Snapshot'] : [])];
  ctx.warn({
    kind: 'set_aside',
    message: `Another program left ${names.join(', ')} in the backup folder; it is set aside.`,
  });
  return names;
}

/** Links and other things where a file of a backup should be: never followed, and in the way of the next commit. */
function links(ctx: StoreContext): string[] {
  const { fs, layout } = ctx;
  const found: string[] = [];
  for (const { name, kind } of fs.list(layout.folder) ?? []) {
    if (kind === 'other' && isManagedName(name)) found.push(name);
    if (kind !== 'directory' || !isHashFolder(name)) continue;
    for (const inner of fs.list(layout.inFolder(name)) ?? []) {
      const path = `${name}/${inner.name}`;
      if (inner.kind === 'other' && isManagedName(path)) found.push(path);
    }
  }
  return found;
}

/** A new folder in `aside/`; not made yet. */
export function timeName(ctx: StoreContext): string {
  const { fs, layout } = ctx;
  const time = new Date(ctx.now()).toISOString().slice(0, 19).replace(/[-:]/g, '').replace('T', '-');
  for (let number = 1; ; number++) {
    const path = layout.inOwn(`aside/${time}${number === 1 ? '' : `-${number}`}`);
    if (fs.stat(path) === undefined) return path;
  }
}

function filesBelow(ctx: StoreContext, folder: string): string[] {
  return (ctx.fs.list(ctx.layout.inFolder(folder)) ?? []).flatMap(({ name, kind }) => {
    const path = `${folder}/${name}`;
    if (kind === 'directory') return filesBelow(ctx, path);
    return kind === 'file' ? [path] : [];
  });
}

function removeFolders(ctx: StoreContext, folder: string): void {
  const { fs, layout } = ctx;
  const inside = fs.list(layout.inFolder(folder));
  if (inside === undefined) return;
  for (const { name, kind } of inside) if (kind === 'directory') removeFolders(ctx, `${folder}/${name}`);
  fs.removeDirectory(layout.inFolder(folder));
}

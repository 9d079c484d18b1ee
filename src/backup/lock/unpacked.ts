/**
 * `.ibk/unpacked/<nonce>/`: where an archive is unpacked that a backup is taken in from, on the disk of the root, which has to have room for it anyway. It goes
 * away with its run; what a killed run has left, the next one that writes takes away.
 */
import { lstat, mkdir, readdir, rm, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { IbkError } from '../../errors.js';
import { makePrivateFolder } from '../../io/private-files.js';
import { judgeHolder, ownHolder, readHolder } from './lock-holder.js';

const HOLDER = 'holder.json';
/** A run writes its holder.json at once: where none can be read so much later, a kill or a power cut came first. Milliseconds. */
const NO_HOLDER_FOR = 3600_000;

export interface AbandonedFolders {
  readonly count: number;
  readonly bytes: number;
}

/** @param work is given an empty folder @throws IbkError `unsafe`; system errors; what `work` throws */
export async function withUnpackedFolder<T>(root: string, work: (folder: string) => Promise<T>): Promise<T> {
  const isNew = (await lstat(root).catch(() => undefined)) === undefined;
  const own = join(root, '.ibk');
  const all = join(own, 'unpacked');
  const holder = ownHolder('ibk import', Date.now());
  const mine = join(all, holder.nonce);
  for (const folder of [own, all]) {
    await makePrivateFolder(folder);
    if (!(await lstat(folder)).isDirectory())
      throw new IbkError('unsafe', 'Refused: a link is in the place of a folder of ibk.', {
        details: { path: folder },
      });
  }
  await clearUnpacked(root);
  try {
    await makePrivateFolder(all);
    await mkdir(mine, { mode: 0o700 });
    await writeFile(join(mine, HOLDER), `${JSON.stringify(holder)}\n`, { flag: 'wx', mode: 0o600 });
    const folder = join(mine, 'archive');
    await mkdir(folder, { mode: 0o700 });
    return await work(folder);
  } finally {
    await rm(mine, { recursive: true, force: true }).catch(() => undefined);
    // Where nothing else is in them.
    for (const folder of [all, own, ...(isNew ? [root] : [])]) await rmdir(folder).catch(() => undefined);
  }
}

/** What killed runs have left. Never throws: a folder that cannot be read is looked at by whoever needs it. */
export async function abandonedFolders(root: string): Promise<AbandonedFolders> {
  let bytes = 0;
  const folders = await abandonedIn(root);
  for (const folder of folders) bytes += await bytesBelow(folder);
  return { count: folders.length, bytes };
}

/** Removes it, as far as it can. */
export async function clearUnpacked(root: string): Promise<void> {
  const folders = await abandonedIn(root);
  for (const folder of folders) await rm(folder, { recursive: true, force: true }).catch(() => undefined);
  if (folders.length > 0) await rmdir(join(root, '.ibk', 'unpacked')).catch(() => undefined);
}

async function abandonedIn(root: string): Promise<string[]> {
  const all = join(root, '.ibk', 'unpacked');
  for (const folder of [join(root, '.ibk'), all])
    if ((await lstat(folder).catch(() => undefined))?.isDirectory() !== true) return [];
  const here = ownHolder('', Date.now());
  const found: string[] = [];
  for (const name of await readdir(all).catch(() => [])) {
    const folder = join(all, name);
    const stat = await lstat(folder).catch(() => undefined);
    if (!/^[0-9a-f]{16}$/.test(name) || stat?.isDirectory() !== true) continue;
    const holder = readHolder(join(folder, HOLDER));
    const isGone =
      holder === undefined ? Date.now() - stat.mtimeMs > NO_HOLDER_FOR : judgeHolder(holder, here) === 'gone';
    if (isGone) found.push(folder);
  }
  return found;
}

async function bytesBelow(folder: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) bytes += await bytesBelow(path);
    else bytes += (await lstat(path).catch(() => undefined))?.size ?? 0;
  }
  return bytes;
}

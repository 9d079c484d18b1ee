/**
 * `.ibk/unpacked/<nonce>/`: where an archive is unpacked that a backup is taken in from, on the disk of the root, which has to have room for it anyway. It goes
 * away with its run; what a killed run has left, the next one takes away.
 */
import { lstat, mkdir, readdir, rm, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { IbkError } from '../errors.js';
import { makePrivateFolder } from '../io/private-files.js';
import { judgeHolder, ownHolder, readHolder } from './lock-holder.js';

const HOLDER = 'holder.json';

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
  await clearAbandoned(all);
  try {
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

async function clearAbandoned(all: string): Promise<void> {
  const here = ownHolder('', Date.now());
  for (const name of await readdir(all)) {
    const holder = /^[0-9a-f]{16}$/.test(name) ? readHolder(join(all, name, HOLDER)) : undefined;
    if (holder !== undefined && judgeHolder(holder, here) === 'gone')
      await rm(join(all, name), { recursive: true, force: true }).catch(() => undefined);
  }
}

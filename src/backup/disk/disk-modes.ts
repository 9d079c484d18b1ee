/** Folders of 0700 and files of 0600 under any umask, where the disk has modes. FAT, exFAT and some shares have none, or refuse the call. */
import * as fs from 'node:fs';
import { lstat } from 'node:fs/promises';

export const FOLDER_MODE = 0o700;
export const FILE_MODE = 0o600;

/** Right after it was made: the umask may have taken bits that the owner needs. @param target a path or a descriptor */
export function setMode(target: string | number, mode: number): void {
  const stat = typeof target === 'number' ? fs.fstatSync(target) : fs.lstatSync(target);
  if ((stat.mode & 0o777) === mode) return;
  try {
    if (typeof target === 'number') fs.fchmodSync(target, mode);
    else fs.chmodSync(target, mode);
  } catch {
    // A disk without modes: it is said once, by whoever opens the store.
  }
}

/** May other users of this computer look into a folder that was made for its owner alone? Never throws. */
export async function isOpenToOthers(folder: string): Promise<boolean> {
  const stat = await lstat(folder).catch(() => undefined);
  return stat !== undefined && (stat.mode & 0o077) !== 0;
}

/** The place of a store on the disks of this computer: one disk for all of it, and the same disk from the beginning of a run to its end. */
import { lstatSync } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { IbkError } from '../../errors.js';

/** The number of the disk that a folder lies on. @throws a system error */
export async function diskOf(folder: string): Promise<number> {
  return (await lstat(folder)).dev;
}

/** Is it still there, and on that disk? Pulled out or unmounted, the mount point shows what lies beneath it, or is gone itself. */
export function isOnDisk(folder: string, device: number): boolean {
  return lstatSync(folder, { throwIfNoEntry: false })?.dev === device;
}

/**
 * A commit renames between the two. `<UDID>/` may be another disk's mount point, or a file. A link is refused by the file system itself.
 * @param device the disk of the store's own folder
 * @throws IbkError `destination`
 */
export async function refuseOtherDisk(folder: string, device: number): Promise<void> {
  const there = await lstat(folder).catch(() => undefined);
  if (there === undefined || there.isSymbolicLink()) return;
  if (!there.isDirectory()) {
    throw new IbkError('destination', `There is a file where the backup folder should be: ${folder}.`, {
      reason: 'not_a_folder',
      hint: 'Move it away, or choose another folder: ibk backup -o DIR',
    });
  }
  if (there.dev === device) return;
  throw new IbkError('destination', 'The backup folder lies on another disk than its root.', {
    reason: 'other_disk',
    hint: 'Give the other disk as the root: ibk backup -o DIR',
  });
}

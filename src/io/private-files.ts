/** Folders of 0700 and files of 0600 under any umask, and the syncs that make names last. */
import { randomBytes } from 'node:crypto';
import { chmod, type FileHandle, lstat, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { codeOf } from './system-code.js';

/** Makes a folder and its missing parents, each 0700; an existing folder (or a link to one) is left as it is. */
export function makePrivateFolder(path: string): Promise<void> {
  return makeFolder(path, true);
}

/** @param withParents false once they are there: some file systems (/proc) answer ENOENT all the same, again and again */
async function makeFolder(path: string, withParents: boolean): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    const name = codeOf(error);
    if (withParents && name === 'ENOENT' && dirname(path) !== path) {
      await makeFolder(dirname(path), true);
      return makeFolder(path, false);
    }
    if (name === 'EEXIST' && (await stat(path)).isDirectory()) return;
    throw error;
  }
  // A umask such as 0777 would lock us out of our own folder. Where the disk has no modes (exFAT, some shares) it stays as it is.
  if (((await lstat(path)).mode & 0o777) !== 0o700) await chmod(path, 0o700).catch(() => undefined);
}

/** Writes a file of 0600 in one step: readers see the old content or the new, also after a power cut. */
export async function writePrivateFile(path: string, content: Buffer | string): Promise<void> {
  const temporary = join(dirname(path), `.${randomBytes(6).toString('hex')}.tmp`);
  try {
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.chmod(0o600).catch(() => undefined);
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(dirname(path));
}

const CANNOT_SYNC: ReadonlySet<string | undefined> = new Set([
  'EPERM',
  'EISDIR',
  'EINVAL',
  'EBADF',
  'ENOTSUP',
  'EACCES',
]);

/** Makes the names in a folder last. Windows and some shares cannot: there it rests on the order of the writes. */
export async function syncFolder(path: string): Promise<void> {
  let folder: FileHandle | undefined;
  try {
    folder = await open(path, 'r');
    await folder.sync();
  } catch (error) {
    if (!CANNOT_SYNC.has(codeOf(error))) throw error;
  } finally {
    await folder?.close();
  }
}

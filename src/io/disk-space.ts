/** What a disk can still take. */
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Bytes that this user can still write where `path` is, or will be: `bavail × bsize` of the nearest parent that exists.
 * @throws the system's error when not even the root can be asked
 */
export async function freeBytes(path: string): Promise<number> {
  for (let folder = path; ; folder = dirname(folder)) {
    try {
      const disk = await statfs(folder, { bigint: true });
      return Number(disk.bavail * disk.bsize);
    } catch (error) {
      const missing =
        error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
      if (!missing || dirname(folder) === folder) throw error;
    }
  }
}

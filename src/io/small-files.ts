/** Files of known, small size, such as property lists that other programs wrote. */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

/** A named pipe would hold up the open, and with it the end of the process. Windows has no such flag, and no such pipes. */
const READ = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

/** The content; undefined for what is absent, unreadable, empty, no regular file, or larger than `maxBytes`. Never throws. */
export async function readSmallFile(path: string, maxBytes: number): Promise<Buffer | undefined> {
  try {
    await using file = await open(path, READ);
    const stat = await file.stat();
    if (!stat.isFile() || stat.size === 0 || stat.size > maxBytes) return undefined;
    return await file.readFile();
  } catch {
    return undefined;
  }
}

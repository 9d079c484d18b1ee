/** A folder in memory for one run of the tests, by the process that runs them all. */
import { mkdirSync, readFileSync, rmSync, statfsSync } from 'node:fs';

const MEMORY = '/dev/shm';
/** Programs can be started from there. */
const USABLE = new RegExp(`^\\S+ ${MEMORY} tmpfs (?!\\S*noexec)`, 'm');
/** Ten times what all tests together need. */
const ROOM_BYTES = 2 * 1024 ** 3;

const folderOf = (run: number) => `${MEMORY}/ibk-test-${run}`;

/** Undefined where there is no such place, or no room. */
export function memoryPlace(run: number): string | undefined {
  try {
    const { bavail, bsize } = statfsSync(MEMORY);
    if (!USABLE.test(readFileSync('/proc/self/mounts', 'utf8')) || bavail * bsize < ROOM_BYTES) return undefined;
    mkdirSync(folderOf(run), { recursive: true });
    return folderOf(run);
  } catch {
    return undefined;
  }
}

export function removeMemoryPlace(run: number): void {
  rmSync(folderOf(run), { recursive: true, force: true });
}

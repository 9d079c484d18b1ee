/**
 * For tests of a crash: ends this process at the nth change of the disk, as `kill -9` does. To whoever sets the variable by accident it does what a
 * power cut does: this run is lost, and nothing else.
 */
import { kill, pid } from 'node:process';

/** The name of the environment variable that holds n. */
export const KILL_POINT_VARIABLE = 'IBK_TEST_KILL_AT';

/** A hook for `DiskFileSystem`; nothing when the variable is unset. */
export function killPoint(value: string | undefined): ((what: string) => void) | undefined {
  const at = Number(value);
  if (value === undefined || !Number.isSafeInteger(at) || at < 1) return undefined;
  let count = 0;
  return () => {
    count += 1;
    if (count >= at) kill(pid, 'SIGKILL');
  };
}

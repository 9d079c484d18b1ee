/**
 * Everything of a disk at once: coreutils' `sync -f` is syncfs(2), which Node does not offer. 20,000 small files take 0.25 s, against 1.2 s one by one.
 *
 * A system waits for seconds, or for gigabytes, before it writes anything by itself: what is received meanwhile would all be left for the commit. `begin` has
 * it written while more arrives.
 *
 * Linux tells a failed write of a disk once, to whoever asks first, and nobody who comes later. So a failure is kept, for every backup of this process that was
 * under way: another device's sync may have been told of this one's files.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { statSync } from 'node:fs';
import { systemError } from './file-system.js';

type Outcome = 'done' | 'failed' | 'never ran';

interface Sync {
  readonly program: ChildProcess | undefined;
  readonly outcome: Promise<Outcome>;
}

/** Of this process: the one sync that runs on a disk (`st_dev`), and the disks of those that failed, in their order. */
const running = new Map<number, Sync>();
const failed: number[] = [];

/** Linux only. For one use of a store: it answers for what was written since it was made. */
export class DiskSync {
  readonly #since = failed.length;

  /** Returns at once, and promises nothing. It keeps no program from ending. Where one runs already, no other is begun. */
  begin(path: string): void {
    const disk = diskOf(path);
    if (disk !== undefined && !running.has(disk)) start(disk, path).program?.unref();
  }

  /**
   * True when all that was written to the disk of `path` before is durable; false where that is not known: each file can be synced by itself then.
   * @throws EIO when something could not be written, to any file of the disk
   */
  async all(path: string): Promise<boolean> {
    const disk = diskOf(path);
    if (disk === undefined) return false;
    const works = await afterOthers(disk, path);
    const failures = failed.slice(this.#since);
    // One that works now or the next time tells that a write had failed before; one that never works tells nothing.
    if (failures.includes(disk) && (works || (await afterOthers(disk, path)))) throw systemError('EIO', path);
    // Another number may be the same disk: subvolumes of btrfs have one each.
    return works && failures.length === 0;
  }
}

async function afterOthers(disk: number, path: string): Promise<boolean> {
  for (let other = running.get(disk); other !== undefined; other = running.get(disk)) {
    other.program?.ref();
    await other.outcome;
  }
  return (await start(disk, path).outcome) === 'done';
}

function start(disk: number, path: string): Sync {
  let program: ChildProcess | undefined;
  const ended = new Promise<Outcome>((resolve) => {
    // In a group of its own: Ctrl-C is for ibk, which may let a commit finish.
    program = spawn('sync', ['-f', path], { env: {}, stdio: 'ignore', detached: true });
    program.once('error', () => resolve('never ran')).once('close', (code) => resolve(code === 0 ? 'done' : 'failed'));
  });
  // Without memory for another program `spawn` throws.
  const outcome = ended
    .catch((): Outcome => 'never ran')
    .then((how) => {
      running.delete(disk);
      if (how === 'failed') failed.push(disk);
      return how;
    });
  const sync = { program, outcome };
  running.set(disk, sync);
  return sync;
}

function diskOf(path: string): number | undefined {
  try {
    return statSync(path).dev;
  } catch {
    return undefined;
  }
}

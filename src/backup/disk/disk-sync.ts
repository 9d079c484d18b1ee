/**
 * Everything of a disk at once. A system waits for seconds, or for gigabytes, before it writes anything by itself: what is received meanwhile would all be left
 * for the commit. An early sync has it written while more arrives.
 *
 * Linux tells a failed write of a disk once, to whoever asks first, and nobody who comes later. So a failure is kept, for every backup of this process that was
 * under way: another device's sync may have been told of this one's files.
 */
import { statSync } from 'node:fs';
import { type EarlySync, systemError } from './file-system.js';
import { type Outcome, SyncProgram } from './sync-program.js';

interface Running {
  readonly program: SyncProgram;
  readonly outcome: Promise<Outcome>;
}

/** Of this process: the one sync that runs on a disk (`st_dev`), and the disks of those that failed, in their order; nothing for one that may have. */
const running = new Map<number, Running>();
const failed: (number | undefined)[] = [];

/** Linux only. For one use of a store: it answers for what was written since it was made. */
export class DiskSync {
  readonly #since = failed.length;

  /** Of the disk of `path`. Where one runs already, no other is begun. */
  early(path: string): EarlySync {
    let program: SyncProgram | undefined;
    return {
      begin: () => {
        const disk = diskOf(path);
        if (disk === undefined || running.has(disk)) return;
        program ??= new SyncProgram(path);
        run(disk, program);
      },
      close: () => {
        program?.close();
        program = undefined;
      },
    };
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
    // Another number may be the same disk: subvolumes of btrfs have one each. And each file is told of its own failure.
    return works && failures.length === 0;
  }
}

async function afterOthers(disk: number, path: string): Promise<boolean> {
  for (let other = running.get(disk); other !== undefined; other = running.get(disk)) {
    other.program.hold();
    await other.outcome;
  }
  const program = new SyncProgram(path);
  const outcome = run(disk, program);
  program.hold();
  program.close();
  return (await outcome) === 'done';
}

function run(disk: number, program: SyncProgram): Promise<Outcome> {
  const outcome = program.run().then((how) => {
    running.delete(disk);
    if (how === 'failed') failed.push(disk);
    if (how === 'lost') failed.push(undefined);
    return how;
  });
  running.set(disk, { program, outcome });
  return outcome;
}

function diskOf(path: string): number | undefined {
  try {
    return statSync(path).dev;
  } catch {
    return undefined;
  }
}

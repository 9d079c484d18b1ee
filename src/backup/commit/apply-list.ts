/**
 * Redo of one line of a commit's list. Each step looks at what is there first, so that it may be repeated after any crash.
 *
 * | step  | state found                            | action                                             |
 * |-------|----------------------------------------|----------------------------------------------------|
 * | out p | target exists, U/p is the old file     | unlink U/p (a power cut left both names)           |
 * |       | target exists                          | done                                               |
 * |       | U/p is the old file                    | rename                                             |
 * |       | U/p missing or another file            | leave it: another program's. The line reads as lost |
 * | in p  | no blob                                | done                                               |
 * |       | blob, no U/p                           | rename                                             |
 * |       | both, the same                         | unlink the blob                                    |
 * |       | both, different                        | leave both: another program's. The scan rescues the blob |
 *
 * Of a promotion, where the newest backup is forgotten and the one before it becomes whole in the folder again:
 *
 * | step   | state found                             | action                                              |
 * |--------|-----------------------------------------|-----------------------------------------------------|
 * | drop p | U/p is the newer file                   | unlink                                              |
 * |        | U/p missing                             | done                                                |
 * |        | another file                            | leave it: another program's                         |
 * | back p | not in its version's place              | done                                                |
 * |        | there, no U/p                           | rename                                              |
 * |        | both, the same                          | unlink that of the version                          |
 * |        | both, different                         | leave both: another program's; the scan finds it    |
 */
import { moved } from '../disk/file-mover.js';
import { makeDirectories, parentOf } from '../disk/file-system.js';
import type { ChangeLine } from '../records/change-list.js';
import type { StoreContext } from '../records/context.js';
import { isExactly, isSame } from '../records/identity.js';

/** Puts the old content of a replaced or removed file into the outgoing version. False: it is not there any more. */
export function takeOut(ctx: StoreContext, out: string, line: ChangeLine): boolean {
  if (line.old === null) return true;
  const { fs, layout } = ctx;
  const place = layout.inFolder(line.p);
  const target = layout.slot(out, line.p);
  const there = fs.stat(place);
  if (there === undefined) return fs.stat(target) !== undefined;
  if (fs.stat(target) !== undefined) {
    // Exactly: another program's file with the same bytes stays.
    if (isExactly(there, line.old)) fs.unlink(place);
    return true;
  }
  if (!isSame(fs, place, there, line.old)) return false;
  fs.rename(place, target);
  return true;
}

/** Puts the new content of an added or replaced file into the folder. False: another program's file is in its place. */
export function bringIn(ctx: StoreContext, line: ChangeLine): boolean {
  if (line.src === null || line.new === null) return true;
  const { fs, layout } = ctx;
  const place = layout.inFolder(line.p);
  const blob = layout.inOwn(line.src);
  // The rename itself finds out what is there: for nearly every file it is the only look.
  if (moved(fs, blob, place)) return true;
  const received = fs.stat(blob);
  if (received?.kind !== 'file') return true;
  const there = fs.stat(place);
  if (isSame(fs, place, there, line.new) && isSame(fs, blob, received, line.new)) fs.unlink(blob);
  else return false;
  return true;
}

/** Takes the newer version's file out of the folder for good. False: another program's file is in its place. */
export function dropFile(ctx: StoreContext, line: ChangeLine): boolean {
  if (line.new === null) return true;
  const { fs, layout } = ctx;
  const place = layout.inFolder(line.p);
  const there = fs.stat(place);
  if (there === undefined) return true;
  if (!isSame(fs, place, there, line.new)) return false;
  fs.unlink(place);
  return true;
}

/**
 * Puts what an earlier version kept back into the folder. False: another program's file is in its place; then the content lies under `id`, to which the
 * scan looks for it.
 */
export function bringBack(ctx: StoreContext, id: string, line: ChangeLine): boolean {
  if (line.old === null || line.at === null) return true;
  const { fs, layout } = ctx;
  const place = layout.inFolder(line.p);
  const kept = layout.slot(line.at, line.p);
  if (moved(fs, kept, place)) return true;
  const [stat, there] = [fs.stat(kept), fs.stat(place)];
  if (stat?.kind !== 'file') return true;
  if (isSame(fs, place, there, line.old) && isSame(fs, kept, stat, line.old)) {
    fs.unlink(kept);
    return true;
  }
  const own = layout.slot(id, line.p);
  if (own !== kept && fs.stat(own) === undefined) {
    makeDirectories(fs, parentOf(own));
    fs.rename(kept, own);
  }
  return false;
}

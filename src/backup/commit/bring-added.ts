/** The first pass over a commit's list: what is added goes into the folder, many files at a time, while the list goes on being read. */
import type { ChangeLine } from '../records/change-list.js';
import type { StoreContext } from '../records/context.js';
import type { CommitOperation } from '../records/head-record.js';
import { isMetadata } from '../records/names.js';
import { bringIn } from './apply-list.js';

const BATCH_LINES = 512;
/** Batches that may wait for the disk: what they hold stays small. */
const UNDER_WAY = 2;

/** One pass over the list: `act` with each line that is `wanted`; a promise is waited for before the next. */
export type EachLine = (
  wanted: (line: ChangeLine) => boolean,
  act: (line: ChangeLine) => Promise<void> | undefined | void,
) => Promise<void>;

/**
 * When it returns or throws, nothing is moved any more.
 * @param onLine is shown every line of the list
 * @returns false: another program's file was found in the place of one
 */
export async function bringAdded(
  ctx: StoreContext,
  op: CommitOperation,
  each: EachLine,
  onLine: (line: ChangeLine) => void,
): Promise<boolean> {
  const { fs, layout } = ctx;
  const mover = fs.fileMover(op.counts.added);
  let isFree = true;
  const bring = async (lines: readonly ChangeLine[]): Promise<void> => {
    const moves = lines.map(({ p, src }) => ({ from: layout.inOwn(src ?? ''), to: layout.inFolder(p) }));
    const areMoved = await mover.moveAll(moves);
    lines.forEach((line, at) => {
      if (areMoved[at] !== true && !bringIn(ctx, line)) isFree = false;
    });
  };
  const underWay: Promise<void>[] = [];
  const begin = (lines: readonly ChangeLine[]): Promise<void> | undefined => {
    const brought = bring(lines);
    // Told to whoever waits for it, which may be later.
    brought.catch(() => {});
    underWay.push(brought);
    return underWay.length < UNDER_WAY ? undefined : underWay.shift();
  };
  try {
    let batch: ChangeLine[] = [];
    const all = () => true;
    await each(all, (line) => {
      onLine(line);
      if (!isAdded(line)) return undefined;
      batch.push(line);
      if (batch.length < BATCH_LINES) return undefined;
      const full = batch;
      batch = [];
      return begin(full);
    });
    await begin(batch);
    await Promise.all(underWay);
    return isFree;
  } finally {
    await Promise.allSettled(underWay);
    mover.close();
  }
}

function isAdded({ p, src, old, new: next }: ChangeLine): boolean {
  return old === null && next !== null && src !== null && !isMetadata(p);
}

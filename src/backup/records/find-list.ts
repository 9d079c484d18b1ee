/** Where the list of a pending operation lies: in S, or already with the version it describes. */
import { IbkError } from '../../errors.js';
import type { StoreContext } from './context.js';
import type { AdoptOperation, CommitOperation } from './head-record.js';

/** @throws IbkError `damaged`: it is gone, which no crash can do. Nothing is touched then. */
export function findList(ctx: StoreContext, op: CommitOperation | AdoptOperation): string {
  const { fs, layout } = ctx;
  const places = [layout.inOwn(op.list), ...(op.out === null ? [] : [`${layout.version(op.out)}/${op.list}`])];
  const found = places.find((place) => fs.stat(place)?.kind === 'file');
  if (found !== undefined) return found;
  throw new IbkError('damaged', 'The list of the operation that was under way is missing.', {
    reason: 'change_list',
    meaning: 'Nothing was touched.',
    hint: 'ibk doctor',
    details: { list: op.list },
  });
}

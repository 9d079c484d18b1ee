/**
 * What differs between two backups: both read in the order of their fileIDs and merged, so that neither is ever in memory. A file is one by its domain
 * and path; it has changed when its content, size, date, mode or kind differ, or the target of a link. Folders are not told of.
 */
import type { FileRecord } from '../../backup/reader/types.js';
import type { FileFacts } from '../list-files.js';
import type { Selection } from '../selection/selection.js';
import { type ComparedFile, inOrder } from './in-order.js';
import type { BackupPair } from './pair.js';

export type Change = 'added' | 'changed' | 'removed';

/** `before`, `after`: null where it is not there, or its record is damaged. */
export interface Difference {
  readonly change: Change;
  readonly domain: string;
  readonly path: string;
  readonly kind: FileRecord['kind'];
  readonly before: FileFacts | null;
  readonly after: FileFacts | null;
}

export interface DifferencesOptions {
  readonly from: Selection;
  readonly to: Selection;
  readonly signal?: AbortSignal | undefined;
}

/** In the order of fileIDs. @throws IbkError as `records` */
export async function* differences(
  pair: BackupPair,
  { from, to, signal }: DifferencesOptions,
): AsyncGenerator<Difference, void> {
  const left = inOrder(pair.from, from, signal);
  const right = inOrder(pair.to, to, signal);
  try {
    let [a, b] = [await next(left), await next(right)];
    while (a !== undefined || b !== undefined) {
      if (a !== undefined && a.fileId === b?.fileId) {
        yield* compared(a, b, pair);
        [a, b] = [await next(left), await next(right)];
      } else if (a !== undefined && (b === undefined || a.fileId < b.fileId)) {
        yield alone('removed', a);
        a = await next(left);
      } else if (b !== undefined) {
        yield alone('added', b);
        b = await next(right);
      }
    }
  } finally {
    await left.return();
    await right.return();
  }
}

async function next(files: AsyncGenerator<ComparedFile, void>): Promise<ComparedFile | undefined> {
  const step = await files.next();
  return step.done === true ? undefined : step.value;
}

function* compared(a: ComparedFile, b: ComparedFile, { hasChanged }: BackupPair): Generator<Difference, void> {
  const { fileId, domain, path, kind } = b;
  if (a.domain !== domain || a.path !== path) {
    yield alone('removed', a);
    yield alone('added', b);
    return;
  }
  // Where iOS 10 and later keep the content; a store whose backups are older tells by facts and digests alone.
  if (isAlike(a, b) && (kind !== 'file' || hasChanged(`${fileId.slice(0, 2)}/${fileId}`) !== true)) return;
  yield { change: 'changed', domain, path, kind, before: a.facts(), after: b.facts() };
}

function isAlike(a: ComparedFile, b: ComparedFile): boolean {
  if (a.record !== undefined && b.record !== undefined && a.record.isLike?.(b.record) === true) return true;
  return a.kind === b.kind && sameFacts(a.facts(), b.facts()) && sameDigest(a.digest(), b.digest());
}

function sameFacts(a: FileFacts | null, b: FileFacts | null): boolean {
  if (a === null || b === null) return a === b;
  return a.bytes === b.bytes && a.mtime === b.mtime && a.mode === b.mode && a.target === b.target;
}

function sameDigest(a: string | null, b: string | null): boolean {
  return a === null || b === null || a.length !== b.length || a === b;
}

function alone(change: 'added' | 'removed', file: ComparedFile): Difference {
  const { domain, path, kind } = file;
  const [before, after] = change === 'added' ? [null, file.facts()] : [file.facts(), null];
  return { change, domain, path, kind, before, after };
}

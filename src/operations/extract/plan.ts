/** Looks at what was chosen before anything is written: how much it is, and whether it is a single file. */
import type { FileRecord } from '../../backup/reader/types.js';
import { IbkError } from '../../errors.js';
import { staysInside } from '../../output/link-target.js';
import { NameTree } from '../../output/name-tree.js';
import type { ExtractOptions, ExtractSource } from './extract.js';
import { linkPlace, placeOf } from './layout.js';

export interface Plan {
  readonly files: number;
  readonly links: number;
  /** As the device told them. */
  readonly bytes: number;
  /** Where there is only one. */
  readonly only: FileRecord | undefined;
  /** The records themselves, where they are few enough to be kept: they need not be read again. */
  readonly kept: readonly FileRecord[] | undefined;
}

/** About a kilobyte each. */
const MOST_KEPT = 60_000;

/** @throws IbkError `damaged` (manifest), the signal's reason */
export async function planExtraction(source: ExtractSource, signal?: AbortSignal): Promise<Plan> {
  let [files, links, bytes] = [0, 0, 0];
  let only: FileRecord | undefined;
  let kept: FileRecord[] | undefined = [];
  for await (const page of source.records(signal)) {
    for (const record of page) {
      if (record.kind === 'symlink') links++;
      if (record.kind !== 'file') continue;
      files++;
      only = files === 1 ? record : undefined;
      bytes += sizeOf(record);
    }
    if (kept !== undefined && kept.length + page.length <= MOST_KEPT) kept.push(...page);
    else kept = undefined;
  }
  return { files, links, bytes, only, kept };
}

function sizeOf(record: FileRecord): number {
  try {
    return record.details().sizeBytes;
  } catch (error) {
    // It is listed when its turn comes.
    if (error instanceof IbkError) return 0;
    throw error;
  }
}

/** The same records again, from memory. */
export function keptSource(source: ExtractSource, { kept }: Plan): ExtractSource {
  if (kept === undefined) return source;
  return {
    ...source,
    async *records() {
      yield kept;
    },
  };
}

/** What would get another name, and what would be refused, as far as that can be told without writing. */
export async function rehearse(
  source: ExtractSource,
  options: ExtractOptions,
): Promise<{ readonly renamed: number; readonly skipped: number }> {
  let [renamed, skipped] = [0, 0];
  const names = new NameTree(options.place, options.names, () => renamed++);
  for await (const page of source.records(options.signal)) {
    for (const record of page) {
      const parts = placeOf(record, options);
      if (parts === undefined) continue;
      const placed = typeof parts === 'string' ? undefined : give(names, record, parts);
      if (placed === undefined || leaves(record, parts, options)) skipped++;
      else if (record.kind !== 'directory' && placed.renamed) renamed++;
    }
  }
  return { renamed, skipped };
}

function give(names: NameTree, { kind }: FileRecord, parts: readonly string[]) {
  return kind === 'directory' ? names.folder(parts) : names.file(parts);
}

function leaves(record: FileRecord, parts: readonly string[] | string, options: ExtractOptions): boolean {
  if (record.kind !== 'symlink' || typeof parts === 'string') return false;
  const target = record.details().target ?? '';
  return linkPlace(record, target, options) === undefined && !staysInside(parts.slice(0, -1), target);
}

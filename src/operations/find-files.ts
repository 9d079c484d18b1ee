/** `ibk find`: files by name, size and date, in one backup or in the newest of each device. */
import type { OpenedBackup } from '../backup/reader/types.js';
import { listFiles, type ListedFile } from './list-files.js';
import { appsOf } from './selection/records.js';
import { type SelectionOptions, select } from './selection/selection.js';

export interface FindOptions {
  /** The pattern among its paths or as its expression; `exact`, since a name stands for what it names. */
  readonly selection: SelectionOptions;
  readonly directories?: boolean | undefined;
  /** Inclusive, in bytes. What has no size is in no range. */
  readonly size?: { readonly least: number; readonly most: number } | undefined;
  /** Changed at or after this, and before that: Unix milliseconds. What has no date is neither. */
  readonly newerThan?: number | undefined;
  readonly olderThan?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** In pages, with their facts. @throws IbkError as `listFiles` */
export async function* findFiles(
  backup: OpenedBackup,
  options: FindOptions,
): AsyncGenerator<readonly ListedFile[], void> {
  const { directories, signal } = options;
  const selection = select(options.selection, appsOf(backup));
  for await (const page of listFiles(backup, { selection, directories, facts: true, signal }))
    yield page.filter((file) => isWanted(file, options));
}

function isWanted({ facts }: ListedFile, { size, newerThan, olderThan }: FindOptions): boolean {
  const bytes = facts?.bytes ?? null;
  const mtime = facts?.mtime ?? null;
  if (size !== undefined && (bytes === null || bytes < size.least || bytes > size.most)) return false;
  if (newerThan === undefined && olderThan === undefined) return true;
  if (mtime === null) return false;
  const changed = mtime * 1000;
  return (newerThan === undefined || changed >= newerThan) && (olderThan === undefined || changed < olderThan);
}

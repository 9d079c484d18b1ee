/** BACKUP and SEL as they stand on a command line: two words, or one, joined by `:` (`latest:HomeDomain`). */
import { IbkError } from '../errors.js';
import { type ChosenBackup, type ChoosingOptions, chooseVersion, isPath } from './choose-backups.js';
import { listBackups } from './list-backups.js';
import type { BackupListing } from './results.js';
import { looksLikeSelection } from './selection/selection.js';

export interface BackupWordOptions extends Omit<ChoosingOptions, 'word'> {
  readonly root: string;
  /** BACKUP and what follows it; none is `latest`. */
  readonly words: readonly string[];
  readonly signal?: AbortSignal | undefined;
}

export interface ChosenFiles {
  readonly chosen: ChosenBackup;
  /** BACKUP as a person can type it again. */
  readonly word: string;
  /** SEL, as typed. */
  readonly selection: readonly string[];
}

/** @throws IbkError as `chooseVersion`; `not_found` when there is no root and no path was given */
export async function chooseBackup(options: BackupWordOptions): Promise<ChosenFiles> {
  const [word, ...selection] = options.words;
  if (word === undefined) return { chosen: await choose(options, undefined), word: 'latest', selection };
  const splits = splitsOf(word);
  for (const [backup, rest] of splits.slice(0, -1)) {
    const chosen = await choose(options, backup).catch(unlessNotFound);
    if (chosen !== undefined) return { chosen, word: backup, selection: [...rest, ...selection] };
  }
  const [last = word, rest = []] = splits.at(-1) ?? [];
  try {
    return { chosen: await choose(options, last), word: last, selection: [...rest, ...selection] };
  } catch (error) {
    // `ibk extract type:photos`: no BACKUP, and what looks like files is no backup's name.
    unlessNotFound(error);
    if (selection.length > 0 || !looksLikeSelection(word)) throw error;
    return { chosen: await choose(options, undefined), word: 'latest', selection: [word] };
  }
}

/** Where BACKUP may end, the longest first. A letter in front of a colon is a drive. */
function splitsOf(word: string): (readonly [backup: string, selection: readonly string[]])[] {
  const splits: [string, string[]][] = [[word, []]];
  for (let at = word.lastIndexOf(':'); at > 0; at = word.lastIndexOf(':', at - 1)) {
    const isDrive = at === 1 && /^[A-Za-z]:[/\\]/.test(word);
    if (!isDrive && at < word.length - 1) splits.push([word.slice(0, at), [word.slice(at + 1)]]);
  }
  return splits;
}

async function choose(options: BackupWordOptions, word: string | undefined): Promise<ChosenBackup> {
  const { root, measure, signal } = options;
  const listing: BackupListing = await listBackups({ root, measure, signal }).catch((error: unknown) => {
    // A path need not be under a root at all.
    if (word !== undefined && isPath(word)) return { root, bytes: 0, backups: [] };
    throw error;
  });
  return chooseVersion(listing, { ...options, word });
}

function unlessNotFound(error: unknown): undefined {
  if (error instanceof IbkError && error.code === 'not_found') return undefined;
  throw error;
}

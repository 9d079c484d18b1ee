/** The backup that BACKUP means, for commands that are about all of it. */
import { IbkError } from '../errors.js';
import { chooseBackup, type ChosenFiles } from '../operations/backup-word.js';
import type { Session } from './session.js';

export interface WholeBackupOptions {
  /** For hints: `ibk verify`. */
  readonly command: string;
  /** As for `listBackups`, of a folder that is named by its path. */
  readonly measure?: boolean | undefined;
}

/** @throws IbkError as `chooseBackup`; `usage` where files of it are named too */
export async function wholeBackup(
  { config: { root, udids }, signal }: Session,
  word: string | undefined,
  { command, measure }: WholeBackupOptions,
): Promise<Omit<ChosenFiles, 'selection'>> {
  const words = word === undefined ? [] : [word];
  const found = await chooseBackup({ root, words, udids, command, cwd: process.cwd(), measure, signal });
  const [files] = found.selection;
  if (files === undefined) return found;
  throw new IbkError('usage', `This is about a whole backup, and "${files}" names some of its files.`, {
    hint: `ibk list ${found.word} "${files}" --long`,
  });
}

/** The backup that BACKUP means, for commands that read one. */
import { chooseVersion, type ChosenBackup } from '../operations/choose-backups.js';
import { listBackups } from '../operations/list-backups.js';
import type { Session } from './session.js';

/** @param command for hints: `ibk verify`. @throws IbkError as `chooseVersion`, `listBackups` */
export async function chooseBackup(
  { config: { root, udids }, signal }: Session,
  word: string | undefined,
  command: string,
): Promise<ChosenBackup> {
  // A path need not be under a root at all.
  const isPath = word !== undefined && /[/\\]/.test(word);
  const listing = await listBackups({ root, signal }).catch((error: unknown) => {
    if (isPath) return { root, bytes: 0, backups: [] };
    throw error;
  });
  return chooseVersion(listing, { word, udids, command, cwd: process.cwd() });
}

/** `ibk encrypt check`: does a password open a backup? Needs no device. */
import type { ChosenBackup } from './choose-backups.js';
import { withBackup, type WithBackupOptions } from './open-backup.js';
import type { PasswordCheck } from './results.js';

/** One key derivation for each password that is tried. @throws IbkError `password`: it does not, or there is none; as `withBackup` */
export function checkPassword(
  chosen: ChosenBackup,
  options: Omit<WithBackupOptions, 'unlock'>,
): Promise<PasswordCheck> {
  const { backup, version } = chosen;
  return withBackup(chosen, { ...options, unlock: true }, async ({ encrypted }) => ({
    udid: backup.udid,
    name: backup.name,
    path: backup.path,
    version: version.version,
    madeAt: version.madeAt,
    encrypted,
  }));
}

/** `restore --backup-first`: what is on the phones now is kept, before it is replaced. */
import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { ERROR_CATALOG, IbkError } from '../errors.js';
import type { ChosenBackup } from '../operations/choose-backups.js';
import type { SelectedDevice } from '../operations/select-device.js';
import { backupCommand } from './backup.js';
import type { Session } from './session.js';

/** The backup of a phone would take in, and replace, the folder that is to be restored. @throws IbkError `usage` */
export async function refuseOwnFolder(
  { config: { root } }: Session,
  { backup, version }: ChosenBackup,
  devices: readonly SelectedDevice[],
): Promise<void> {
  if (version.id !== null) return;
  const path = await realpath(backup.path).catch(() => backup.path);
  for (const { udid } of devices) {
    const own = await realpath(join(root, udid)).catch(() => undefined);
    if (own !== path) continue;
    throw new IbkError(
      'usage',
      'The backup that --backup-first would make goes into the folder that is to be restored.',
      {
        reason: 'own_folder',
        meaning: 'Another tool made what is there. A backup takes it in as a version, which can then be restored.',
        hint: 'ibk backup && ibk restore latest~1',
      },
    );
  }
}

/**
 * As `ibk backup` of these phones, with its screen.
 * @returns undefined: each has one; else the exit status with which it ended, which has been told
 */
export async function backUpFirst(session: Session, devices: readonly SelectedDevice[]): Promise<number | undefined> {
  const udids = devices.map(({ udid }) => udid);
  const exit = await backupCommand.run({ ...session, config: { ...session.config, udids } }, {}, []);
  // Finished, with files that the phone could not read.
  const single = devices.length === 1;
  if (exit === 0 || (single && exit === ERROR_CATALOG.partial.exit)) return undefined;
  if (!session.config.json) session.terminal.err.line('  Nothing was restored.');
  return exit;
}

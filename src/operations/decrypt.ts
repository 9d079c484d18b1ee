/** `ibk decrypt`: a plain copy of an encrypted backup. The backup itself is only read. */
import { type Decrypted, decryptBackup, type DecryptOptions } from '../backup/decrypt-backup.js';
import { onDisk } from '../backup/disk/disk-errors.js';
import { filesNotSentIn } from '../backup/format/info-plist.js';
import { IbkError } from '../errors.js';
import type { ChosenBackup } from './choose-backups.js';
import { inNewFolder } from './new-folder.js';
import { withBackup, type WithBackupOptions } from './open-backup.js';

export interface DecryptBackupOptions
  extends Omit<WithBackupOptions, 'unlock'>,
    Omit<DecryptOptions, 'notSent' | 'signal'> {
  /** Absolute path of a folder that is not there yet, or empty. */
  readonly to: string;
  readonly dryRun: boolean;
}

/** @throws IbkError `usage`: not encrypted; `password`; `destination`; as `withBackup`. What was begun is taken away; only a kill leaves `<to>.partial` */
export function decrypt(chosen: ChosenBackup, options: DecryptBackupOptions): Promise<Decrypted | undefined> {
  const { to, dryRun } = options;
  return withBackup(chosen, { ...options, unlock: true }, async (opened, source) => {
    if (!opened.encrypted)
      throw new IbkError('usage', 'This backup is not encrypted: it is plain already.', {
        hint: 'Its files: ibk extract',
      });
    const making = { to, dryRun, backup: chosen.backup.path, command: 'ibk decrypt', bytes: chosen.version.bytes };
    return onDisk(() =>
      inNewFolder(making, (partial) => {
        const notSent = opened.info === undefined ? new Set<string>() : filesNotSentIn(opened.info);
        return decryptBackup(opened, source, partial, { ...options, notSent });
      }),
    );
  });
}

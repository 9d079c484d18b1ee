/** `encryption`, `changepw` and `cloud`: what is set on the device. No folder has to do with it. */
import { stat } from 'node:fs/promises';
import { setCloudBackup } from '../../operations/cloud-backup.js';
import { changeEncryption, type EncryptionChange } from '../../operations/encryption.js';
import { chosenDevice, contextOf, type DropIn } from './drop-in.js';
import { dropInReport } from './report.js';

/** @throws IbkError as `changeEncryption` */
export async function runEncryption(drop: DropIn): Promise<void> {
  const { asked, passwords } = drop;
  const { verb, on } = asked;
  const change: EncryptionChange =
    verb === 'changepw'
      ? { action: 'change', present: () => passwords.present('old'), next: () => passwords.next() }
      : on
        ? { action: 'on', next: () => passwords.first() }
        : { action: 'off', present: () => passwords.present('current') };
  const { terminal } = drop.session;
  const ctx = contextOf(drop, dropInReport(terminal, false).onEvent);
  await changeEncryption(ctx, await chosenDevice(drop, ctx), change);
  const what = verb === 'changepw' ? 'password has been changed' : `has been ${on ? 'enabled' : 'disabled'}`;
  terminal.out.line(`Backup encryption ${what} successfully.`);
}

/**
 * `encryption on DIRECTORY` makes the path the password in idevicebackup2, and nobody knows it then. Where the only word is a folder that is there, it is
 * the folder.
 */
export async function withoutFolders(words: readonly string[]): Promise<readonly string[]> {
  const [only, ...others] = words;
  if (only === undefined || others.length > 0) return words;
  const isFolder = await stat(only).then(
    (found) => found.isDirectory(),
    () => false,
  );
  return isFolder ? [] : words;
}

/** @throws IbkError as `setCloudBackup` */
export async function runCloud(drop: DropIn): Promise<void> {
  const { on } = drop.asked;
  const { terminal } = drop.session;
  const ctx = contextOf(drop, dropInReport(terminal, false).onEvent);
  await setCloudBackup(ctx, await chosenDevice(drop, ctx), on);
  terminal.out.line(`Cloud backup has been ${on ? 'enabled' : 'disabled'} successfully.`);
}

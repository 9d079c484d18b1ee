import { IbkError } from '../errors.js';
import { nameKey } from '../operations/device-names.js';
import type { BackupListing, ListedBackup } from '../operations/results.js';
import { udidKey } from '../protocol/usbmux/udid.js';

/**
 * The backups that `-u` names: by UDID (case and dash do not count), unique prefix of one, or name. None named, or `all`: all.
 * @throws IbkError `not_found`, `ambiguous_device`
 */
export function chooseBackups(listing: BackupListing, wanted: readonly string[]): BackupListing {
  if (wanted.length === 0 || wanted.includes('all')) return listing;
  const chosen = new Set(wanted.map((word) => chooseOne(listing.backups, word)));
  const backups = listing.backups.filter((backup) => chosen.has(backup));
  return { ...listing, backups, bytes: backups.reduce((sum, { bytes }) => sum + (bytes ?? 0), 0) };
}

function chooseOne(backups: readonly ListedBackup[], word: string): ListedBackup {
  const id = udidKey(word);
  const name = nameKey(word);
  const exact = backups.filter((backup) => udidKey(backup.udid) === id || nameKey(backup.name) === name);
  const near = backups.filter(
    (backup) => (id.length >= 4 && udidKey(backup.udid).startsWith(id)) || nameKey(backup.name).startsWith(name),
  );
  const matches = exact.length > 0 ? exact : near;
  const [only, second] = matches;
  if (only === undefined) {
    throw new IbkError('not_found', `No backup here is of "${word}".`, { hint: 'ibk list' });
  }
  if (second !== undefined) {
    const names = matches.map((backup) => backup.name).join(', ');
    throw new IbkError('ambiguous_device', `"${word}" is the beginning of several: ${names}.`, {
      hint: 'Write more of the name, or the UDID.',
    });
  }
  return only;
}

/** Two backups open at once, for comparing: of one device or of two, versions or folders. */
import type { OpenedBackup } from '../../backup/reader/types.js';
import { BackupStore } from '../../backup/store.js';
import type { ChosenBackup } from '../choose-backups.js';
import { withBackup, type WithBackupOptions } from '../open-backup.js';
import { passwordOfSeveral } from '../several-passwords.js';

export interface BackupPair {
  readonly from: OpenedBackup;
  readonly to: OpenedBackup;
  /** Does the content of a file differ, by the checksums of the store that holds both? Undefined: nobody knows. */
  hasChanged(path: string): boolean | undefined;
}

/** @throws IbkError as `withBackup` */
export async function withPair<T>(
  from: ChosenBackup,
  to: ChosenBackup,
  options: Omit<WithBackupOptions, 'word'> & { readonly words: readonly [string, string] },
  work: (pair: BackupPair) => Promise<T>,
): Promise<T> {
  const { words, password } = options;
  const next = passwordOfSeveral(password);
  const both = (hasChanged: BackupPair['hasChanged']) =>
    withBackup(from, { ...options, password: next(), word: words[0] }, (a) =>
      withBackup(to, { ...options, password: next(), word: words[1] }, (b) => work({ from: a, to: b, hasChanged })),
    );
  const [one, other] = [from.version.id, to.version.id];
  if (one === null || other === null || from.backup.udid !== to.backup.udid) return both(() => undefined);
  const store = new BackupStore(options.root, from.backup.udid);
  return store.reading((_ctx, reader) => both((path) => reader.hasChanged(one, other, path)));
}

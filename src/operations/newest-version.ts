/** The version that the backup of a device under a root is, as ibk knows it. */
import type { StoredVersion } from '../backup/versions/history.js';
import { BackupStore } from '../backup/store.js';

/** Undefined also where another program has been there since: what lies in the folder is then another backup. Never throws. */
export function newestVersion(root: string, udid: string): StoredVersion | undefined {
  try {
    const history = new BackupStore(root, udid).history();
    return history?.folder === 'as_left' ? history.versions.find(({ current }) => current) : undefined;
  } catch {
    return undefined;
  }
}

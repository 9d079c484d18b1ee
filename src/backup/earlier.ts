/** What a new backup builds on: the state in the folder, as the phone will see it. */
import { filesNotSent } from './format/info-plist.js';
import { parseManifestPlist } from './format/manifest-plist.js';
import { LARGE_PLIST_LIMIT, SMALL_PLIST_LIMIT } from './format/plist-limits.js';
import { parseStatusPlist } from './format/status-plist.js';
import type { StoreLease } from './lease.js';
import { DESCRIBING_NAMES } from './records/names.js';

export interface EarlierBackup {
  /** `none`: there is no backup folder, or nothing in it that could be one. `damaged`: it says that it is finished, and files of it are missing or changed. */
  readonly state: 'none' | 'finished' | 'unfinished' | 'damaged';
  /** When it was finished. */
  readonly madeAt: Date | undefined;
  readonly encrypted: boolean | undefined;
  /** Files that the device could not send then, and may not send now. */
  readonly notSent: ReadonlySet<string>;
}

/**
 * Looks at the state in the folder. One that another program left unfinished, or that was damaged (damage.ts, unsynced.ts), is hidden from the phone as far as it
 * describes itself: the phone then sends everything, instead of failing over it (libimobiledevice #1544, #1582).
 */
export function prepareEarlier(lease: StoreLease): EarlierBackup {
  const { overlay } = lease;
  const status = readable(() => parseStatusPlist(lease.readWhole('Status.plist', SMALL_PLIST_LIMIT)));
  const manifest = readable(() => parseManifestPlist(lease.readWhole('Manifest.plist', LARGE_PLIST_LIMIT)));
  const present = DESCRIBING_NAMES.filter((name) => overlay.typeOf(name) !== undefined);
  const listed = present.includes('Manifest.db') || present.includes('Manifest.mbdb');
  const isWhole = lease.current?.complete !== false;
  const isFinished = status?.finished === true && listed;
  if (isWhole && isFinished && manifest !== undefined) {
    const notSent = readable(() => filesNotSent(lease.readWhole('Info.plist', LARGE_PLIST_LIMIT))) ?? new Set<string>();
    return { state: 'finished', madeAt: status.date, encrypted: manifest.encrypted, notSent };
  }
  for (const name of present) overlay.remove(name);
  const isThere = present.length > 0 || lease.current !== null;
  const state = !isThere ? 'none' : isFinished && manifest !== undefined ? 'damaged' : 'unfinished';
  return { state, madeAt: undefined, encrypted: undefined, notSent: new Set() };
}

function readable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

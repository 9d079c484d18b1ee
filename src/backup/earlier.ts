/** What a new backup builds on: the state in the folder, as the phone will see it. */
import { filesNotSent } from './format/info-plist.js';
import type { StoreLease } from './lease.js';
import { parseManifestPlist } from './format/manifest-plist.js';
import { parseStatusPlist, SMALL_PLIST_LIMIT } from './format/status-plist.js';

export interface EarlierBackup {
  /** None: there is no backup folder, or nothing in it that could be one. */
  readonly state: 'none' | 'finished' | 'unfinished';
  /** When it was finished. */
  readonly madeAt: Date | undefined;
  readonly encrypted: boolean | undefined;
  /** Files that the device could not send then, and may not send now. */
  readonly notSent: ReadonlySet<string>;
}

const DESCRIBING = ['Status.plist', 'Manifest.plist', 'Manifest.db', 'Manifest.mbdb'] as const;
const MANIFEST_LIMIT = 64 * 1024 * 1024;
const INFO_LIMIT = 64 * 1024 * 1024;

/**
 * Looks at the state in the folder. One that another program left unfinished, or a power cut damaged, is hidden from the phone as far as it describes itself: the phone then
 * sends everything, instead of failing over it (libimobiledevice #1544, #1582).
 */
export function prepareEarlier(lease: StoreLease): EarlierBackup {
  const { overlay } = lease;
  const status = readable(() => parseStatusPlist(lease.readWhole('Status.plist', SMALL_PLIST_LIMIT)));
  const manifest = readable(() => parseManifestPlist(lease.readWhole('Manifest.plist', MANIFEST_LIMIT)));
  const present = DESCRIBING.filter((name) => overlay.typeOf(name) !== undefined);
  const listed = present.includes('Manifest.db') || present.includes('Manifest.mbdb');
  const isWhole = lease.current?.complete !== false;
  if (isWhole && status?.finished === true && manifest !== undefined && listed) {
    const notSent = readable(() => filesNotSent(lease.readWhole('Info.plist', INFO_LIMIT))) ?? new Set<string>();
    return { state: 'finished', madeAt: status.date, encrypted: manifest.encrypted, notSent };
  }
  for (const name of present) overlay.remove(name);
  const state = present.length > 0 || lease.current !== null ? 'unfinished' : 'none';
  return { state, madeAt: undefined, encrypted: undefined, notSent: new Set() };
}

function readable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

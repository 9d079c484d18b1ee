/** What every part of the engine is handed: one store on one disk, and what is injected for tests. */
import { turnTaker } from '../../io/turns.js';
import type { StoreFileSystem } from '../disk/file-system.js';
import { parseManifestPlist } from '../format/manifest-plist.js';
import { LARGE_PLIST_LIMIT, SMALL_PLIST_LIMIT } from '../format/plist-limits.js';
import { parseStatusPlist } from '../format/status-plist.js';
import type { StoreLayout } from './layout.js';
import { STATUS_PLIST } from './names.js';
import { newShortId } from './version-id.js';

/** What Status.plist and Manifest.plist say of a state. */
export interface StateDescription {
  /** Milliseconds since 1970; undefined when it does not say. */
  readonly date: number | undefined;
  /** The device had finished. */
  readonly complete: boolean;
  readonly ios?: string | undefined;
  readonly encrypted?: boolean | undefined;
}

export type Durability = 'full' | 'relaxed' | 'none';

export interface StoreWarning {
  readonly kind:
    | 'power_cut'
    | 'foreign_change'
    | 'snapshot_dropped'
    | 'unknown_name'
    | 'list_kept'
    | 'catalog_rebuilt'
    | 'unknown_folder'
    | 'set_aside'
    | 'no_modes';
  readonly message: string;
}

/** A file of a backup; undefined when it is not there or longer. */
export type ReadPart = (name: string, limitBytes: number) => Buffer | undefined;

export interface StoreContext {
  readonly fs: StoreFileSystem;
  readonly layout: StoreLayout;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly newShortId: () => string;
  readonly describe: (read: ReadPart) => StateDescription;
  /** What a power cut may do to the newest backup (unsynced.ts). */
  readonly durability: Durability;
  /** Of this start of the computer; empty where the system does not tell. */
  readonly boot: string;
  /** A plain Manifest.db of an earlier version is packed from this size on. */
  readonly leastPackedBytes: number;
  /** Called in every long loop: gives other work of the process a turn now and then. */
  readonly pause: () => Promise<void> | undefined;
  /** Runs before each new head: throws when this process is no longer the holder of the lock. */
  readonly fence: () => void;
  readonly warn: (warning: StoreWarning) => void;
}

/** Less is not worth a file of another kind. */
const LEAST_PACKED_BYTES = 64 * 1024;

/** A Status.plist that cannot be read describes an unfinished state; a Manifest.plist that cannot be read tells nothing. */
function describeState(read: ReadPart): StateDescription {
  return {
    ...describeStatus(read(STATUS_PLIST, SMALL_PLIST_LIMIT)),
    ...describeManifest(read('Manifest.plist', LARGE_PLIST_LIMIT)),
  };
}

function describeManifest(bytes: Buffer | undefined): Pick<StateDescription, 'ios' | 'encrypted'> {
  try {
    const manifest = bytes === undefined ? undefined : parseManifestPlist(bytes);
    return { ios: manifest?.productVersion, encrypted: manifest?.encrypted };
  } catch {
    return {};
  }
}

function describeStatus(bytes: Buffer | undefined): StateDescription {
  try {
    const status = bytes === undefined ? undefined : parseStatusPlist(bytes);
    return { date: status?.date?.getTime(), complete: status?.finished === true };
  } catch {
    return { date: undefined, complete: false };
  }
}

export function storeContext(
  fs: StoreFileSystem,
  layout: StoreLayout,
  injected: Partial<Omit<StoreContext, 'fs' | 'layout'>> = {},
): StoreContext {
  return {
    fs,
    layout,
    now: injected.now ?? Date.now,
    newShortId: injected.newShortId ?? (() => newShortId()),
    describe: injected.describe ?? describeState,
    durability: injected.durability ?? 'full',
    boot: injected.boot ?? '',
    leastPackedBytes: injected.leastPackedBytes ?? LEAST_PACKED_BYTES,
    pause: injected.pause ?? turnTaker(),
    fence: injected.fence ?? (() => {}),
    warn: injected.warn ?? (() => {}),
  };
}

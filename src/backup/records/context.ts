/** What every part of the engine is handed: one store on one disk, and what is injected for tests. */
import type { StoreFileSystem } from '../disk/file-system.js';
import { parseManifestPlist } from '../format/manifest-plist.js';
import { parseStatusPlist } from '../format/status-plist.js';
import type { StoreLayout } from './layout.js';
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

export interface StoreContext {
  readonly fs: StoreFileSystem;
  readonly layout: StoreLayout;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly newShortId: () => string;
  readonly describe: (status: Buffer | undefined, manifest: Buffer | undefined) => StateDescription;
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
const TURN_MS = 12;

/** Lets the event loop have a turn when the last one was some milliseconds ago: a phone must be answered during long work. */
export function turnTaker(): () => Promise<void> | undefined {
  let last = performance.now();
  return () => {
    if (performance.now() - last < TURN_MS) return undefined;
    return new Promise((resolve) =>
      setImmediate(() => {
        last = performance.now();
        resolve();
      }),
    );
  };
}

/** A Status.plist that cannot be read describes an unfinished state; a Manifest.plist that cannot be read tells nothing. */
function describeState(status: Buffer | undefined, manifest: Buffer | undefined): StateDescription {
  return { ...describeStatus(status), ...describeManifest(manifest) };
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

/**
 * Names of files in a backup folder: which are Apple's, which others may be kept, and their order.
 *
 * | Apple's name                                                        | |
 * |---------------------------------------------------------------------|-|
 * | `Info.plist` `Manifest.plist` `Status.plist`                         | metadata |
 * | `Manifest.db` (`-shm`, `-wal`) `Manifest.mbdb` `Manifest.mbdx`        | metadata |
 * | `[0-9a-f]{2}/[0-9a-f]{40}`                                           | payload, iOS 10 and later |
 * | `[0-9a-f]{40}` (`.mddata`, `.mdinfo`, `.mdbackup`)                   | payload, older |
 *
 * Each also under `Snapshot/` while a backup runs.
 */
export const METADATA_NAMES = [
  'Info.plist',
  'Manifest.plist',
  'Manifest.db',
  'Manifest.db-shm',
  'Manifest.db-wal',
  'Manifest.mbdb',
  'Manifest.mbdx',
  'Status.plist',
] as const;

export const STATUS_PLIST = 'Status.plist';
export const MANIFEST_DB = 'Manifest.db';

/** Without these a folder is no backup; every program that makes one writes them anew. */
export const DESCRIBING_NAMES = ['Status.plist', 'Manifest.plist', 'Manifest.db', 'Manifest.mbdb'] as const;

const METADATA: ReadonlySet<string> = new Set(METADATA_NAMES);
const FOLDED_METADATA: ReadonlySet<string> = new Set(METADATA_NAMES.map((name) => name.toLowerCase()));
const SNAPSHOT = 'Snapshot';
/** What a run of another program leaves when it is interrupted. */
export const LEFTOVER_FOLDER = SNAPSHOT;
const PAYLOAD = /^(?:[0-9a-f]{2}\/)?[0-9a-f]{40}$/;
const OLD_PAYLOAD = /^[0-9a-f]{40}\.(?:mddata|mdinfo|mdbackup)$/;
const FLAT = /^[0-9a-f]{40}(?:\.[a-z]+)?$/;
const HASH_FOLDER = /^[0-9a-f]{2}$/;
const LITTER = /^(?:\.DS_Store|Thumbs\.db|desktop\.ini|\._.*)$/;
const DOS_DEVICE = /^(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?:\..*)?$/i;
/** The short name that FAT and NTFS make up for another file: `STATUS~1.PLI`. */
const SHORT_NAME = /^[^.]{1,6}~[0-9]{1,6}(?:\.[^.]{0,3})?$/;
const UNSTORABLE = /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\\:*?"<>|]/;
const MAX_COMPONENT_BYTES = 255;
const MAX_DEPTH = 8;
export const FILE_ID = /^[0-9a-f]{40}$/;

export function isMetadata(path: string): boolean {
  return METADATA.has(path);
}

/** Says which file is which. */
export function isManifestFile(path: string): boolean {
  return MANIFEST_FILES.includes(path);
}

export const MANIFEST_FILES: readonly string[] = ['Manifest.db', 'Manifest.mbdb', 'Manifest.mbdx'];

/** A file that belongs to a backup by its name alone. All others in the folder are left alone, unless the store put them there. */
export function isManagedName(path: string): boolean {
  return PAYLOAD.test(path) || METADATA.has(path) || OLD_PAYLOAD.test(path);
}

/** A payload that lies in the backup folder itself. */
export function isFlatPayload(path: string): boolean {
  return FLAT.test(path);
}

/** A folder that only payloads lie in: `00` to `ff`. */
export function isHashFolder(name: string): boolean {
  return HASH_FOLDER.test(name);
}

export function isInSnapshot(path: string): boolean {
  return path === SNAPSHOT || path.startsWith(`${SNAPSHOT}/`);
}

/** The fileID of a payload's path, else undefined. */
export function fileIdOf(path: string): string | undefined {
  const name = path.slice(path.lastIndexOf('/') + 1);
  return FILE_ID.test(name) ? name : undefined;
}

/** What computers leave in folders; no part of a backup, never shown to a device. */
export function isLitter(name: string): boolean {
  return LITTER.test(name);
}

/** The name without regard to case and composition: two paths that fold alike are one file on many disks. */
export function foldPath(path: string): string {
  return path.normalize('NFC').toLowerCase();
}

export type NameVerdict = 'apple' | 'plain' | 'unstorable';

/**
 * May a device's file have this path? `plain`: not Apple's, but every disk can hold it. `unstorable`: no; also where it differs
 * from one of Apple's names in case only, which would be one file on some disks and two on others.
 */
export function judgeName(path: string): NameVerdict {
  const inner = isInSnapshot(path) ? path.slice(SNAPSHOT.length + 1) : path;
  if (isManagedName(inner) || isHashFolder(inner) || path === SNAPSHOT) return 'apple';
  const parts = path.split('/');
  if (parts.length > MAX_DEPTH || !parts.every(isPlainComponent)) return 'unstorable';
  const folded = foldPath(inner);
  const [first = ''] = folded.split('/');
  const aliasesApple =
    FOLDED_METADATA.has(folded) || isManagedName(folded) || (HASH_FOLDER.test(first) && !inner.startsWith(first));
  if (aliasesApple || (foldPath(parts[0] ?? '') === 'snapshot' && parts[0] !== SNAPSHOT)) return 'unstorable';
  return 'plain';
}

function isPlainComponent(part: string): boolean {
  if (part === '' || part === '.' || part === '..') return false;
  if (Buffer.byteLength(part) > MAX_COMPONENT_BYTES || UNSTORABLE.test(part)) return false;
  return !/[. ]$/.test(part) && !DOS_DEVICE.test(part) && !SHORT_NAME.test(part);
}

/** A path read from a list or a catalog that may be put behind the backup folder: relative, plain, and not of this store. */
export function isSafePath(path: string): boolean {
  return isManagedName(path) || (judgeName(path) !== 'unstorable' && !isInSnapshot(path));
}

/** Order of the bytes of the names (as SQLite's and the lists'); JavaScript's own differs beyond U+D7FF. */
export function comparePaths(a: string, b: string): number {
  if (BEYOND_SURROGATES.test(a) || BEYOND_SURROGATES.test(b)) return Buffer.compare(Buffer.from(a), Buffer.from(b));
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** Ends of ranges in SQL, where each is `path >= ? AND path < ?`. Behind every path: SQLite puts a blob above any text. */
export const BEHIND_ALL: Buffer = Buffer.alloc(0);

/** The first place behind `path`. */
export function behind(path: string): string {
  return `${path}\0`;
}

/** The first place behind all that lies in `folder`: `0` is the character that follows `/`. */
export function behindFolder(folder: string): string {
  return `${folder}0`;
}

const BEYOND_SURROGATES = /[\ud800-\uffff]/;

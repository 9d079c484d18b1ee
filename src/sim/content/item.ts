/** What the simulated iPhone holds: one entry of its file system, as the backup service sees it. */

/** Where the bytes of a file come from. `id` and `revision` also decide its per-file key, so that content and key follow from the state alone. */
export type ContentSource =
  | { readonly kind: 'noise'; readonly id: string; readonly revision: string; readonly head: Buffer }
  | { readonly kind: 'made'; readonly id: string; readonly revision: string; readonly bytes: Buffer }
  | { readonly kind: 'disk'; readonly id: string; readonly revision: string; readonly path: string };

interface ItemFacts {
  readonly domain: string;
  /** As stored, never normalised; empty for the root of the domain. */
  readonly relativePath: string;
  /** st_mode with its type bits. */
  readonly mode: number;
  readonly userId: number;
  readonly groupId: number;
  readonly inode: number;
  /** Unix seconds, as the next two. */
  readonly modified: number;
  /** Last change of status (ctime). */
  readonly changed: number;
  readonly born: number;
  readonly protectionClass: number;
  readonly extendedAttributes: Readonly<Record<string, Buffer>> | undefined;
}

export interface FileItem extends ItemFacts {
  readonly kind: 'file';
  readonly sizeBytes: number;
  readonly source: ContentSource;
}

export interface DirectoryItem extends ItemFacts {
  readonly kind: 'directory';
}

export interface SymlinkItem extends ItemFacts {
  readonly kind: 'symlink';
  readonly target: string;
}

export type ContentItem = FileItem | DirectoryItem | SymlinkItem;

/** One line of what `ibk sim ctl tree` prints: a regular file of the phone, unencrypted. */
export interface TreeEntry {
  readonly sha256: string;
  readonly size: number;
  /** st_mode with its type bits, as the backup records it. */
  readonly mode: number;
  /** Unix seconds. */
  readonly mtime: number;
}

/** Domains that a phone puts only into encrypted backups (backup format notes, section 7). */
const ENCRYPTED_ONLY: ReadonlySet<string> = new Set(['HealthDomain', 'HomeKitDomain']);

/** Is this item part of a backup of the given kind? Health, HomeKit and the known Wi-Fi networks need encryption. */
export function belongsToBackup(item: ContentItem, encrypted: boolean): boolean {
  if (encrypted) return true;
  if (ENCRYPTED_ONLY.has(item.domain)) return false;
  return !(item.domain === 'SystemPreferencesDomain' && item.relativePath.includes('com.apple.wifi'));
}

/**
 * Where things lie under a backup root.
 *
 * ```
 * <root>/<UDID>/              the newest complete backup, Apple's layout; changes only while a backup commits
 * <root>/.ibk/<UDID>/         ibk's own, 0700
 *    lock, holder.json        one writer at a time
 *    incoming/<hh>/<n>        what is being received, under numbers
 *    commit                   the list of a commit under way
 *    aside/<time>/            leftovers of other tools, taken out of <UDID>/
 * ```
 */
import { join } from 'node:path';
import { IbkError } from '../errors.js';

export interface BackupLayout {
  readonly root: string;
  readonly udid: string;
  /** `<root>/<UDID>`: Apple's folder. */
  readonly folder: string;
  /** `<root>/.ibk/<UDID>`. */
  readonly own: string;
  readonly incoming: string;
  readonly commitList: string;
  readonly lock: string;
  readonly holder: string;
  readonly aside: string;
}

const UDID = /^(?:[0-9a-fA-F]{40}|[0-9a-fA-F]{8}-[0-9a-fA-F]{16})$/;
const BACKUP_FOLDER = /^([0-9a-fA-F]{40}|[0-9A-Fa-f]{8}-[0-9A-Fa-f]{16})(?:-(\d{8})-(\d{6}))?$/;

/** @throws IbkError `unsafe` for a UDID that is not one: it becomes a folder name */
export function backupLayout(root: string, udid: string): BackupLayout {
  if (!UDID.test(udid)) {
    throw new IbkError('unsafe', 'The device gave a UDID that is not one.', { reason: 'udid', details: { udid } });
  }
  const own = join(root, '.ibk', udid);
  return {
    root,
    udid,
    folder: join(root, udid),
    own,
    incoming: join(own, 'incoming'),
    commitList: join(own, 'commit'),
    lock: join(own, 'lock'),
    holder: join(own, 'holder.json'),
    aside: join(own, 'aside'),
  };
}

/** The UDID of a backup folder's name, also of an archived copy (`<UDID>-YYYYMMDD-HHMMSS`), else undefined. */
export function udidOfFolder(name: string): string | undefined {
  return BACKUP_FOLDER.exec(name)?.[1];
}

/** Files that computers leave in folders; not part of a backup, never shown to the device. */
export function isDesktopLitter(name: string): boolean {
  return name === '.DS_Store' || name === 'Thumbs.db' || name === 'desktop.ini' || name.startsWith('._');
}

/** Files of a backup folder that are not payload. */
export const METADATA_FILES = [
  'Info.plist',
  'Manifest.plist',
  'Manifest.db',
  'Manifest.db-shm',
  'Manifest.db-wal',
  'Manifest.mbdb',
  'Manifest.mbdx',
  'Status.plist',
] as const;

export type MetadataFile = (typeof METADATA_FILES)[number];

const METADATA: ReadonlySet<string> = new Set(METADATA_FILES);

export function isMetadataFile(path: string): path is MetadataFile {
  return METADATA.has(path);
}

export const FILE_ID = /^[0-9a-f]{40}$/;

/** Where a file lies from iOS 10 on. */
export function folderPath(fileId: string): string {
  return `${fileId.slice(0, 2)}/${fileId}`;
}

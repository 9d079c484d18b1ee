/**
 * Where things lie under a backup root (docs/store.md 2).
 *
 * ```
 * <UDID>/                        U: the newest complete backup, Apple's layout; changes only between a commit point and its end
 * .ibk/<UDID>/                   S: the store's own
 *    head.<g>                    the head record of generation g: the only authority
 *    delta.<g>                   the list of the operation under way
 *    incoming/index.db           what the device sees laid over U
 *    incoming/<hh>/<n>           received content under numbers; hh = n mod 256
 *    versions/<id>/version.json  description for people and for rebuilding a head
 *    versions/<id>/delta.<g>     what differs in the next newer version
 *    versions/<id>/files/<path>  content put here when <id> was replaced
 *    versions/<id>/flat/<hh>/<n> the same, for payloads that lie flat in U
 *    versions/<id>/manifest.gz    files/Manifest.db, where that is plain and an earlier version's (packed-manifest.ts)
 *    versions/<id>/manifest.part  the same while it is written
 *    versions/<id>/building      this folder is being filled (import, edit): no version unless the head names it
 *    aside/<time>/               leftovers of other programs, taken out of U
 *    shadow/<name>               a second home of what describes the backup in U
 *    reading/<nonce>             who reads a version that must not be forgotten meanwhile
 *    catalog.db                  cache and index
 *    lock, holder.json           one writer at a time
 * .ibk/reserve                   bytes that are given up when the disk is full
 * .ibk/unpacked/<nonce>/         an archive that a backup is taken in from, while that lasts
 * ```
 */
import { IbkError } from '../../errors.js';
import { isFlatPayload } from './names.js';
import { isVersionId } from './version-id.js';

const UDID = /^(?:[0-9a-fA-F]{40}|[0-9a-fA-F]{8}-[0-9a-fA-F]{16})$/;
const BACKUP_FOLDER = /^([0-9a-fA-F]{40}|[0-9A-Fa-f]{8}-[0-9A-Fa-f]{16})(?:-(\d{8})-(\d{6}))?$/;
const BLOB = /^incoming\/[0-9a-f]{2}\/[0-9]{1,12}$/;
const DELTA = /^delta\.([0-9]{1,12})$/;
const HEAD = /^head\.([0-9]{1,12})$/;

/** Of all devices under the root (reserve.ts). */
export const RESERVE = '.ibk/reserve';

/** Lies in a version's folder while that is being filled. */
export const BUILDING = 'building';

/** Lies in a version's folder while its manifest is packed, or comes out again. */
export const PACKING = 'manifest.part';

export class StoreLayout {
  readonly udid: string;
  /** U, relative to the root. */
  readonly folder: string;
  /** S, relative to the root. */
  readonly own: string;

  /** @throws IbkError `unsafe` for a UDID that is not one: it becomes a folder name */
  constructor(udid: string) {
    if (!UDID.test(udid)) {
      throw new IbkError('unsafe', 'The device gave a UDID that is not one.', { reason: 'udid', details: { udid } });
    }
    this.udid = udid;
    this.folder = udid;
    this.own = `.ibk/${udid}`;
  }

  /** A file of the backup folder. */
  inFolder(path: string): string {
    return `${this.folder}/${path}`;
  }

  /** Something of the store's own. */
  inOwn(path: string): string {
    return `${this.own}/${path}`;
  }

  version(id: string): string {
    return `${this.own}/versions/${id}`;
  }

  /** Where a version keeps the content of `path`, once it was replaced or removed. */
  slot(id: string, path: string): string {
    const inner = isFlatPayload(path) ? `flat/${path.slice(0, 2)}/${path}` : `files/${path}`;
    return `${this.version(id)}/${inner}`;
  }

  /** The same of a plain Manifest.db, packed. Not under `files/`: there a device may have put anything. */
  packed(id: string): string {
    return `${this.version(id)}/manifest.gz`;
  }

  packing(id: string): string {
    return `${this.version(id)}/${PACKING}`;
  }

  blob(number: number): string {
    return `${this.own}/${blobName(number)}`;
  }
}

/** The UDID of a backup folder's name, also of an archived copy (`<UDID>-YYYYMMDD-HHMMSS`), else undefined. */
export function udidOfFolder(name: string): string | undefined {
  return BACKUP_FOLDER.exec(name)?.[1];
}

/** Received content, relative to S. */
export function blobName(number: number): string {
  return `incoming/${(number % 256).toString(16).padStart(2, '0')}/${number}`;
}

export function isBlobName(text: string): boolean {
  return BLOB.test(text);
}

export function isDeltaName(text: string): boolean {
  return DELTA.test(text);
}

/** The number in a list's name, else undefined. */
export function deltaGeneration(text: string): number | undefined {
  const digits = DELTA.exec(text)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** The generation in a name `head.<g>`, else undefined. */
export function headGeneration(name: string): number | undefined {
  const digits = HEAD.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** @throws IbkError `damaged`: an id read from disk becomes a folder name */
export function checkedVersionId(text: unknown, what: string): string {
  if (typeof text === 'string' && isVersionId(text)) return text;
  throw new IbkError('damaged', `${what} holds no valid version id.`, { reason: 'store_record' });
}

/**
 * Device Link messages. On the wire each is a property-list array with its name at index 0:
 *
 * | message                                     | elements after the name                  |
 * |---------------------------------------------|------------------------------------------|
 * | DLMessageVersionExchange                    | major, minor                             |
 * | DLMessageDeviceReady                        |                                          |
 * | DLMessageDownloadFiles                      | [path], opts, progress, total bytes      |
 * | DLMessageUploadFiles                        | opts, progress, total bytes              |
 * | DLMessageGetFreeDiskSpace                   |                                          |
 * | DLMessagePurgeDiskSpace                     | bytes, urgency                           |
 * | DLContentsOfDirectory                       | path, opts                               |
 * | DLMessageCreateDirectory                    | path, opts, progress                     |
 * | DLMessageMoveItems, older …MoveFiles        | {from: to}, opts, progress               |
 * | DLMessageRemoveItems, older …RemoveFiles    | [path], opts, progress                   |
 * | DLMessageCopyItem                           | from, to, opts, progress                 |
 * | DLMessageProcessMessage                     | dictionary                               |
 * | DLMessageDisconnect, DLMessagePing          | text                                     |
 *
 * Shapes as logged in libimobiledevice's issues; the tails of …Directory, Move, Remove and Copy are inferred, so only what clients prove is read.
 */
import { asArray, asDict, asInteger, asString } from '../../plist/fields.js';
import { PlistReal, type PlistValue, plistDict } from '../../plist/value.js';
import type { PlistDict } from '../../plist/value.js';
import { malformed } from './malformed.js';

/** Travels where a text is absent (seen in every client). */
export const EMPTY_PARAMETER = '___EmptyParameterString___';

export interface Rename {
  readonly from: string;
  readonly to: string;
}

/** What the device may ask of the host. `percent` is its overall progress, 0-100, once this request is done. */
export type DeviceRequest =
  | { readonly kind: 'versionExchange'; readonly major: number; readonly minor: number }
  | { readonly kind: 'deviceReady' }
  | { readonly kind: 'downloadFiles'; readonly paths: readonly string[]; readonly percent: number | undefined }
  | { readonly kind: 'uploadFiles'; readonly percent: number | undefined; readonly totalBytes: number }
  | { readonly kind: 'freeDiskSpace' }
  | { readonly kind: 'purgeDiskSpace'; readonly bytes: number }
  | { readonly kind: 'listDirectory'; readonly path: string }
  | { readonly kind: 'createDirectory'; readonly path: string; readonly percent: number | undefined }
  | { readonly kind: 'moveItems'; readonly renames: readonly Rename[]; readonly percent: number | undefined }
  | { readonly kind: 'removeItems'; readonly paths: readonly string[]; readonly percent: number | undefined }
  | { readonly kind: 'copyItem'; readonly from: string; readonly to: string; readonly percent: number | undefined }
  | { readonly kind: 'processMessage'; readonly content: PlistDict }
  | { readonly kind: 'disconnect'; readonly reason: string | undefined }
  | { readonly kind: 'ping' }
  /** Answered with a status, never left hanging. */
  | { readonly kind: 'unknown'; readonly tag: string };

/** @throws IbkError `device_error`, reason `protocol`, naming the element that is not what it should be */
export function decodeRequest(message: PlistValue): DeviceRequest {
  const m = asArray(message, 'The message');
  const tag = asString(m[0], 'The name of the message');
  switch (tag) {
    case 'DLMessageVersionExchange':
      return {
        kind: 'versionExchange',
        major: asInteger(m[1], `${tag}[1]`),
        minor: m[2] === undefined ? 0 : asInteger(m[2], `${tag}[2]`),
      };
    case 'DLMessageDeviceReady':
      return { kind: 'deviceReady' };
    case 'DLMessageDownloadFiles':
      return { kind: 'downloadFiles', paths: asPaths(m[1], tag), percent: percentAt(m[3]) };
    case 'DLMessageUploadFiles':
      return { kind: 'uploadFiles', percent: percentAt(m[2]), totalBytes: bytesAt(m[3]) };
    case 'DLMessageGetFreeDiskSpace':
      return { kind: 'freeDiskSpace' };
    case 'DLMessagePurgeDiskSpace':
      return { kind: 'purgeDiskSpace', bytes: bytesAt(m[1]) };
    case 'DLContentsOfDirectory':
    case 'DLMessageContentsOfDirectory':
      return { kind: 'listDirectory', path: asPath(m[1], `${tag}[1]`) };
    case 'DLMessageCreateDirectory':
      return { kind: 'createDirectory', path: asPath(m[1], `${tag}[1]`), percent: percentAt(m[3]) };
    case 'DLMessageMoveItems':
    case 'DLMessageMoveFiles':
      return { kind: 'moveItems', renames: asRenames(m[1], tag), percent: percentAt(m[3]) };
    case 'DLMessageRemoveItems':
    case 'DLMessageRemoveFiles':
      return { kind: 'removeItems', paths: asPaths(m[1], tag), percent: percentAt(m[3]) };
    case 'DLMessageCopyItem':
      return {
        kind: 'copyItem',
        from: asPath(m[1], `${tag}[1]`),
        to: asPath(m[2], `${tag}[2]`),
        percent: percentAt(m[3]) ?? percentAt(m[4]),
      };
    case 'DLMessageProcessMessage':
      return { kind: 'processMessage', content: asDict(m[1], `${tag}[1]`) };
    case 'DLMessageDisconnect':
      return { kind: 'disconnect', reason: presentText(m[1]) };
    case 'DLMessagePing':
      return { kind: 'ping' };
    default:
      return { kind: 'unknown', tag };
  }
}

function asPaths(value: PlistValue | undefined, tag: string): string[] {
  return asArray(value, `${tag}[1]`).map((path, index) => asPath(path, `${tag}[1][${index}]`));
}

/** Half of a surrogate pair could not be sent back as UTF-8, nor name a file on every disk. */
function asPath(value: PlistValue | undefined, what: string): string {
  const path = asString(value, what);
  if (/\p{Surrogate}/u.test(path)) throw malformed(`${what} is not Unicode`);
  return path;
}

function asRenames(value: PlistValue | undefined, tag: string): Rename[] {
  const pairs = asDict(value, `${tag}[1]`);
  return Object.keys(pairs).map((from) => ({
    from: asPath(from, `${tag}[1] source`),
    to: asPath(pairs[from], `${tag}[1] target`),
  }));
}

/** The phone sends a real; an integer, and nothing at all, are taken too. Anything else is not worth failing a backup for. */
function percentAt(value: PlistValue | undefined): number | undefined {
  const number = value instanceof PlistReal ? value.value : typeof value === 'bigint' ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isFinite(number)) return undefined;
  return Math.min(100, Math.max(0, number));
}

function bytesAt(value: PlistValue | undefined): number {
  const number = value instanceof PlistReal ? value.value : typeof value === 'bigint' ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) && number > 0 ? number : 0;
}

function presentText(value: PlistValue | undefined): string | undefined {
  return typeof value === 'string' && value !== EMPTY_PARAMETER && value !== '' ? value : undefined;
}

export function versionReply(major: number): PlistValue {
  return ['DLMessageVersionExchange', 'DLVersionsOk', major];
}

export function processMessage(content: PlistDict): PlistValue {
  return ['DLMessageProcessMessage', content];
}

export function disconnectMessage(): PlistValue {
  return ['DLMessageDisconnect', EMPTY_PARAMETER];
}

/**
 * The one answer to a request: always four elements, and a negative code as a plain signed integer.
 * @param payload an integer for free space, a dictionary for listings and per-file errors, else nothing
 */
export function statusResponse(code: number, text?: string, payload: PlistValue = plistDict()): PlistValue {
  return ['DLMessageStatusResponse', code, text === undefined || text === '' ? EMPTY_PARAMETER : text, payload];
}

/** One failed path of a -13 answer. The key of the dictionary is the path exactly as the device sent it. */
export function fileError(code: number, text: string): PlistDict {
  return plistDict({ DLFileErrorString: text, DLFileErrorCode: code });
}

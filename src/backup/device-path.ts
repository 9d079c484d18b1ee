/**
 * Names that come from a device, checked before anything is done with them.
 *
 * The device names files as `<UDID>/…`, relative to the backup root. A name that leaves `<UDID>/` ends the run (`unsafe`): no iPhone does this. A name that
 * stays inside but that not every disk can hold is refused with a status, and the run goes on.
 */
import { IbkError } from '../errors.js';
import { FILE_ID, isMetadataFile } from './layout.js';

declare const checked: unique symbol;

/** Path inside `<UDID>/`, components joined by `/`, checked; empty for the folder itself. */
export type DevicePath = string & { readonly [checked]: true };

/** A name that stays inside, yet cannot be stored everywhere. */
export class UnstorableName extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'UnstorableName';
  }
}

const MAX_COMPONENT_BYTES = 255;
const MAX_DEPTH = 16;
const MAX_PATH_BYTES = 1024;
const DOS_DEVICE = /^(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?:\..*)?$/i;
const UNSTORABLE = /[\u0000-\u001f\u007f:*?"<>|]/;

/**
 * The path below the device's own folder.
 * @throws IbkError `unsafe`: `..`, absolute, NUL, backslash, a drive letter, or another folder than the device's own
 * @throws UnstorableName too long, too deep, or with characters that some file systems refuse
 */
export function resolveDevicePath(udid: string, wire: string): DevicePath {
  const canonical = canonicalPath(udid, wire);
  if (canonical !== undefined) return canonical;
  if (wire.includes('\0') || wire.includes('\\')) throw outside(wire);
  const [first, ...rest] = wire.split('/');
  if (first !== udid || rest.includes('..')) throw outside(wire);
  const parts = rest.filter((part) => part !== '' && part !== '.');
  if (parts.some((part) => part === '.ibk' || /^[A-Za-z]:/.test(part))) throw outside(wire);
  if (Buffer.byteLength(wire) > MAX_PATH_BYTES) throw new UnstorableName('File name too long');
  if (parts.length > MAX_DEPTH) throw new UnstorableName('Folders nested too deep');
  for (const part of parts) checkComponent(part);
  return parts.join('/') as DevicePath;
}

/** The names that iPhones do use, without taking the path apart: this runs once or twice for every file. */
function canonicalPath(udid: string, wire: string): DevicePath | undefined {
  if (!wire.startsWith(udid) || wire.charCodeAt(udid.length) !== 0x2f) return undefined;
  const path = wire.slice(udid.length + 1);
  return CANONICAL.test(path) ? (path as DevicePath) : undefined;
}

const CANONICAL = /^(?:Snapshot\/)?(?:[0-9a-f]{2}\/)?[0-9a-f]{40}$/;

function checkComponent(part: string): void {
  if (Buffer.byteLength(part) > MAX_COMPONENT_BYTES) throw new UnstorableName('File name too long');
  if (UNSTORABLE.test(part)) throw new UnstorableName('File name with characters that cannot be stored');
  if (/[. ]$/.test(part)) throw new UnstorableName('File name that ends with a dot or a space');
  if (DOS_DEVICE.test(part)) throw new UnstorableName('File name that is reserved on some systems');
}

function outside(wire: string): IbkError {
  return new IbkError('unsafe', 'Refused: the iPhone asked to write outside its backup folder.', {
    reason: 'path_escape',
    details: { path: wire.length > 200 ? `${wire.slice(0, 200)}…` : wire },
  });
}

/** Is this a name of Apple's layout (with or without `Snapshot/`)? Others are kept too, with a warning. */
export function isKnownName(path: string): boolean {
  const inner = path.startsWith('Snapshot/') ? path.slice('Snapshot/'.length) : path;
  return inner === 'Snapshot' || isMetadataFile(inner) || CANONICAL.test(inner) || /^[0-9a-f]{2}$/.test(inner);
}

/** The fileID of a payload's path, else undefined. */
export function fileIdOf(path: string): string | undefined {
  const name = path.slice(path.lastIndexOf('/') + 1);
  return FILE_ID.test(name) ? name : undefined;
}

/**
 * Paths as a device sends them, `<UDID>/…`, turned into paths below its own folder. One that leaves it ends the run: no iPhone does this.
 * Whether a disk can hold the name is the overlay's to judge (names.ts).
 */
import { IbkError } from '../../errors.js';

/** @throws IbkError `unsafe`: absolute, `..`, NUL, backslash, a drive letter, or another folder than the device's own */
export function pathInFolder(udid: string, wire: string): string {
  const plain = canonical(udid, wire);
  if (plain !== undefined) return plain;
  const [first, ...rest] = wire.split('/');
  if (first !== udid || wire.includes('\0') || wire.includes('\\')) throw outside(wire);
  const parts = rest.filter((part) => part !== '' && part !== '.');
  if (parts.some((part) => part === '..' || /^[A-Za-z]:/.test(part) || part.toLowerCase() === '.ibk'))
    throw outside(wire);
  return parts.join('/');
}

/** The names that iPhones do use, without taking the path apart: this runs twice for every file. */
function canonical(udid: string, wire: string): string | undefined {
  if (!wire.startsWith(udid) || wire.charCodeAt(udid.length) !== SLASH) return undefined;
  const path = wire.slice(udid.length + 1);
  return CANONICAL.test(path) ? path : undefined;
}

const SLASH = 0x2f;
const CANONICAL = /^(?:Snapshot\/)?(?:[0-9a-f]{2}\/)?[0-9a-f]{40}$/;

function outside(wire: string): IbkError {
  return new IbkError('unsafe', 'Refused: the iPhone asked to write outside its backup folder.', {
    reason: 'path_escape',
    details: { path: wire.length > 200 ? `${wire.slice(0, 200)}…` : wire },
  });
}

/** For requests that have no business with a disk: a phone that asks for files all the same finds none, and can put none anywhere. */
import type { DeviceLinkHost } from '../protocol/devicelink/host.js';

function refuse(code: 'ENOENT' | 'EACCES'): never {
  throw Object.assign(new Error(code), { code });
}

export const noDiskHost: DeviceLinkHost = {
  freeSpace: () => 0,
  receive: () => refuse('EACCES'),
  open: () => refuse('ENOENT'),
  move: () => refuse('ENOENT'),
  copy: () => refuse('ENOENT'),
  remove: () => undefined,
  list: () => [],
  makeDirectory: () => refuse('EACCES'),
};

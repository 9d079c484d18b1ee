/**
 * Where usbmuxd listens.
 *
 *   UNIX:/path  unix:/path  unix:///path  /path     a Unix socket
 *   tcp://host:port  host:port  [v6]:port           TCP; a last colon divides, port 1-65535
 *
 * Clients differ in what they take (libusbmuxd falls back to the local phone where it does not understand); here anything else is an
 * error, so that a typing mistake in a script never addresses another phone.
 */
import { IbkError } from '../../errors.js';

export type MuxAddress =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number };

export type Platform = NodeJS.Platform;

/** Longest path of a Unix socket in bytes, on the stricter of Linux (108) and macOS (104), with the ending NUL. */
const LONGEST_SOCKET_PATH = 103;

const FORMS = 'Forms: UNIX:/path, /path, tcp://host:port, host:port, [v6]:port';

/** Windows: Apple Mobile Device Service on TCP; elsewhere the socket that libusbmuxd and Apple's own tools use. */
export function defaultMuxAddress(platform: Platform): MuxAddress {
  if (platform === 'win32') return { kind: 'tcp', host: '127.0.0.1', port: 27015 };
  return { kind: 'unix', path: '/var/run/usbmuxd' };
}

/** @throws IbkError `usage` */
export function parseMuxAddress(text: string, platform: Platform): MuxAddress {
  const socket = /^unix:(?:\/\/)?(.*)$/is.exec(text)?.[1];
  if (socket !== undefined) return unixAddress(socket, text, platform);
  if (text.startsWith('/')) return unixAddress(text, text, platform);
  const rest = /^tcp:\/\/(.*)$/is.exec(text)?.[1] ?? text;
  const [, v6, name, digits] = /^(?:\[([0-9a-fA-F:.%\w]+)\]|([^\s/[\]@]+)):([0-9]{1,5})$/.exec(rest) ?? [];
  const host = v6 ?? name;
  const port = Number(digits);
  if (host === undefined || !(port >= 1 && port <= 65535)) throw refused(text);
  return { kind: 'tcp', host, port };
}

function unixAddress(path: string, text: string, platform: Platform): MuxAddress {
  if (path === '' || path.includes('\0')) throw refused(text);
  if (platform === 'win32')
    throw new IbkError('usage', `The usbmuxd address "${text}" is a Unix socket, which Windows does not have.`, {
      hint: 'Use a TCP address: --usbmuxd 127.0.0.1:27015',
    });
  if (Buffer.byteLength(path) > LONGEST_SOCKET_PATH)
    throw new IbkError('usage', `The path of the usbmuxd socket is longer than ${LONGEST_SOCKET_PATH} bytes.`, {
      hint: 'Use a socket in a folder with a shorter path.',
    });
  return { kind: 'unix', path };
}

function refused(text: string): IbkError {
  return new IbkError('usage', `"${text}" is not an address of usbmuxd.`, { hint: FORMS });
}

/** As people write it: a path, or host:port. */
export function describeMuxAddress(address: MuxAddress): string {
  if (address.kind === 'unix') return address.path;
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

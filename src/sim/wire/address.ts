/** Where the simulated muxer listens: a Unix socket or a TCP address, written as other tools write it. */
import { mkdtemp } from 'node:fs/promises';
import { platform, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { IbkError } from '../../errors.js';

export type ListenAddress =
  | { readonly kind: 'unix'; readonly path: string; readonly temporaryFolder?: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number };

/** sockaddr_un holds 108 bytes with the final NUL on Linux, 104 on macOS. */
const MAX_UNIX_PATH = 103;

/**
 * Reads `UNIX:/path`, `unix:/path`, `/path`, `host:port` or `[v6]:port`; port 0 is any free one.
 * @throws IbkError `usage`
 */
export function parseListenAddress(text: string): ListenAddress {
  const unix = /^unix:(?:\/\/)?(.+)$/i.exec(text);
  const path = unix?.[1] ?? (text.startsWith('/') ? text : undefined);
  if (path !== undefined) {
    const full = resolve(path);
    if (Buffer.byteLength(full) > MAX_UNIX_PATH) {
      throw new IbkError('usage', `The socket path is longer than ${MAX_UNIX_PATH} bytes: ${full}`, {
        hint: 'Choose a shorter one, such as UNIX:/tmp/phone.sock',
      });
    }
    return { kind: 'unix', path: full };
  }
  const tcp = /^(?:tcp:\/\/)?(?:\[([0-9a-fA-F:.]+)\]|([^:\s]+)):(\d{1,5})$/.exec(text);
  const host = tcp?.[1] ?? tcp?.[2];
  const port = Number(tcp?.[3]);
  if (host === undefined || port > 65535) {
    throw new IbkError('usage', `"${text}" is not an address to listen at.`, {
      hint: 'Use UNIX:/tmp/phone.sock or 127.0.0.1:27015 (port 0: any free one).',
    });
  }
  return { kind: 'tcp', host, port };
}

/** A socket that only this user can reach, in a new folder of the temp folder; on Windows, which has none, any free port of this computer. */
export async function privateAddress(): Promise<ListenAddress> {
  if (platform() === 'win32') return { kind: 'tcp', host: '127.0.0.1', port: 0 };
  const temporaryFolder = await mkdtemp(join(tmpdir(), 'ibk-sim-'));
  return { kind: 'unix', path: join(temporaryFolder, 'phone.sock'), temporaryFolder };
}

/** The form that every client of usbmuxd takes from USBMUXD_SOCKET_ADDRESS. */
export function formatAddress(address: ListenAddress): string {
  if (address.kind === 'unix') return `UNIX:${address.path}`;
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

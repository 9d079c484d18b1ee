/** The words for a muxer that cannot be reached, per platform. */
import { IbkError } from '../../errors.js';
import { defaultMuxAddress, describeMuxAddress, type MuxAddress, type Platform } from './address.js';

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ENOENT: 'there is no such socket',
  ENOTSOCK: 'it is not a socket',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  ENOTFOUND: 'no such host',
  EAI_AGAIN: 'the name of the host cannot be looked up',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the network cannot be reached',
  ETIMEDOUT: 'no answer',
  ECONNRESET: 'the connection was reset',
};

const ADVICE: Readonly<Partial<Record<Platform, string>>> = {
  win32:
    'Install "Apple Devices" from the Microsoft Store (or iTunes), then start the service "Apple Mobile Device Service".',
  darwin: 'sudo launchctl kickstart -k system/com.apple.usbmuxd    (or restart the Mac)',
};

const LINUX_ADVICE = 'sudo systemctl start usbmuxd    (not installed: sudo apt install usbmuxd)';

/** What people call the program that is missing. */
export function muxerName(platform: Platform): string {
  return platform === 'win32' ? 'Apple Mobile Device Service' : 'usbmuxd';
}

export function muxerUnreachable(address: MuxAddress, platform: Platform, cause: unknown): IbkError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : undefined;
  const why = (code === undefined ? undefined : REASONS[code]) ?? code ?? (cause instanceof Error ? cause.message : '');
  const where = describeMuxAddress(address);
  const isDefault = where === describeMuxAddress(defaultMuxAddress(platform));
  return new IbkError('usbmuxd', `${muxerName(platform)} cannot be reached at ${where}: ${why}.`, {
    meaning: 'Without it no program on this computer can see an iPhone.',
    hint: isDefault
      ? (ADVICE[platform] ?? LINUX_ADVICE)
      : 'Check the address that was given: --usbmuxd ADDR, or USBMUXD_SOCKET_ADDRESS.',
    reason: 'unreachable',
    details: { address: where },
    cause,
  });
}

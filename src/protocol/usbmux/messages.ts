/** usbmuxd messages: what ibk asks, and the daemon's answers and events as a union. Facts: protocol of libusbmuxd and usbmuxd. */
import type { Link } from '../../events.js';
import { asArray, asDict, asInteger, asString, field, optionalString } from '../../plist/fields.js';
import { type PlistDict, type PlistValue, plistDict } from '../../plist/value.js';
import { malformed } from './framing.js';
import { normalizeUdid } from './udid.js';

/** One way to one device. A phone on cable and Wi-Fi is listed twice, with two numbers. */
export interface MuxDevice {
  /** The daemon's number; valid until the device is detached. */
  readonly deviceId: number;
  /** In its usual form (udid.ts). */
  readonly udid: string;
  readonly link: Link;
}

export type MuxEvent =
  | { readonly kind: 'attached'; readonly device: MuxDevice }
  | { readonly kind: 'detached'; readonly deviceId: number }
  | { readonly kind: 'paired'; readonly deviceId: number }
  | { readonly kind: 'unknown' };

export const RESULT = { ok: 0, badCommand: 1, badDevice: 2, refused: 3, noService: 4, badVersion: 6 } as const;

/** Most devices that a list may have; racks have tens. */
const MOST_DEVICES = 4096;

export function request(messageType: string, extra: Readonly<Record<string, PlistValue | undefined>> = {}): PlistDict {
  return plistDict({
    MessageType: messageType,
    ClientVersionString: 'ibk',
    ProgName: 'ibk',
    kLibUSBMuxVersion: 3,
    ...extra,
  });
}

/** Port numbers travel in network order inside a little-endian integer: 62078 is sent as 32498. */
export function swapPort(port: number): number {
  return ((port & 0xff) << 8) | (port >>> 8);
}

/** The `Number` of a `Result`, or undefined for any other message. */
export function decodeResult(message: PlistDict): number | undefined {
  if (field(message, 'MessageType') !== 'Result') return undefined;
  return checked(() => asInteger(field(message, 'Number'), 'Result.Number'));
}

export function decodeDeviceList(message: PlistDict): MuxDevice[] {
  return checked(() => {
    const entries = asArray(field(message, 'DeviceList'), 'DeviceList');
    if (entries.length > MOST_DEVICES) throw malformed(`a list of ${entries.length} devices`);
    return entries
      .map((entry) => decodeDevice(asDict(entry, 'DeviceList entry')))
      .filter((device) => device !== undefined);
  });
}

export function decodeEvent(message: PlistDict): MuxEvent {
  return checked(() => {
    switch (field(message, 'MessageType')) {
      case 'Attached': {
        const device = decodeDevice(message);
        return device === undefined ? { kind: 'unknown' } : { kind: 'attached', device };
      }
      case 'Detached':
        return { kind: 'detached', deviceId: asInteger(field(message, 'DeviceID'), 'Detached.DeviceID') };
      case 'Paired':
        return { kind: 'paired', deviceId: asInteger(field(message, 'DeviceID'), 'Paired.DeviceID') };
      default:
        return { kind: 'unknown' };
    }
  });
}

/** Undefined for what cannot be used: a serial number that is no UDID, a kind of connection that nobody knows. */
function decodeDevice(entry: PlistDict): MuxDevice | undefined {
  const properties = asDict(field(entry, 'Properties'), 'Properties');
  const udid = normalizeUdid(asString(field(properties, 'SerialNumber'), 'SerialNumber'));
  const deviceId = asInteger(field(entry, 'DeviceID') ?? field(properties, 'DeviceID'), 'DeviceID');
  const type = optionalString(properties, 'ConnectionType');
  const link = type === 'USB' ? 'usb' : type === 'Network' ? 'network' : undefined;
  if (udid === undefined || link === undefined) return undefined;
  return { deviceId, udid, link };
}

function checked<T>(decode: () => T): T {
  try {
    return decode();
  } catch (cause) {
    throw malformed(cause instanceof Error ? cause.message.replace(/\.$/, '') : 'a field', cause);
  }
}

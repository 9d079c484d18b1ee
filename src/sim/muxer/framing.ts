/**
 * usbmuxd packets, the muxer's side: four u32 little-endian (length of the whole packet, version, message, tag), then an XML plist.
 * Version 1 and message 8 are all that clients of the last decade use.
 */
import { buildXmlPlist, parsePlist } from '../../plist/codec.js';
import { isPlistDict, type PlistDict } from '../../plist/value.js';
import type { PullReader } from '../wire/pull-reader.js';

export const HEADER_BYTES = 16;
const PLIST_MESSAGE = 8;
/** The Linux daemon's command buffer. */
const MAX_PACKET_BYTES = 64 * 1024;

export type MuxPacket =
  | { readonly kind: 'plist'; readonly tag: number; readonly body: PlistDict }
  /** Understood far enough to be refused with a Result. */
  | { readonly kind: 'unsupported'; readonly tag: number; readonly why: string; readonly result: 1 | 6 }
  /** Not a packet at all: the daemon closes the connection. */
  | { readonly kind: 'broken'; readonly why: string }
  | { readonly kind: 'end' };

export async function readMuxPacket(reader: PullReader): Promise<MuxPacket> {
  const head = await reader.exactly(HEADER_BYTES);
  if (head === undefined) return { kind: 'end' };
  const length = head.readUInt32LE(0);
  const version = head.readUInt32LE(4);
  const message = head.readUInt32LE(8);
  const tag = head.readUInt32LE(12);
  if (length < HEADER_BYTES || length > MAX_PACKET_BYTES) return { kind: 'broken', why: `packet length ${length}` };
  const body = length === HEADER_BYTES ? Buffer.alloc(0) : await reader.exactly(length - HEADER_BYTES);
  if (body === undefined) return { kind: 'end' };
  if (version !== 1) return { kind: 'unsupported', tag, why: `packet version ${version}`, result: 6 };
  if (message !== PLIST_MESSAGE) return { kind: 'unsupported', tag, why: `message ${message}`, result: 1 };
  if (body.subarray(0, 8).toString('latin1') === 'bplist00') {
    return { kind: 'unsupported', tag, why: 'a binary property list', result: 1 };
  }
  try {
    const value = parsePlist(body, 'packet');
    if (isPlistDict(value)) return { kind: 'plist', tag, body: value };
    return { kind: 'unsupported', tag, why: 'a packet that is no dictionary', result: 1 };
  } catch (error) {
    return { kind: 'unsupported', tag, why: error instanceof Error ? error.message : String(error), result: 1 };
  }
}

export function encodeMuxPacket(tag: number, body: PlistDict): Buffer {
  const xml = buildXmlPlist(body);
  const packet = Buffer.allocUnsafe(HEADER_BYTES + xml.length);
  packet.writeUInt32LE(packet.length, 0);
  packet.writeUInt32LE(1, 4);
  packet.writeUInt32LE(PLIST_MESSAGE, 8);
  packet.writeUInt32LE(tag, 12);
  xml.copy(packet, HEADER_BYTES);
  return packet;
}

/** `PortNumber` travels with its two bytes swapped. */
export function swapPort(port: number): number {
  return ((port & 0xff) << 8) | (port >>> 8);
}

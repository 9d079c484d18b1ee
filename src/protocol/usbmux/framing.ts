/**
 * usbmuxd packets: a 16-byte header of little-endian u32s, then an XML property list.
 *
 *   0  length   whole packet, header included
 *   4  version  1 (property lists)
 *   8  message  8 (Plist); 1 (Result) from daemons that only know the binary protocol of before 2011
 *  12  tag      chosen by the client and echoed; events carry 0
 */
import { IbkError } from '../../errors.js';
import type { ByteReader } from '../../io/byte-reader.js';
import { buildXmlPlist, parsePlist } from '../../plist/codec.js';
import { asDict } from '../../plist/fields.js';
import type { PlistDict } from '../../plist/value.js';

export const HEADER_BYTES = 16;
/** Real answers are a few KiB; a list of a thousand devices stays under 1 MiB. */
export const MOST_BODY_BYTES = 4 * 1024 * 1024;
const VERSION_PLIST = 1;
const MESSAGE_RESULT = 1;
const MESSAGE_PLIST = 8;

export function encodePacket(message: PlistDict, tag: number): Buffer {
  const body = buildXmlPlist(message);
  const packet = Buffer.allocUnsafe(HEADER_BYTES + body.length);
  packet.writeUInt32LE(packet.length, 0);
  packet.writeUInt32LE(VERSION_PLIST, 4);
  packet.writeUInt32LE(MESSAGE_PLIST, 8);
  packet.writeUInt32LE(tag, 12);
  body.copy(packet, HEADER_BYTES);
  return packet;
}

export interface Packet {
  readonly message: PlistDict;
  readonly bytes: number;
}

/** @throws IbkError `usbmuxd` (reason `protocol`) for what is no packet or beyond the limit, `connection_lost` at the end */
export async function readPacket(reader: ByteReader, signal: AbortSignal): Promise<Packet> {
  const header = await reader.exactly(HEADER_BYTES, signal);
  const length = header.readUInt32LE(0);
  const message = header.readUInt32LE(8);
  if (message === MESSAGE_RESULT) throw malformed('it speaks the binary protocol of before 2011');
  if (message !== MESSAGE_PLIST) throw malformed(`message type ${message}`);
  if (length < HEADER_BYTES || length - HEADER_BYTES > MOST_BODY_BYTES) throw malformed(`a packet of ${length} bytes`);
  const body = await reader.exactly(length - HEADER_BYTES, signal);
  try {
    const value = parsePlist(body, 'The packet', { maxBytes: MOST_BODY_BYTES, maxValues: 200_000, maxDepth: 16 });
    return { message: asDict(value, 'The packet'), bytes: body.length };
  } catch (cause) {
    throw malformed('a packet that is no property list', cause);
  }
}

export function malformed(what: string, cause?: unknown): IbkError {
  return new IbkError('usbmuxd', `usbmuxd gave an answer that cannot be understood: ${what}.`, {
    reason: 'protocol',
    hint: 'Is the address right? Then update or restart usbmuxd: ibk doctor',
    cause,
  });
}

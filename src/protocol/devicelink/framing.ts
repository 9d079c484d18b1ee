/**
 * Device Link frames: `u32be length | property list whose root is an array`.
 *
 * The device sends binary lists; XML is read as well. Binary is what we send, as libimobiledevice does.
 */
import type { ByteReader } from '../../io/byte-reader.js';
import { buildBinaryPlist, parsePlist } from '../../plist/codec.js';
import type { PlistValue } from '../../plist/value.js';
import { malformed } from './malformed.js';

/** A version exchange and the like are under a hundred bytes. */
export const HANDSHAKE_LIMIT = 64 * 1024;
/** 90,000 pairs of a MoveItems. libimobiledevice 1.2 took none of 16 MiB or more (property_list_service.c), so no phone that worked with it sends one. */
export const MESSAGE_LIMIT = 16 * 1024 * 1024;

export interface ReceivedFrame {
  readonly value: PlistValue;
  readonly bytes: number;
}

/**
 * Reads one message. Nothing is kept in memory for a length beyond `limit`.
 * @throws IbkError `device_error` (reason `protocol` or `plist`), `connection_lost`, or the signal's reason
 */
export async function readFrame(reader: ByteReader, limit: number, signal: AbortSignal): Promise<ReceivedFrame> {
  const head = reader.take(4) ?? (await reader.exactly(4, signal));
  const length = head.readUInt32BE(0);
  if (length === 0 || length > limit) {
    throw malformed(`a message announced ${length} bytes; 1 to ${limit} are possible here`);
  }
  const body = reader.take(length) ?? (await reader.exactly(length, signal));
  return { value: parsePlist(body, 'A Device Link message', { maxBytes: limit }), bytes: length };
}

/** The two pieces of a frame: its length and its body. */
export function buildFrame(message: PlistValue): [Buffer, Buffer] {
  const body = buildBinaryPlist(message);
  const head = Buffer.allocUnsafe(4);
  head.writeUInt32BE(body.length, 0);
  return [head, body];
}

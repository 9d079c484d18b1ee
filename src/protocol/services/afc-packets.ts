/**
 * AFC packets: a 40-byte header, parameters, payload. All numbers are u64 little-endian.
 *
 *   0  "CFA6LPAA"     16  this length: header + parameters     32  operation
 *   8  entire length  24  packet number, from 1, echoed
 */
import { IbkError } from '../../errors.js';
import { asSafeNumber } from './u64.js';

export const AFC_HEADER_BYTES = 40;
const MAGIC = Buffer.from('CFA6LPAA');
/** Files that are read are a few MiB; a read asks for 64 KiB at a time. */
const MOST_BYTES = 16 * 1024 * 1024;

export const AFC_OP = {
  status: 0x01,
  data: 0x02,
  remove: 0x08,
  makeDirectory: 0x09,
  fileInfo: 0x0a,
  open: 0x0d,
  opened: 0x0e,
  read: 0x0f,
  write: 0x10,
  close: 0x14,
  lock: 0x1b,
} as const;

export type AfcOperation = keyof typeof AFC_OP;

/** Open modes: idevicebackup2 opens its lock file with 2, and the list of apps that it writes with 4. */
export const AFC_MODE = { read: 1, readWriteCreate: 2, writeTruncate: 3, readWriteTruncate: 4 } as const;

/** flock with LOCK_NB. */
export const AFC_LOCK = { exclusive: 6, unlock: 12 } as const;

export const AFC_STATUS = {
  ok: 0,
  notFound: 8,
  permissionDenied: 10,
  exists: 16,
  busy: 17,
  wouldBlock: 19,
} as const;

export function encodeAfcPacket(operation: number, packetNumber: number, parameters: Buffer, payloadBytes = 0): Buffer {
  const packet = Buffer.alloc(AFC_HEADER_BYTES + parameters.length);
  MAGIC.copy(packet);
  packet.writeBigUInt64LE(BigInt(packet.length + payloadBytes), 8);
  packet.writeBigUInt64LE(BigInt(packet.length), 16);
  packet.writeBigUInt64LE(BigInt(packetNumber), 24);
  packet.writeBigUInt64LE(BigInt(operation), 32);
  parameters.copy(packet, AFC_HEADER_BYTES);
  return packet;
}

export interface AfcHeader {
  readonly operation: number;
  readonly packetNumber: number;
  /** Parameters and payload together. */
  readonly bodyBytes: number;
}

/** @throws IbkError `device_error` for what is no AFC packet or too long */
export function decodeAfcHeader(header: Buffer): AfcHeader {
  const entire = header.readBigUInt64LE(8);
  const own = header.readBigUInt64LE(16);
  const sound = header.subarray(0, 8).equals(MAGIC) && own >= 40n && own <= entire && entire <= BigInt(MOST_BYTES);
  if (!sound) throw new IbkError('device_error', 'AFC answered with a malformed packet.', { reason: 'protocol' });
  return {
    operation: asSafeNumber(header.readBigUInt64LE(32)),
    packetNumber: asSafeNumber(header.readBigUInt64LE(24)),
    bodyBytes: Number(entire) - AFC_HEADER_BYTES,
  };
}

export function u64s(...values: readonly (number | bigint)[]): Buffer {
  const bytes = Buffer.alloc(values.length * 8);
  for (const [index, value] of values.entries()) bytes.writeBigUInt64LE(BigInt(value), index * 8);
  return bytes;
}

export function pathBytes(path: string): Buffer {
  return Buffer.from(`${path}\0`);
}

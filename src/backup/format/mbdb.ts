/**
 * Manifest.mbdb (iOS 4-9): `6d 62 64 62 05 00`, then records to the end of the file.
 *
 * | field                                             | type                          |
 * |---------------------------------------------------|-------------------------------|
 * | domain, relativePath, target, digest, key         | u16be length (ffff: none), bytes |
 * | mode u16, inode u64, uid u32, gid u32             |                               |
 * | mtime, ctime, birth u32; size u64; class u8       |                               |
 * | count of attributes u8, then name and value each  | as above                      |
 */
import { createHash } from 'node:crypto';
import { IbkError } from '../../errors.js';

const MAGIC = Buffer.from('6d6264620500', 'hex');
const FIXED_BYTES = 40;
const REGULAR_FILE = 0x8000;

export interface MbdbRecord {
  readonly domain: string;
  readonly relativePath: string;
  readonly mode: number;
  readonly sizeBytes: bigint;
}

/** @throws IbkError `damaged`, reason `manifest` */
export function* readMbdb(bytes: Buffer): Generator<MbdbRecord> {
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) throw bad('it does not begin as one');
  const cursor = { bytes, at: MAGIC.length };
  while (cursor.at < bytes.length) {
    const domain = text(cursor);
    const relativePath = text(cursor);
    for (let skipped = 0; skipped < 3; skipped++) string(cursor);
    const start = cursor.at;
    if (start + FIXED_BYTES > bytes.length) throw bad('it ends in the middle of a record');
    cursor.at += FIXED_BYTES;
    const attributes = bytes.readUInt8(start + 39);
    for (let skipped = 0; skipped < attributes * 2; skipped++) string(cursor);
    yield { domain, relativePath, mode: bytes.readUInt16BE(start), sizeBytes: bytes.readBigUInt64BE(start + 30) };
  }
}

/** SHA-1 of `domain-relativePath` in hex: the name of the payload. */
export function fileIdFor(domain: string, relativePath: string): string {
  return createHash('sha1').update(`${domain}-${relativePath}`).digest('hex');
}

export function isRegularFile(record: MbdbRecord): boolean {
  return (record.mode & 0xf000) === REGULAR_FILE;
}

interface Cursor {
  readonly bytes: Buffer;
  at: number;
}

function string(cursor: Cursor): Buffer {
  if (cursor.at + 2 > cursor.bytes.length) throw bad('it ends in the middle of a record');
  const length = cursor.bytes.readUInt16BE(cursor.at);
  const start = cursor.at + 2;
  const end = length === 0xffff ? start : start + length;
  if (end > cursor.bytes.length) throw bad('a field is longer than the file');
  cursor.at = end;
  return cursor.bytes.subarray(start, end);
}

function text(cursor: Cursor): string {
  return string(cursor).toString('utf8');
}

function bad(why: string): IbkError {
  return new IbkError('damaged', `Manifest.mbdb is damaged: ${why}.`, { reason: 'manifest' });
}

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

export const MBDB_MAGIC = Buffer.from('6d6264620500', 'hex');
/** Of a record's numbers. */
export const FIXED_BYTES = 40;
const NONE = 0xffff;
const KIND_BITS = 0xf000;
const REGULAR_FILE = 0x8000;
const MOST_ATTRIBUTES = 255;
/** No record is longer: five fields, the fixed part, 255 attributes. */
export const LONGEST_RECORD = (5 + 2 * MOST_ATTRIBUTES) * (2 + NONE) + FIXED_BYTES;

/** Buffers are views on the bytes that were parsed. */
export interface MbdbRecord {
  readonly domain: string;
  readonly relativePath: string;
  readonly target: string | undefined;
  readonly digest: Buffer | undefined;
  /** `class u32le | wrapped key (40 bytes)` */
  readonly wrappedKey: Buffer | undefined;
  /** With the bits of the kind. */
  readonly mode: number;
  readonly inode: bigint;
  readonly userId: number;
  readonly groupId: number;
  /** Unix seconds. */
  readonly mtime: number;
  readonly ctime: number;
  readonly btime: number;
  readonly sizeBytes: bigint;
  readonly protectionClass: number;
  readonly attributes: readonly (readonly [name: string, value: Buffer])[];
}

/** The whole file in memory. @throws IbkError `damaged`, reason `manifest` */
export function* readMbdb(bytes: Buffer): Generator<MbdbRecord> {
  checkMbdbStart(bytes);
  for (let at = MBDB_MAGIC.length; at < bytes.length; ) {
    const { record, end } = parseMbdbRecord(bytes, at) ?? endsEarly();
    yield record;
    at = end;
  }
}

/** @throws IbkError `damaged`, reason `manifest` */
export function checkMbdbStart(bytes: Buffer): void {
  if (!bytes.subarray(0, MBDB_MAGIC.length).equals(MBDB_MAGIC)) throw bad('it does not begin as one');
}

/** The record at `at`, and where the next one begins; undefined: it goes on beyond the end of `bytes`. */
export function parseMbdbRecord(bytes: Buffer, at: number): { record: MbdbRecord; end: number } | undefined {
  const fields: (Buffer | undefined)[] = [];
  let end = at;
  const take = (): boolean => {
    if (end + 2 > bytes.length) return false;
    const length = bytes.readUInt16BE(end);
    const start = end + 2;
    const after = length === NONE ? start : start + length;
    if (after > bytes.length) return false;
    fields.push(length === NONE ? undefined : bytes.subarray(start, after));
    end = after;
    return true;
  };
  for (let field = 0; field < 5; field++) if (!take()) return undefined;
  const fixed = end;
  if (fixed + FIXED_BYTES > bytes.length) return undefined;
  end += FIXED_BYTES;
  for (let field = 0; field < bytes.readUInt8(fixed + 39) * 2; field++) if (!take()) return undefined;
  const [domain, relativePath, target, digest, wrappedKey, ...attributes] = fields;
  const record: MbdbRecord = {
    domain: text(domain),
    relativePath: text(relativePath),
    target: target?.toString('utf8'),
    digest,
    wrappedKey,
    mode: bytes.readUInt16BE(fixed),
    inode: bytes.readBigUInt64BE(fixed + 2),
    userId: bytes.readUInt32BE(fixed + 10),
    groupId: bytes.readUInt32BE(fixed + 14),
    mtime: bytes.readUInt32BE(fixed + 18),
    ctime: bytes.readUInt32BE(fixed + 22),
    btime: bytes.readUInt32BE(fixed + 26),
    sizeBytes: bytes.readBigUInt64BE(fixed + 30),
    protectionClass: bytes.readUInt8(fixed + 38),
    attributes: pairs(attributes),
  };
  return { record, end };
}

/** SHA-1 of `domain-relativePath` in hex: the name of the payload. */
export function fileIdFor(domain: string, relativePath: string): string {
  return createHash('sha1').update(`${domain}-${relativePath}`).digest('hex');
}

export function isRegularFile(record: Pick<MbdbRecord, 'mode'>): boolean {
  return (record.mode & KIND_BITS) === REGULAR_FILE;
}

/** @throws IbkError `damaged`, reason `manifest` */
export function endsEarly(): never {
  throw bad('it ends in the middle of a record');
}

function pairs(fields: readonly (Buffer | undefined)[]): [string, Buffer][] {
  const found: [string, Buffer][] = [];
  for (let at = 0; at + 1 < fields.length; at += 2) found.push([text(fields[at]), fields[at + 1] ?? Buffer.alloc(0)]);
  return found;
}

function text(bytes: Buffer | undefined): string {
  return bytes?.toString('utf8') ?? '';
}

function bad(why: string): IbkError {
  return new IbkError('damaged', `Manifest.mbdb is damaged: ${why}.`, { reason: 'manifest' });
}

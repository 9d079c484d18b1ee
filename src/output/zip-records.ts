/**
 * Records of a zip archive (APPNOTE.TXT 6.3): all numbers little-endian.
 *
 * | record             | signature    | when                                                        |
 * |--------------------|--------------|-------------------------------------------------------------|
 * | local header       | `PK\x03\x04` | before each file                                            |
 * | data descriptor    | `PK\x07\x08` | behind a file whose size was not known before (flag bit 3)  |
 * | central entry      | `PK\x01\x02` | one a file, at the end                                      |
 * | zip64 end, locator | `PK\x06\x06`, `PK\x06\x07` | where a number does not fit in 16 or 32 bits  |
 * | end                | `PK\x05\x06` | last                                                        |
 *
 * Names are UTF-8 (flag bit 11). Times: DOS time is local and coarse, so each entry has the Unix time too (extra field 0x5455).
 */
export interface ZipEntry {
  readonly name: Buffer;
  /** 0 stored, 8 deflated. */
  readonly method: 0 | 8;
  /** Sizes and CRC stand behind the data. */
  readonly described: boolean;
  /** Sizes may need 64 bits: the descriptor has room for them. */
  readonly large: boolean;
  readonly crc: number;
  readonly packedBytes: number;
  readonly plainBytes: number;
  readonly mtime: number;
  /** With the kind of file, as Unix has it: 0o100644. */
  readonly unixMode: number;
  /** Of its local header. */
  readonly offset: number;
}

const UTF8 = 0x0800;
const DESCRIBED = 0x0008;
const MOST_32 = 0xffff_ffff;
const MOST_16 = 0xffff;
const MADE_BY_UNIX = (3 << 8) | 45;
const NEEDS_ZIP64 = 45;
const NEEDS_DEFLATE = 20;

export function localHeader(entry: ZipEntry): Buffer {
  const { described, large, name } = entry;
  const sizes = described ? [0, 0, 0] : [entry.crc, entry.packedBytes, entry.plainBytes];
  // Both sizes must stand there; behind the data are the real ones.
  const zip64 = large ? extraField(0x0001, u64(0), u64(0)) : Buffer.alloc(0);
  const extra = Buffer.concat([zip64, unixTime(entry.mtime)]);
  const [crc = 0, packed = 0, plain = 0] = sizes;
  const header = Buffer.alloc(30);
  header.writeUInt32LE(0x04034b50, 0);
  header.writeUInt16LE(large ? NEEDS_ZIP64 : NEEDS_DEFLATE, 4);
  header.writeUInt16LE(UTF8 | (described ? DESCRIBED : 0), 6);
  header.writeUInt16LE(entry.method, 8);
  header.writeUInt32LE(dosTime(entry.mtime), 10);
  header.writeUInt32LE(crc, 14);
  header.writeUInt32LE(large ? MOST_32 : packed, 18);
  header.writeUInt32LE(large ? MOST_32 : plain, 22);
  header.writeUInt16LE(name.length, 26);
  header.writeUInt16LE(extra.length, 28);
  return Buffer.concat([header, name, extra]);
}

export function dataDescriptor({ crc, packedBytes, plainBytes, large }: ZipEntry): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32LE(0x08074b50, 0);
  head.writeUInt32LE(crc, 4);
  const sizes = [packedBytes, plainBytes].map(large ? u64 : u32);
  return Buffer.concat([head, ...sizes]);
}

export function centralEntry(entry: ZipEntry): Buffer {
  const { name, packedBytes, plainBytes, offset } = entry;
  const zip64 = [plainBytes, packedBytes, offset].filter((value) => value >= MOST_32);
  const big = zip64.length > 0;
  const extra = Buffer.concat([...(big ? [extraField(0x0001, ...zip64.map(u64))] : []), unixTime(entry.mtime)]);
  const header = Buffer.alloc(46);
  header.writeUInt32LE(0x02014b50, 0);
  header.writeUInt16LE(MADE_BY_UNIX, 4);
  header.writeUInt16LE(big || entry.large ? NEEDS_ZIP64 : NEEDS_DEFLATE, 6);
  header.writeUInt16LE(UTF8 | (entry.described ? DESCRIBED : 0), 8);
  header.writeUInt16LE(entry.method, 10);
  header.writeUInt32LE(dosTime(entry.mtime), 12);
  header.writeUInt32LE(entry.crc, 16);
  header.writeUInt32LE(Math.min(packedBytes, MOST_32), 20);
  header.writeUInt32LE(Math.min(plainBytes, MOST_32), 24);
  header.writeUInt16LE(name.length, 28);
  header.writeUInt16LE(extra.length, 30);
  // The lowest byte is what DOS knows of a folder.
  header.writeUInt32LE(((entry.unixMode << 16) | (name.at(-1) === 0x2f ? 0x10 : 0)) >>> 0, 38);
  header.writeUInt32LE(Math.min(offset, MOST_32), 42);
  return Buffer.concat([header, name, extra]);
}

/** @param at where the central entries begin, @param bytes their length together */
export function endRecords(entries: number, bytes: number, at: number): Buffer {
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(Math.min(entries, MOST_16), 8);
  end.writeUInt16LE(Math.min(entries, MOST_16), 10);
  end.writeUInt32LE(Math.min(bytes, MOST_32), 12);
  end.writeUInt32LE(Math.min(at, MOST_32), 16);
  if (entries < MOST_16 && bytes < MOST_32 && at < MOST_32) return end;
  const big = Buffer.alloc(24);
  big.writeUInt32LE(0x06064b50, 0);
  big.writeUInt32LE(44, 4);
  big.writeUInt16LE(MADE_BY_UNIX, 12);
  big.writeUInt16LE(NEEDS_ZIP64, 14);
  const locator = Buffer.alloc(20);
  locator.writeUInt32LE(0x07064b50, 0);
  locator.writeBigUInt64LE(BigInt(at + bytes), 8);
  locator.writeUInt32LE(1, 16);
  return Buffer.concat([big, u64(entries), u64(entries), u64(bytes), u64(at), locator, end]);
}

function extraField(id: number, ...values: readonly Buffer[]): Buffer {
  const body = Buffer.concat(values);
  const head = Buffer.alloc(4);
  head.writeUInt16LE(id, 0);
  head.writeUInt16LE(body.length, 2);
  return Buffer.concat([head, body]);
}

/** Signed 32 bits; later times (from 2038 on) are left to the DOS time. */
function unixTime(mtime: number): Buffer {
  const seconds = Math.floor(mtime);
  if (seconds < -0x8000_0000 || seconds > 0x7fff_ffff) return Buffer.alloc(0);
  const body = Buffer.alloc(5);
  body.writeUInt8(1, 0);
  body.writeInt32LE(seconds, 1);
  return extraField(0x5455, body);
}

/** Local time from 1980 to 2107, in steps of two seconds: time in the low half, date in the high one. */
function dosTime(mtime: number): number {
  const date = new Date(mtime * 1000);
  const year = date.getFullYear();
  if (!(year >= 1980)) return ((1 << 5) | 1) << 16;
  if (year > 2107) return (((127 << 9) | (12 << 5) | 31) << 16) >>> 0;
  const day = ((year - 1980) << 9) | ((date.getMonth() + 1) << 5) | date.getDate();
  const time = (date.getHours() << 11) | (date.getMinutes() << 5) | (date.getSeconds() >> 1);
  return ((day << 16) | time) >>> 0;
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/**
 * Writes binary property lists, version 00 (layout: binary-decoder.ts), as CoreFoundation does: containers before what they hold, equal strings once,
 * each integer in the least bytes that hold it.
 *
 * All goes straight into one buffer: a phone asks for listings of thousands of files, and a small buffer for each value took more time and memory than the
 * rest of the answer.
 */
import { EPOCH_2001_MS, TRAILER_BYTES } from './binary-decoder.js';
import { GrowingBytes } from './growing-bytes.js';
import { type PlistDict, PlistReal, PlistUid, type PlistValue } from './value.js';

/** @throws TypeError for values that a property list cannot hold. */
export function encodeBinaryPlist(value: PlistValue): Buffer {
  const flat = new Flattener();
  flat.add(value);
  const { objects, references, counts } = flat;
  const refSize = widthOf(Math.max(objects.length - 1, 0));
  const out = new GrowingBytes();
  out.latin1('bplist00');
  const offsets: number[] = [];
  let [container, reference] = [0, 0];
  for (const object of objects) {
    offsets.push(out.length);
    if (isScalar(object)) {
      writeScalar(out, object);
      continue;
    }
    const [isArray, count] = [Array.isArray(object), counts[container++] ?? 0];
    writeHeader(out, isArray ? 0xa : 0xd, count);
    const end = reference + (isArray ? count : count * 2);
    for (; reference < end; reference++) out.unsigned(references[reference] ?? 0, refSize);
  }
  const table = out.length;
  const offsetSize = widthOf(table);
  for (const offset of offsets) out.unsigned(offset, offsetSize);
  const trailer = Buffer.alloc(TRAILER_BYTES);
  trailer.writeUInt8(offsetSize, 6);
  trailer.writeUInt8(refSize, 7);
  trailer.writeBigUInt64BE(BigInt(objects.length), 8);
  // The first object is the top one.
  trailer.writeBigUInt64BE(BigInt(table), 24);
  out.bytes(trailer);
  return out.taken();
}

type Scalar = Exclude<PlistValue, PlistValue[] | PlistDict>;

/** Numbers every object, containers before what they hold, equal strings once. */
class Flattener {
  readonly objects: PlistValue[] = [];
  /** Of the containers, in the order of `objects`: of an array its items, of a dictionary its keys and then its values. */
  readonly references: number[] = [];
  /** How much each container holds. */
  readonly counts: number[] = [];
  readonly #strings = new Map<string, number>();

  add(value: PlistValue): number {
    if (typeof value === 'string') {
      const known = this.#strings.get(value);
      if (known !== undefined) return known;
      this.#strings.set(value, this.objects.length);
    }
    const index = this.objects.length;
    this.objects.push(value);
    if (isScalar(value)) return index;
    let at = this.references.length;
    if (Array.isArray(value)) {
      this.counts.push(value.length);
      this.#leaveRoom(value.length);
      for (const item of value) this.references[at++] = this.add(item);
      return index;
    }
    const names = Object.keys(value);
    this.counts.push(names.length);
    this.#leaveRoom(names.length * 2);
    for (const name of names) this.references[at++] = this.add(name);
    for (const name of names) {
      const item = value[name];
      if (item === undefined) throw new TypeError(`property list: ${name} is undefined`);
      this.references[at++] = this.add(item);
    }
    return index;
  }

  /** What lies within comes behind it. */
  #leaveRoom(count: number): void {
    for (let more = count; more > 0; more--) this.references.push(0);
  }
}

function isScalar(value: PlistValue): value is Scalar {
  if (typeof value !== 'object') return true;
  return Buffer.isBuffer(value) || value instanceof Date || value instanceof PlistReal || value instanceof PlistUid;
}

function writeScalar(out: GrowingBytes, value: Scalar): void {
  if (typeof value === 'boolean') out.unsigned(value ? 9 : 8, 1);
  else if (typeof value === 'bigint') writeInteger(out, value);
  else if (typeof value === 'number') {
    if (!Number.isSafeInteger(value))
      throw new TypeError(`property list: ${value} is neither an integer nor a PlistReal`);
    writeInteger(out, value);
  } else if (typeof value === 'string') writeString(out, value);
  else if (value instanceof PlistReal) writeDouble(out, 0x23, value.value);
  else if (value instanceof Date) writeDouble(out, 0x33, (value.getTime() - EPOCH_2001_MS) / 1000);
  else if (value instanceof PlistUid) {
    if (!Number.isSafeInteger(value.value) || value.value < 0)
      throw new TypeError(`property list: ${value.value} is no UID`);
    const size = widthOf(value.value);
    out.unsigned(0x80 | (size - 1), 1);
    out.unsigned(value.value, size);
  } else if (Buffer.isBuffer(value)) {
    writeHeader(out, 0x4, value.length);
    out.bytes(value);
  } else throw new TypeError('property list: a value of an unknown type');
}

function writeString(out: GrowingBytes, value: string): void {
  const isAscii = /^[\x00-\x7f]*$/.test(value);
  writeHeader(out, isAscii ? 0x5 : 0x6, value.length);
  if (isAscii) out.latin1(value);
  else out.bytes(Buffer.from(value, 'utf16le').swap16());
}

function writeInteger(out: GrowingBytes, value: number | bigint): void {
  if (value < 0) {
    if (value < -(1n << 63n)) throw new TypeError('property list: an integer below 64 bits');
    out.unsigned(0x13, 1);
    out.long(BigInt.asUintN(64, BigInt(value)));
  } else if (value < 0x100000000) {
    const [power, size] = value < 0x100 ? [0, 1] : value < 0x10000 ? [1, 2] : [2, 4];
    out.unsigned(0x10 | power, 1);
    out.unsigned(Number(value), size);
  } else if (value < 1n << 63n) {
    out.unsigned(0x13, 1);
    out.long(BigInt(value));
  } else {
    if (value >= 1n << 64n) throw new TypeError('property list: an integer above 64 bits');
    // What is above the signed ones takes sixteen bytes.
    out.unsigned(0x14, 1);
    out.long(0n);
    out.long(BigInt(value));
  }
}

function writeDouble(out: GrowingBytes, marker: number, value: number): void {
  out.unsigned(marker, 1);
  out.double(value);
}

function writeHeader(out: GrowingBytes, kind: number, length: number): void {
  out.unsigned((kind << 4) | Math.min(length, 0xf), 1);
  if (length >= 0xf) writeInteger(out, length);
}

/** Bytes that hold `value`: 1, 2, 4 or 6 would do for us; Apple's readers want a power of two, and 8 is beyond what a Buffer holds. */
function widthOf(value: number): 1 | 2 | 4 {
  if (value < 0x100) return 1;
  if (value < 0x10000) return 2;
  if (value < 0x100000000) return 4;
  throw new TypeError('property list: larger than 4 GiB');
}

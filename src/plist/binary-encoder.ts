/**
 * Writes binary property lists, version 00 (layout: binary-decoder.ts), as CoreFoundation does: containers before what they hold, equal strings once,
 * each integer in the least bytes that hold it.
 */
import { EPOCH_2001_MS, TRAILER_BYTES } from './binary-decoder.js';
import { type PlistDict, PlistReal, PlistUid, type PlistValue } from './value.js';

/** @throws TypeError for values that a property list cannot hold. */
export function encodeBinaryPlist(value: PlistValue): Buffer {
  const flat = new Flattener();
  const top = flat.add(value);
  const refSize = widthOf(Math.max(flat.objects.length - 1, 0));
  const parts: Buffer[] = [Buffer.from('bplist00', 'latin1')];
  const offsets: number[] = [];
  let position = 8;
  for (const object of flat.objects) {
    offsets.push(position);
    const encoded = encodeObject(object, refSize);
    parts.push(encoded);
    position += encoded.length;
  }
  const offsetSize = widthOf(position);
  const table = Buffer.alloc(offsets.length * offsetSize);
  for (const [i, offset] of offsets.entries()) table.writeUIntBE(offset, i * offsetSize, offsetSize);
  const trailer = Buffer.alloc(TRAILER_BYTES);
  trailer.writeUInt8(offsetSize, 6);
  trailer.writeUInt8(refSize, 7);
  trailer.writeBigUInt64BE(BigInt(flat.objects.length), 8);
  trailer.writeBigUInt64BE(BigInt(top), 16);
  trailer.writeBigUInt64BE(BigInt(position), 24);
  parts.push(table, trailer);
  return Buffer.concat(parts);
}

type Scalar = Exclude<PlistValue, PlistValue[] | PlistDict>;
type Flat = { scalar: Scalar } | { array: number[] } | { keys: number[]; values: number[] };

/** Numbers every object, containers before what they hold, equal strings once. */
class Flattener {
  readonly objects: Flat[] = [];
  readonly #strings = new Map<string, number>();

  add(value: PlistValue): number {
    if (typeof value === 'string') {
      const known = this.#strings.get(value);
      if (known !== undefined) return known;
      this.#strings.set(value, this.objects.length);
    }
    const index = this.objects.length;
    if (Array.isArray(value)) {
      const array: number[] = [];
      this.objects.push({ array });
      for (const item of value) array.push(this.add(item));
    } else if (isScalar(value)) {
      this.objects.push({ scalar: value });
    } else {
      const keys: number[] = [];
      const values: number[] = [];
      this.objects.push({ keys, values });
      const names = Object.keys(value);
      for (const name of names) keys.push(this.add(name));
      for (const name of names) {
        const item = value[name];
        if (item === undefined) throw new TypeError(`property list: ${name} is undefined`);
        values.push(this.add(item));
      }
    }
    return index;
  }
}

function isScalar(value: PlistValue): value is Scalar {
  if (typeof value !== 'object') return true;
  return Buffer.isBuffer(value) || value instanceof Date || value instanceof PlistReal || value instanceof PlistUid;
}

function encodeObject(object: Flat, refSize: number): Buffer {
  if ('array' in object) return Buffer.concat([header(0xa, object.array.length), references(object.array, refSize)]);
  if ('keys' in object)
    return Buffer.concat([
      header(0xd, object.keys.length),
      references(object.keys, refSize),
      references(object.values, refSize),
    ]);
  return encodeScalar(object.scalar);
}

function encodeScalar(value: Scalar): Buffer {
  if (typeof value === 'boolean') return Buffer.of(value ? 9 : 8);
  if (typeof value === 'bigint') return encodeInteger(value);
  if (typeof value === 'number') {
    if (Number.isSafeInteger(value)) return encodeInteger(BigInt(value));
    throw new TypeError(`property list: ${value} is neither an integer nor a PlistReal`);
  }
  if (typeof value === 'string') return encodeString(value);
  if (value instanceof PlistReal) return encodeDouble(0x23, value.value);
  if (value instanceof Date) return encodeDouble(0x33, (value.getTime() - EPOCH_2001_MS) / 1000);
  if (value instanceof PlistUid) {
    const size = widthOf(value.value);
    const bytes = Buffer.alloc(1 + size);
    bytes.writeUInt8(0x80 | (size - 1), 0);
    bytes.writeUIntBE(value.value, 1, size);
    return bytes;
  }
  if (Buffer.isBuffer(value)) return Buffer.concat([header(0x4, value.length), value]);
  throw new TypeError('property list: a value of an unknown type');
}

function encodeString(value: string): Buffer {
  if (/^[\x00-\x7f]*$/.test(value)) return Buffer.concat([header(0x5, value.length), Buffer.from(value, 'latin1')]);
  return Buffer.concat([header(0x6, value.length), Buffer.from(value, 'utf16le').swap16()]);
}

function encodeInteger(value: bigint): Buffer {
  if (value < 0n) {
    if (value < -(1n << 63n)) throw new TypeError('property list: an integer below 64 bits');
    const bytes = Buffer.alloc(9, 0x13);
    bytes.writeBigInt64BE(value, 1);
    return bytes;
  }
  if (value >= 1n << 64n) throw new TypeError('property list: an integer above 64 bits');
  if (value >= 1n << 63n) {
    const bytes = Buffer.alloc(17);
    bytes.writeUInt8(0x14, 0);
    bytes.writeBigUInt64BE(value, 9);
    return bytes;
  }
  const power = value < 0x100n ? 0 : value < 0x10000n ? 1 : value < 0x100000000n ? 2 : 3;
  const bytes = Buffer.alloc(1 + (1 << power));
  bytes.writeUInt8(0x10 | power, 0);
  if (power === 3) bytes.writeBigInt64BE(value, 1);
  else bytes.writeUIntBE(Number(value), 1, 1 << power);
  return bytes;
}

function encodeDouble(marker: number, value: number): Buffer {
  const bytes = Buffer.alloc(9);
  bytes.writeUInt8(marker, 0);
  bytes.writeDoubleBE(value, 1);
  return bytes;
}

function header(kind: number, length: number): Buffer {
  if (length < 0xf) return Buffer.of((kind << 4) | length);
  return Buffer.concat([Buffer.of((kind << 4) | 0xf), encodeInteger(BigInt(length))]);
}

function references(refs: readonly number[], size: number): Buffer {
  const bytes = Buffer.alloc(refs.length * size);
  for (const [i, ref] of refs.entries()) bytes.writeUIntBE(ref, i * size, size);
  return bytes;
}

/** Bytes that hold `value`: 1, 2, 4 or 6 would do for us; Apple's readers want a power of two, and 8 is beyond what a Buffer holds. */
function widthOf(value: number): 1 | 2 | 4 {
  if (value < 0x100) return 1;
  if (value < 0x10000) return 2;
  if (value < 0x100000000) return 4;
  throw new TypeError('property list: larger than 4 GiB');
}

/**
 * Binary property lists, version 00.
 *
 *     "bplist00" | objects | offset table (big-endian, one entry an object) | 32-byte trailer
 *     trailer: 6 unused | offset size u8 | reference size u8 | object count u64 | top object u64 | offset table position u64
 *     object:  marker byte, high nibble = kind, low nibble = size or 0xF with an integer object after it
 *
 * Every count is checked against the bytes that are really there before anything is allocated; cycles and shared containers are bounded by
 * depth and by the weight of the result; texts that overlap each other, by the length of the document. Kinds and limits as CoreFoundation writes them,
 * checked against plistutil.
 */
import { PlistReal, PlistUid, type PlistDict, type PlistValue } from './value.js';
import { type DecodeBounds, WEIGHT, Weight } from './weight.js';

/** Dates count from the beginning of 2001. */
export const EPOCH_2001_MS = 978_307_200_000;
export const TRAILER_BYTES = 32;
/** Furthest that a JavaScript Date reaches. */
const MAX_DATE_MS = 8.64e15;

/** @throws Error in plain words; `codec.ts` wraps it. */
export function decodeBinaryPlist(bytes: Buffer, bounds: DecodeBounds): PlistValue {
  return new Decoder(bytes, bounds).top();
}

class Decoder {
  readonly #bytes: Buffer;
  readonly #maxDepth: number;
  readonly #weight: Weight;
  readonly #offsetSize: number;
  readonly #refSize: number;
  readonly #count: number;
  readonly #topRef: number;
  readonly #table: number;
  /** Texts already decoded, by object number: keys repeat in every entry of a listing. */
  readonly #texts = new Map<number, string>();
  /** Bytes of text decoded so far. In an honest document each byte belongs to one object, so there is never more text than document. */
  #textBytes = 0;

  constructor(bytes: Buffer, bounds: DecodeBounds) {
    if (bytes.length < 8 + 1 + TRAILER_BYTES) throw new Error('too short');
    const trailer = bytes.length - TRAILER_BYTES;
    this.#bytes = bytes;
    this.#maxDepth = bounds.maxDepth;
    this.#weight = new Weight(bounds.maxValues);
    this.#offsetSize = bytes.readUInt8(trailer + 6);
    this.#refSize = bytes.readUInt8(trailer + 7);
    this.#count = this.#u64(trailer + 8);
    this.#topRef = this.#u64(trailer + 16);
    this.#table = this.#u64(trailer + 24);
    if (this.#offsetSize < 1 || this.#offsetSize > 8 || this.#refSize < 1 || this.#refSize > 8)
      throw new Error('bad integer sizes');
    if (this.#table < 8 || this.#table > trailer || this.#count > (trailer - this.#table) / this.#offsetSize)
      throw new Error('the offset table does not fit');
  }

  top(): PlistValue {
    return this.#object(this.#topRef, 0);
  }

  #object(ref: number, depth: number): PlistValue {
    this.#weight.add(WEIGHT.value);
    const known = this.#texts.get(ref);
    if (known !== undefined) return known;
    if (depth > this.#maxDepth) throw new Error('nested too deeply, or in a circle');
    if (ref >= this.#count) throw new Error('a reference to no object');
    const at = this.#uint(this.#table + ref * this.#offsetSize, this.#offsetSize);
    if (at < 8 || at >= this.#table) throw new Error('an object outside the document');
    const marker = this.#bytes.readUInt8(at);
    const kind = marker >> 4;
    if (kind === 0xa || kind === 0xc) return this.#array(at, marker & 0xf, depth);
    if (kind === 0xd) return this.#dict(at, marker & 0xf, depth);
    const value = this.#scalar(at, kind, marker & 0xf);
    if (typeof value === 'string') this.#texts.set(ref, value);
    return value;
  }

  #scalar(at: number, kind: number, low: number): PlistValue {
    switch (kind) {
      case 0x0:
        if (low === 8) return false;
        if (low === 9) return true;
        throw new Error('an unknown simple value');
      case 0x1:
        return this.#integer(at, low);
      case 0x2: {
        if (low === 2) return new PlistReal(this.#slice(at + 1, 4).readFloatBE(0));
        if (low === 3) return new PlistReal(this.#slice(at + 1, 8).readDoubleBE(0));
        throw new Error('a real of an unknown size');
      }
      case 0x3: {
        if (low !== 3) throw new Error('a date of an unknown size');
        const ms = this.#slice(at + 1, 8).readDoubleBE(0) * 1000 + EPOCH_2001_MS;
        if (!(Math.abs(ms) <= MAX_DATE_MS)) throw new Error('a date out of range');
        this.#weight.add(WEIGHT.object);
        return new Date(ms);
      }
      case 0x4: {
        const { length, start } = this.#length(at, low);
        this.#weight.add(WEIGHT.object);
        return this.#slice(start, length);
      }
      case 0x5: {
        const { length, start } = this.#length(at, low);
        return this.#text(start, length).toString('latin1');
      }
      case 0x6: {
        const { length, start } = this.#length(at, low);
        return Buffer.from(this.#text(start, length * 2))
          .swap16()
          .toString('utf16le');
      }
      case 0x7: {
        const { length, start } = this.#length(at, low);
        return this.#text(start, length).toString('utf8');
      }
      case 0x8: {
        const size = low + 1;
        if (size > 8) throw new Error('a UID of an unknown size');
        return new PlistUid(this.#uint(at + 1, size));
      }
      default:
        throw new Error(`an unknown kind of object (0x${kind.toString(16)})`);
    }
  }

  /** 1, 2 and 4 bytes are unsigned, 8 bytes signed, 16 bytes hold what needs more (an unsigned 64-bit value has an upper half of zero). */
  #integer(at: number, low: number): number | bigint {
    if (low > 4) throw new Error('an integer of an unknown size');
    const size = 1 << low;
    const raw = this.#slice(at + 1, size);
    if (size <= 4) return raw.readUIntBE(0, size);
    const big = size === 8 ? raw.readBigInt64BE(0) : (raw.readBigInt64BE(0) << 64n) | raw.readBigUInt64BE(8);
    const number = Number(big);
    return Number.isSafeInteger(number) ? number : big;
  }

  #array(at: number, low: number, depth: number): PlistValue[] {
    const { length, start } = this.#length(at, low);
    this.#slice(start, length * this.#refSize);
    this.#weight.add(WEIGHT.object);
    const result: PlistValue[] = [];
    for (let i = 0; i < length; i++)
      result.push(this.#object(this.#uint(start + i * this.#refSize, this.#refSize), depth + 1));
    return result;
  }

  #dict(at: number, low: number, depth: number): PlistDict {
    const { length, start } = this.#length(at, low);
    this.#slice(start, length * 2 * this.#refSize);
    this.#weight.add(WEIGHT.dict);
    const result: PlistDict = Object.create(null);
    for (let i = 0; i < length; i++) {
      const key = this.#object(this.#uint(start + i * this.#refSize, this.#refSize), depth + 1);
      if (typeof key !== 'string') throw new Error('a dictionary key that is no string');
      result[key] = this.#object(this.#uint(start + (length + i) * this.#refSize, this.#refSize), depth + 1);
    }
    return result;
  }

  #length(at: number, low: number): { length: number; start: number } {
    if (low !== 0xf) return { length: low, start: at + 1 };
    const marker = this.#slice(at + 1, 1).readUInt8(0);
    if (marker >> 4 !== 1 || (marker & 0xf) > 3) throw new Error('a length that is no integer');
    const size = 1 << (marker & 0xf);
    return { length: this.#uint(at + 2, size), start: at + 2 + size };
  }

  /** A view of the objects' area: neither the offset table nor the trailer can be read as content. */
  #slice(start: number, length: number): Buffer {
    if (!(start >= 8 && length >= 0 && start + length <= this.#table))
      throw new Error('a value that runs past the end');
    return this.#bytes.subarray(start, start + length);
  }

  /** A slice that is about to be copied. Without the sum, a few megabytes of overlapping texts would become gigabytes. */
  #text(start: number, length: number): Buffer {
    const bytes = this.#slice(start, length);
    this.#textBytes += length;
    if (this.#textBytes > this.#table) throw new Error('texts that overlap');
    return bytes;
  }

  #uint(at: number, size: number): number {
    if (at + size > this.#bytes.length) throw new Error('an integer that runs past the end');
    if (size <= 6) return this.#bytes.readUIntBE(at, size);
    let value = 0;
    for (let i = 0; i < size; i++) value = value * 256 + this.#bytes.readUInt8(at + i);
    if (!Number.isSafeInteger(value)) throw new Error('an integer out of range');
    return value;
  }

  #u64(at: number): number {
    return this.#uint(at, 8);
  }
}

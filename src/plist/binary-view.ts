/**
 * Looks into a binary property list without decoding all of it: objects are numbers, and a value is read when it is asked for.
 *
 * For small documents in large numbers (the records of a backup: a million of them). Nothing here follows a reference by itself, so neither circles nor
 * depth cost anything. The form is described in binary-decoder.ts. A reader gives undefined for an object of another kind.
 *
 * @throws Error in plain words, all methods: a reference to no object, a value that runs past the end.
 */
import { EPOCH_2001_MS, TRAILER_BYTES } from './binary-decoder.js';

const HEADER_BYTES = 8;

export class BinaryPlistView {
  readonly #bytes: Buffer;
  readonly #offsetSize: number;
  readonly #refSize: number;
  readonly #count: number;
  readonly #table: number;
  /** The object that the document is. */
  readonly top: number;

  constructor(bytes: Buffer) {
    const trailer = bytes.length - TRAILER_BYTES;
    if (trailer <= HEADER_BYTES || bytes.toString('latin1', 0, HEADER_BYTES) !== 'bplist00')
      throw new Error('no binary property list');
    this.#bytes = bytes;
    this.#offsetSize = bytes.readUInt8(trailer + 6);
    this.#refSize = bytes.readUInt8(trailer + 7);
    // Sizes and positions below 2^48: no document is longer.
    this.#count = bytes.readUIntBE(trailer + 10, 6);
    this.top = bytes.readUIntBE(trailer + 18, 6);
    this.#table = bytes.readUIntBE(trailer + 26, 6);
    if (!isIntegerSize(this.#offsetSize) || !isIntegerSize(this.#refSize)) throw new Error('bad integer sizes');
    if (this.#table <= HEADER_BYTES || this.#count > (trailer - this.#table) / this.#offsetSize)
      throw new Error('the offset table does not fit');
  }

  /** An integer of up to 64 bits, exact. */
  integer(object: number): number | bigint | undefined {
    const at = this.#at(object);
    const marker = this.#byte(at);
    if (marker >> 4 !== 0x1) return undefined;
    const size = 1 << (marker & 0xf);
    if (size > 16) throw new Error('an integer of an unknown size');
    this.#check(at + 1, size);
    if (size <= 4) return this.#uint(at + 1, size);
    const big = this.#bytes.readBigInt64BE(at + 1 + size - 8);
    const number = Number(big);
    return Number.isSafeInteger(number) ? number : big;
  }

  real(object: number): number | undefined {
    const at = this.#at(object);
    const marker = this.#byte(at);
    if (marker !== 0x22 && marker !== 0x23) return undefined;
    this.#check(at + 1, marker === 0x22 ? 4 : 8);
    return marker === 0x22 ? this.#bytes.readFloatBE(at + 1) : this.#bytes.readDoubleBE(at + 1);
  }

  /** Milliseconds since 1970. */
  date(object: number): number | undefined {
    const at = this.#at(object);
    if (this.#byte(at) !== 0x33) return undefined;
    this.#check(at + 1, 8);
    return this.#bytes.readDoubleBE(at + 1) * 1000 + EPOCH_2001_MS;
  }

  string(object: number): string | undefined {
    const at = this.#at(object);
    const marker = this.#byte(at);
    const kind = marker >> 4;
    if (kind < 0x5 || kind > 0x7) return undefined;
    const length = this.#length(at, marker) * (kind === 0x6 ? 2 : 1);
    const start = this.#content(at, marker);
    this.#check(start, length);
    if (kind === 0x5) return this.#bytes.toString('latin1', start, start + length);
    if (kind === 0x7) return this.#bytes.toString('utf8', start, start + length);
    return Buffer.from(this.#bytes.subarray(start, start + length))
      .swap16()
      .toString('utf16le');
  }

  /** A view on the document's bytes. */
  data(object: number): Buffer | undefined {
    const at = this.#at(object);
    const marker = this.#byte(at);
    if (marker >> 4 !== 0x4) return undefined;
    const length = this.#length(at, marker);
    const start = this.#content(at, marker);
    this.#check(start, length);
    return this.#bytes.subarray(start, start + length);
  }

  /** The number in a UID: in a keyed archive, a place in `$objects`. */
  uid(object: number): number | undefined {
    const at = this.#at(object);
    const marker = this.#byte(at);
    if (marker >> 4 !== 0x8) return undefined;
    const size = (marker & 0xf) + 1;
    if (size > 6) throw new Error('a UID of an unknown size');
    this.#check(at + 1, size);
    return this.#uint(at + 1, size);
  }

  /** The object at a place of an array. */
  element(array: number, index: number): number | undefined {
    const at = this.#at(array);
    const marker = this.#byte(at);
    if (marker >> 4 !== 0xa) return undefined;
    const length = this.#length(at, marker);
    const start = this.#content(at, marker);
    this.#check(start, length * this.#refSize);
    return index < length ? this.#uint(start + index * this.#refSize, this.#refSize) : undefined;
  }

  /**
   * The objects at these keys of a dictionary, in the order of `names`; all undefined for anything else. Keys are compared where they lie.
   * Quickest when the dictionary has them in the same order.
   */
  lookup(dict: number, names: readonly string[]): (number | undefined)[] {
    const found: (number | undefined)[] = new Array(names.length).fill(undefined);
    const at = this.#at(dict);
    const marker = this.#byte(at);
    if (marker >> 4 !== 0xd) return found;
    const length = this.#length(at, marker);
    const start = this.#content(at, marker);
    const refSize = this.#refSize;
    this.#check(start, length * 2 * refSize);
    let next = 0;
    for (let entry = start, i = 0; i < length; i++, entry += refSize) {
      const key = this.#at(this.#uint(entry, refSize));
      for (let tried = 0; tried < names.length; tried++) {
        const place = (next + tried) % names.length;
        if (!this.#isText(key, names[place] ?? '')) continue;
        found[place] = this.#uint(entry + length * refSize, refSize);
        next = place + 1;
        break;
      }
    }
    return found;
  }

  /** The object at a key. */
  entry(dict: number, name: string): number | undefined {
    return this.lookup(dict, [name])[0];
  }

  /** Is the object at this place the text `wanted`, which is ASCII? */
  #isText(at: number, wanted: string): boolean {
    const marker = this.#byte(at);
    if (marker >> 4 !== 0x5 || this.#length(at, marker) !== wanted.length) return false;
    const start = this.#content(at, marker);
    this.#check(start, wanted.length);
    for (let i = 0; i < wanted.length; i++) if (this.#bytes[start + i] !== wanted.charCodeAt(i)) return false;
    return true;
  }

  #at(object: number): number {
    if (!(object < this.#count)) throw new Error('a reference to no object');
    const size = this.#offsetSize;
    const at = this.#uint(this.#table + object * size, size);
    if (at < HEADER_BYTES || at >= this.#table) throw new Error('an object outside the document');
    return at;
  }

  /** Every position was checked against the end. */
  #byte(at: number): number {
    return this.#bytes[at] ?? 0;
  }

  /** Of 1 to 6 bytes; Node's own reader looks at its arguments again each time. */
  #uint(at: number, size: number): number {
    let value = this.#byte(at);
    for (let next = at + 1; next < at + size; next++) value = value * 256 + this.#byte(next);
    return value;
  }

  #length(at: number, marker: number): number {
    const low = marker & 0xf;
    if (low !== 0xf) return low;
    this.#check(at + 1, 1);
    const size = 1 << (this.#byte(at + 1) & 0x3);
    if ((this.#byte(at + 1) & 0xfc) !== 0x10) throw new Error('a length that is no integer');
    this.#check(at + 2, size);
    if (size <= 4) return this.#uint(at + 2, size);
    return this.#bytes.readUInt32BE(at + 2) * 2 ** 32 + this.#bytes.readUInt32BE(at + 6);
  }

  /** Where the content of an object with a length begins. */
  #content(at: number, marker: number): number {
    return (marker & 0xf) === 0xf ? at + 2 + (1 << (this.#byte(at + 1) & 0x3)) : at + 1;
  }

  #check(start: number, length: number): void {
    if (!(start + length <= this.#table)) throw new Error('a value that runs past the end');
  }
}

function isIntegerSize(size: number): boolean {
  return size >= 1 && size <= 6;
}

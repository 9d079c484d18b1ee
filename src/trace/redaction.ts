/**
 * What a trace may say. Kept: types, sizes, numbers of the protocol, and strings under keys that hold protocol constants. Everything else
 * is replaced by a token: a keyed hash, the same for the same value within one trace and worthless outside it (the key is never written).
 * A token keeps the form of what it stands for: a UDID looks like a UDID, a fileID has 40 hex digits with the first two kept (they name
 * its folder), a path keeps its depth, any other string its length.
 *
 * Shapes in JSON: string, number, boolean, array and object stand for themselves; {"$":"data","bytes":n}, {"$":"real","value":x},
 * {"$":"date"}, {"$":"uid"}, {"$":"integer","value":"…"} (beyond 2^53), {"$":"integer"} and {"$":"boolean"} (left out), {"$":"more","count":n}.
 */
import { createHmac } from 'node:crypto';
import { isPlistDict, type PlistDict, PlistReal, PlistUid, type PlistValue } from '../plist/value.js';
import { KEPT_COMPONENTS, KEPT_STRINGS, KEPT_VALUE_KEYS, KNOWN_KEYS } from './vocabulary.js';

export type Shape = string | number | boolean | Shape[] | { [key: string]: Shape };

const MOST_VALUES = 50_000;
const LONGEST_TOKEN = 1024;
/** What a protocol constant looks like; a device that puts prose or a name where a constant belongs gets it hashed. */
const CONSTANT = /^[A-Za-z0-9._,:+()\- ]{0,100}$/;
const SCHEMA_KEY = /^[A-Za-z][A-Za-z0-9]{1,63}$/;

export interface RedactOptions {
  /** Dictionary keys that look like identifiers are the protocol's (lockdown, usbmux), not file or app names. */
  readonly schemaKeys: boolean;
}

export class Redactor {
  readonly #key: Buffer;

  constructor(key: Buffer) {
    this.#key = key;
  }

  shape(value: PlistValue, options: RedactOptions): Shape {
    return new ShapeMaker(this, options).make(value, true);
  }

  /** A path or any other string, hashed component by component. */
  path(text: string): string {
    return text
      .split('/')
      .map((part) => (KEPT_COMPONENTS.has(part) || /^[0-9a-f]{2}$/.test(part) ? part : this.token(part)))
      .join('/');
  }

  /** A token of the same form. */
  token(text: string): string {
    if (text === '') return '';
    if (/^[0-9a-f]{40}$/.test(text)) return text.slice(0, 2) + this.#hex(text).slice(2, 40);
    if (/^[0-9A-Fa-f]{8}-?[0-9A-Fa-f]{16}$/.test(text)) {
      const digits = this.#hex(text.replace('-', '').toUpperCase()).slice(0, 24).toUpperCase();
      return text.includes('-') ? `${digits.slice(0, 8)}-${digits.slice(8)}` : digits;
    }
    if (/^[0-9A-Fa-f]{8}-([0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}$/.test(text)) {
      const h = this.#hex(text.toUpperCase()).toUpperCase();
      return `${h.slice(0, 8)}-${h.slice(8, 12)}-${h.slice(12, 16)}-${h.slice(16, 20)}-${h.slice(20, 32)}`;
    }
    const length = Math.min(Array.from(text).length, LONGEST_TOKEN);
    const letters = this.#hex(text);
    // At least six letters, so that two short names are not taken for one.
    return letters.repeat(Math.ceil(Math.max(length, 6) / letters.length)).slice(0, Math.max(length, 6));
  }

  #hex(text: string): string {
    return createHmac('sha256', this.#key).update(text).digest('hex');
  }
}

class ShapeMaker {
  #left = MOST_VALUES;

  constructor(
    readonly redactor: Redactor,
    readonly options: RedactOptions,
  ) {}

  /** `kept`: scalars here are the protocol's own and may be shown. */
  make(value: PlistValue, kept: boolean): Shape {
    this.#left--;
    if (typeof value === 'string') return this.#string(value, kept);
    if (typeof value === 'number') return kept ? value : { $: 'integer' };
    if (typeof value === 'bigint') return kept ? { $: 'integer', value: String(value) } : { $: 'integer' };
    if (typeof value === 'boolean') return kept ? value : { $: 'boolean' };
    if (value instanceof PlistReal) return kept ? { $: 'real', value: value.value } : { $: 'real' };
    if (value instanceof PlistUid) return { $: 'uid' };
    if (value instanceof Date) return { $: 'date' };
    if (Buffer.isBuffer(value)) return { $: 'data', bytes: value.length };
    if (Array.isArray(value)) return this.#array(value, kept);
    return isPlistDict(value) ? this.#dict(value) : { $: 'unknown' };
  }

  #string(text: string, kept: boolean): string {
    if (KEPT_STRINGS.has(text) || /^DL[A-Z][A-Za-z]{1,60}$/.test(text))
      return CONSTANT.test(text) ? text : this.redactor.token(text);
    if (kept && this.inKnownKey && CONSTANT.test(text)) return text;
    return text.includes('/') ? this.redactor.path(text) : this.redactor.token(text);
  }

  /** Numbers directly in a message are the protocol's; strings only under a key that says so. */
  inKnownKey = false;

  #array(values: PlistValue[], kept: boolean): Shape {
    const shapes: Shape[] = [];
    for (const value of values) {
      if (this.#left <= 0) {
        shapes.push({ $: 'more', count: values.length - shapes.length });
        break;
      }
      shapes.push(this.make(value, kept));
    }
    return shapes;
  }

  #dict(dict: PlistDict): Shape {
    const result: { [key: string]: Shape } = Object.create(null);
    const keys = Object.keys(dict);
    // lockdown's answer to a GetValue for one key: {Key: "DeviceName", Value: …} is about DeviceName.
    const about = typeof dict.Key === 'string' ? dict.Key : undefined;
    for (const [index, key] of keys.entries()) {
      if (this.#left <= 0) {
        result.$more = keys.length - index;
        break;
      }
      const meaning = key === 'Value' && about !== undefined ? about : key;
      const before = this.inKnownKey;
      this.inKnownKey = KEPT_VALUE_KEYS.has(meaning);
      const value = dict[key];
      if (value !== undefined) result[this.#key(key)] = this.make(value, this.inKnownKey);
      this.inKnownKey = before;
    }
    return result;
  }

  #key(key: string): string {
    if (KNOWN_KEYS.has(key) || KEPT_VALUE_KEYS.has(key)) return key;
    if (this.options.schemaKeys && SCHEMA_KEY.test(key)) return key;
    return this.redactor.path(key);
  }
}

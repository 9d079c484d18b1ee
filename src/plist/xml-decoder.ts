/**
 * XML property lists: exactly the elements of Apple's DTD, read by a small pull parser.
 *
 * It knows no entities but the five of XML and numeric ones, and refuses a document type with an internal subset, so there is nothing to
 * expand. Control characters that XML forbids are taken as they are: lockdownd sends them (idevicebackup2 strips them). Integers keep all 64
 * bits.
 */
import { type PlistDict, PlistReal, type PlistValue } from './value.js';
import { type DecodeBounds, WEIGHT, Weight } from './weight.js';

/** @throws Error in plain words; `codec.ts` wraps it. */
export function decodeXmlPlist(bytes: Buffer, bounds: DecodeBounds): PlistValue {
  const start = bytes.subarray(0, 3).equals(Buffer.of(0xef, 0xbb, 0xbf)) ? 3 : 0;
  return new Parser(bytes.toString('utf8', start), bounds).document();
}

interface Tag {
  readonly name: string;
  readonly kind: 'open' | 'close' | 'empty';
}

class Parser {
  readonly #text: string;
  readonly #maxDepth: number;
  readonly #weight: Weight;
  #at = 0;

  constructor(text: string, bounds: DecodeBounds) {
    this.#text = text;
    this.#maxDepth = bounds.maxDepth;
    this.#weight = new Weight(bounds.maxValues);
  }

  document(): PlistValue {
    const first = this.#tag();
    if (first.name !== 'plist') return this.#finish(this.#value(first, 0));
    if (first.kind !== 'open') throw new Error('an empty document');
    const value = this.#value(this.#tag(), 0);
    const last = this.#tag();
    if (last.name !== 'plist' || last.kind !== 'close') throw new Error('more than one value');
    return this.#finish(value);
  }

  #finish(value: PlistValue): PlistValue {
    this.#skip();
    // Some senders count a closing NUL into the length.
    if (this.#text.slice(this.#at).replaceAll('\0', '') !== '') throw new Error('text after the end');
    return value;
  }

  #value(tag: Tag, depth: number): PlistValue {
    if (tag.kind === 'close') throw new Error(`an unexpected </${tag.name}>`);
    this.#weight.add(WEIGHT.value);
    if (depth > this.#maxDepth) throw new Error('nested too deeply');
    switch (tag.name) {
      case 'dict':
        return this.#dict(tag, depth);
      case 'array':
        return this.#array(tag, depth);
      case 'true':
      case 'false':
        if (tag.kind === 'open' && this.#content(tag).trim() !== '') throw new Error(`<${tag.name}> with content`);
        return tag.name === 'true';
      case 'string':
        return this.#content(tag);
      case 'integer':
        return integer(this.#content(tag).trim());
      case 'real':
        return real(this.#content(tag).trim());
      case 'date':
        this.#weight.add(WEIGHT.object);
        return date(this.#content(tag).trim());
      case 'data':
        this.#weight.add(WEIGHT.object);
        return data(this.#content(tag));
      default:
        throw new Error('an unknown element');
    }
  }

  #array(tag: Tag, depth: number): PlistValue[] {
    const result: PlistValue[] = [];
    this.#weight.add(WEIGHT.object);
    if (tag.kind === 'empty') return result;
    for (;;) {
      const next = this.#tag();
      if (next.kind === 'close' && next.name === 'array') return result;
      result.push(this.#value(next, depth + 1));
    }
  }

  #dict(tag: Tag, depth: number): PlistDict {
    const result: PlistDict = Object.create(null);
    this.#weight.add(WEIGHT.dict);
    if (tag.kind === 'empty') return result;
    for (;;) {
      const next = this.#tag();
      if (next.kind === 'close' && next.name === 'dict') return result;
      if (next.name !== 'key' || next.kind === 'close') throw new Error('a dictionary entry without a key');
      this.#weight.add(WEIGHT.value);
      const key = this.#content(next);
      result[key] = this.#value(this.#tag(), depth + 1);
    }
  }

  /** Text up to the closing tag of `tag`, entities and CDATA resolved. */
  #content(tag: Tag): string {
    if (tag.kind === 'empty') return '';
    let result = '';
    for (;;) {
      const next = this.#text.indexOf('<', this.#at);
      if (next < 0) throw new Error(`<${tag.name}> without an end`);
      result += unescapeXml(this.#text.slice(this.#at, next));
      this.#at = next;
      if (this.#text.startsWith('<![CDATA[', next)) {
        const end = this.#find(']]>');
        result += this.#text.slice(next + 9, end);
        this.#at = end + 3;
      } else if (this.#text.startsWith('<!--', next)) {
        this.#at = this.#find('-->') + 3;
      } else {
        const close = this.#tag();
        if (close.kind !== 'close' || close.name !== tag.name)
          throw new Error(`<${tag.name}> with another element inside`);
        return result;
      }
    }
  }

  #tag(): Tag {
    this.#skip();
    if (this.#text[this.#at] !== '<')
      throw new Error(this.#at >= this.#text.length ? 'it ends too early' : 'text where an element should be');
    const end = this.#find('>');
    const inner = this.#text.slice(this.#at + 1, end);
    this.#at = end + 1;
    const match = /^(\/?)([A-Za-z]{1,16})(\s[^<]*?)?(\/?)$/s.exec(inner);
    if (match === null) throw new Error('a malformed element');
    const name = match[2] ?? '';
    if (match[1] === '/') return { name, kind: 'close' };
    return { name, kind: match[4] === '/' ? 'empty' : 'open' };
  }

  /** White space, comments, processing instructions and the document type. */
  #skip(): void {
    for (;;) {
      while (this.#at < this.#text.length && this.#text.charCodeAt(this.#at) <= 0x20 && this.#text[this.#at] !== '\0')
        this.#at++;
      if (this.#text.startsWith('<?', this.#at)) this.#at = this.#find('?>') + 2;
      else if (this.#text.startsWith('<!--', this.#at)) this.#at = this.#find('-->') + 3;
      else if (this.#text.startsWith('<!DOCTYPE', this.#at)) {
        const end = this.#find('>');
        if (this.#text.slice(this.#at, end).includes('['))
          throw new Error('a document type with declarations of its own');
        this.#at = end + 1;
      } else return;
    }
  }

  #find(what: string): number {
    const found = this.#text.indexOf(what, this.#at);
    if (found < 0) throw new Error('it ends too early');
    return found;
  }
}

const NAMED: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

/** Replaced at once: the pieces of a text of nothing but entities would take fifty times its room. */
const UNESCAPED_AT_ONCE = 64 * 1024;
const LONGEST_ENTITY = 12;

function unescapeXml(text: string): string {
  if (!text.includes('&')) return text;
  if (text.length <= UNESCAPED_AT_ONCE) return unescapePiece(text);
  let result = '';
  for (let at = 0; at < text.length; ) {
    let end = at + UNESCAPED_AT_ONCE;
    const cut = text.slice(end - LONGEST_ENTITY, end).lastIndexOf('&');
    if (cut >= 0) end += cut - LONGEST_ENTITY;
    result += unescapePiece(text.slice(at, end));
    at = end;
  }
  return result;
}

function unescapePiece(text: string): string {
  return text.replace(/&(#x[0-9a-fA-F]{1,6}|#[0-9]{1,7}|[a-z]{1,8})?;?/g, (whole, name: string | undefined) => {
    if (name === undefined || !whole.endsWith(';')) throw new Error('a malformed entity');
    if (name.startsWith('#')) {
      const code = name[1] === 'x' ? Number.parseInt(name.slice(2), 16) : Number.parseInt(name.slice(1), 10);
      if (code > 0x10ffff) throw new Error('a character out of range');
      return String.fromCodePoint(code);
    }
    const character = Object.hasOwn(NAMED, name) ? NAMED[name] : undefined;
    if (character === undefined) throw new Error('an unknown entity');
    return character;
  });
}

function integer(text: string): number | bigint {
  if (!/^[+-]?(0[xX][0-9a-fA-F]{1,16}|[0-9]{1,20})$/.test(text)) throw new Error('a malformed integer');
  const digits = text.replace(/^[+-]/, '');
  const value = text.startsWith('-') ? -BigInt(digits) : BigInt(digits);
  if (value < -(1n << 63n) || value >= 1n << 64n) throw new Error('an integer beyond 64 bits');
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** Far beyond any real's digits. The pattern below would take hours for a text of megabytes. */
const LONGEST_REAL = 1000;

function real(text: string): PlistReal {
  const named: Readonly<Record<string, number>> = {
    nan: Number.NaN,
    inf: Infinity,
    '+inf': Infinity,
    '-inf': -Infinity,
    infinity: Infinity,
  };
  if (text.length > LONGEST_REAL) throw new Error('a malformed real');
  const lower = text.toLowerCase();
  const special = Object.hasOwn(named, lower) ? named[lower] : undefined;
  if (special !== undefined) return new PlistReal(special);
  if (!/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text)) throw new Error('a malformed real');
  return new PlistReal(Number(text));
}

function date(text: string): Date {
  if (!/^-?\d{1,6}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z?$/.test(text)) throw new Error('a malformed date');
  const value = new Date(text.endsWith('Z') ? text : `${text}Z`);
  if (Number.isNaN(value.getTime())) throw new Error('a date out of range');
  return value;
}

function data(text: string): Buffer {
  if (!/^[A-Za-z0-9+/=\s]*$/.test(text)) throw new Error('malformed base64');
  return Buffer.from(text, 'base64');
}

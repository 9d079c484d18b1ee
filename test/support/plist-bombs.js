// Property lists of at most 16 MiB that stand for far more, or for hours of work. A process of its own decodes them all, so that its memory can be measured:
//   node --expose-gc test/support/plist-bombs.js        prints one JSON line: { peakBytes, results: { name: 'text of the error, or "read"' } }
import { readFileSync } from 'node:fs';
import { parsePlist } from '../../dist/plist/codec.js';

const MOST = 16 * 1024 * 1024;

/** A binary list put together from the bytes of its objects and where each begins, from 8. */
function binary(objects, offsets, root = 0) {
  const table = Buffer.alloc(offsets.length * 4);
  for (const [index, at] of offsets.entries()) table.writeUInt32BE(at, index * 4);
  const trailer = Buffer.alloc(32);
  trailer.writeUInt16BE(0x0404, 6);
  trailer.writeBigUInt64BE(BigInt(offsets.length), 8);
  trailer.writeBigUInt64BE(BigInt(root), 16);
  trailer.writeBigUInt64BE(BigInt(8 + objects.length), 24);
  return Buffer.concat([Buffer.from('bplist00'), objects, table, trailer]);
}

/** An array, object 0, of `count` references. */
function array(count, referenceAt) {
  const bytes = Buffer.alloc(6 + count * 4);
  bytes.writeUInt16BE(0xaf12);
  bytes.writeUInt32BE(count, 2);
  for (let index = 0; index < count; index++) bytes.writeUInt32BE(referenceAt(index), 6 + index * 4);
  return bytes;
}

const MANY = 2_000_000;

/** So many references to one object. */
function shared(object) {
  const list = array(MANY, () => 1);
  return binary(Buffer.concat([list, object]), [8, 8 + list.length]);
}

/** So many objects, of which each is in the same bytes. */
function overlapping(object) {
  const list = array(MANY / 2, (index) => index + 1);
  const offsets = Array.from({ length: MANY / 2 + 1 }, (_, index) => (index === 0 ? 8 : 8 + list.length));
  return binary(Buffer.concat([list, object]), offsets);
}

/** Ten arrays in each of ten arrays in each …: 10^30 values. */
function laughs() {
  const levels = 30;
  const objects = Array.from({ length: levels }, () => Buffer.alloc(41));
  for (const [level, bytes] of objects.entries()) {
    bytes[0] = 0xaa;
    for (let index = 0; index < 10; index++) bytes.writeUInt32BE(level + 1, 1 + index * 4);
  }
  objects.push(Buffer.of(0x09));
  return binary(
    Buffer.concat(objects),
    objects.map((_, level) => 8 + level * 41),
  );
}

const xml = (body) => Buffer.from(`<plist version="1.0">${body}</plist>`);
const filled = (piece) => piece.repeat(Math.floor((MOST - 200) / piece.length));

const BOMBS = {
  'empty dictionaries, shared': () => shared(Buffer.of(0xd0)),
  'empty arrays, shared': () => shared(Buffer.of(0xa0)),
  'dictionaries, overlapping': () => overlapping(Buffer.of(0xd0)),
  'data, overlapping': () => overlapping(Buffer.of(0x40)),
  'dates, overlapping': () => overlapping(Buffer.from('330000000000000000', 'hex')),
  'arrays of arrays, thirty deep': laughs,
  'an array that holds itself': () =>
    binary(
      array(10, () => 0),
      [8],
    ),
  'ten million declared objects': () => {
    const bytes = binary(Buffer.of(0x09), [8]);
    bytes.writeBigUInt64BE(10_000_000n, bytes.length - 24);
    return bytes;
  },
  'ten million objects, with their table': () => {
    const count = 10_000_000;
    const trailer = Buffer.alloc(32);
    trailer.writeUInt16BE(0x0104, 6);
    trailer.writeBigUInt64BE(BigInt(count), 8);
    const list = array(1_500_000, (index) => index + 1);
    trailer.writeBigUInt64BE(BigInt(8 + list.length), 24);
    return Buffer.concat([Buffer.from('bplist00'), list, Buffer.alloc(count, 8), trailer]);
  },
  'elements without content': () => xml(`<array>${filled('<dict/>')}</array>`),
  'data elements without content': () => xml(`<array>${filled('<data/>')}</array>`),
  'a text of entities': () => xml(`<string>${filled('&lt;')}</string>`),
  'a text with one entity': () => xml(`<string>&lt;${'x'.repeat(MOST - 300)}</string>`),
  'empty CDATA': () => xml(`<string>${filled('<![CDATA[]]>')}</string>`),
  comments: () => xml(`<array>${filled('<!---->')}</array>`),
  'arrays without an end': () => xml(filled('<array>')),
  'a real of digits, then a letter': () => xml(`<real>${'1'.repeat(MOST - 300)}x</real>`),
  'an integer of digits': () => xml(`<integer>${'1'.repeat(MOST - 300)}</integer>`),
  'a date of digits': () => xml(`<date>2026-01-01T00:00:00.${'1'.repeat(MOST - 300)}</date>`),
  'base64, then none': () => xml(`<data>${'A'.repeat(MOST - 300)}*</data>`),
  'a tag of spaces': () => xml(`<array ${' '.repeat(MOST - 300)}x</array>`),
  'entities that expand': () =>
    Buffer.from(
      '<!DOCTYPE plist [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><plist><string>&b;</string></plist>',
    ),
  'an entity of a file': () =>
    Buffer.from('<!DOCTYPE plist [<!ENTITY f SYSTEM "file:///etc/passwd">]><plist><string>&f;</string></plist>'),
};

const results = {};
for (const [name, make] of Object.entries(BOMBS)) {
  const document = make();
  // What the making took is not the decoder's.
  globalThis.gc();
  try {
    parsePlist(document, 'It', { maxBytes: MOST });
    results[name] = 'read';
  } catch (error) {
    results[name] = `${error.code}: ${error.message}`;
  }
}
console.log(JSON.stringify({ peakBytes: peakBytes(), results }));

/** Of this process; 0 where the system does not tell. */
function peakBytes() {
  if (process.platform !== 'linux') return 0;
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'latin1'))[1]) * 1024;
}

import { parseBuffer } from 'bplist-parser';
import { build as buildXml, parse as parseXml } from 'plist';
import { describe, expect, test } from 'vitest';
import { IbkError } from '../../src/errors.js';
import { buildBinaryPlist, buildXmlPlist, parsePlist } from '../../src/plist/codec.js';
import { isPlistDict, PlistReal, PlistUid, plistDict, type PlistValue } from '../../src/plist/value.js';

// The MBFile record of a real-shaped backup, written by Python's plistlib.
const MBFILE =
  'YnBsaXN0MDDUAQIDBAUGBwpYJHZlcnNpb25ZJGFyY2hpdmVyVCR0b3BYJG9iamVjdHMSAAGGoF8QD05TS2V5ZWRBcmNoaXZlctEICVRyb290gAGnCwwoKSou' +
  'NVUkbnVsbN4NDg8QERITFBUWFxgZGhscHR4fICAhIiMkJSYnXFJlbGF0aXZlUGF0aFZEaWdlc3RdRW5jcnlwdGlvbktleVRNb2RlW0lub2RlTnVtYmVyVlVz' +
  'ZXJJRFdHcm91cElEXExhc3RNb2RpZmllZF8QEExhc3RTdGF0dXNDaGFuZ2VVQmlydGhUU2l6ZV8QD1Byb3RlY3Rpb25DbGFzc1VGbGFnc1YkY2xhc3OAAoAD' +
  'gAQRgaQSAAEichEB9RJlU/EAEmVT8QESX14QABAMEAMQAIAGXxAqTGlicmFyeS9QcmVmZXJlbmNlcy9jb20uZXhhbXBsZS50ZXN0LnBsaXN0TxAUtSkb+9do' +
  '9gg/rsigmGtfOPZk7rbSKxosLVdOUy5kYXRhTxAsAwAAAOdvWWtFJ6HEme4EwiNcsEhyW0MxHGuWX/Qqn1DJj0IQFBe7H11zLiKABdIvMDEyWiRjbGFzc25h' +
  'bWVYJGNsYXNzZXNdTlNNdXRhYmxlRGF0YaMxMzRWTlNEYXRhWE5TT2JqZWN00i8wNjdWTUJGaWxlojY0AAgAEQAaACQAKQAyADcASQBMAFEAUwBbAGEAfgCL' +
  'AJIAoAClALEAuADAAM0A4ADmAOsA/QEDAQoBDAEOARABEwEYARsBIAElASoBLAEuATABMgFfAXYBewGDAbIBtAG5AcQBzQHbAd8B5gHvAfQB+wAAAAAAAAIB' +
  'AAAAAAAAADgAAAAAAAAAAAAAAAAAAAH+';

const WIDE = plistDict({
  small: 1,
  byte: 255,
  word: 65535,
  long: 4294967295,
  exact: Number.MAX_SAFE_INTEGER,
  negative: -13,
  int64: -(2n ** 63n),
  uint64: 2n ** 64n - 13n,
  real: new PlistReal(2),
  yes: true,
  no: false,
  text: 'plain & <marked> "quoted"',
  unicode: 'Grüße 📚 é',
  empty: '',
  data: Buffer.from([0, 1, 2, 255]),
  nothing: Buffer.alloc(0),
  date: new Date('2026-11-21T07:06:00Z'),
  list: [1, [2, [3, []]], plistDict()],
  deep: plistDict({ a: plistDict({ b: ['c'] }) }),
});

function failure(bytes: Buffer): IbkError {
  try {
    parsePlist(bytes, 'The answer', { maxValues: 10_000, maxDepth: 64 });
  } catch (error) {
    if (error instanceof IbkError) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

describe('binary property lists', () => {
  test('read what plistlib wrote', () => {
    const root = parsePlist(Buffer.from(MBFILE, 'base64'), 'record');
    if (!isPlistDict(root) || !Array.isArray(root['$objects'])) throw new Error('shape');
    const record = root['$objects'][1];
    if (!isPlistDict(record)) throw new Error('shape');
    expect(root['$archiver']).toBe('NSKeyedArchiver');
    expect(record['RelativePath']).toEqual(new PlistUid(2));
    expect([record['Mode'], record['InodeNumber'], record['LastModified']]).toEqual([0o100644, 74354, 1_700_000_000]);
  });

  test('keep every kind of value through a round trip', () => {
    expect(parsePlist(buildBinaryPlist(WIDE), 'x')).toEqual(WIDE);
    expect(parsePlist(buildBinaryPlist([new PlistUid(70000)]), 'x')).toEqual([new PlistUid(70000)]);
    for (const uid of [-1, 1.5, Number.NaN]) expect(() => buildBinaryPlist([new PlistUid(uid)])).toThrow(TypeError);
  });

  test('are read alike by bplist-parser', () => {
    const [theirs] = parseBuffer<Record<string, unknown>>(buildBinaryPlist(WIDE));
    expect(theirs).toMatchObject({
      small: 1,
      byte: 255,
      word: 65535,
      long: 4294967295,
      text: WIDE['text'],
      unicode: WIDE['unicode'],
    });
    expect(theirs?.['list']).toEqual([1, [2, [3, []]], {}]);
    expect(Buffer.from(theirs?.['data'] as Uint8Array)).toEqual(WIDE['data']);
  });

  test('write a real as a real and 2^64-13 in sixteen bytes', () => {
    expect(buildBinaryPlist([new PlistReal(2)]).toString('hex')).toContain('234000000000000000');
    expect(buildBinaryPlist([2n ** 64n - 13n]).toString('hex')).toContain('140000000000000000fffffffffffffff3');
    expect(buildBinaryPlist([-13]).toString('hex')).toContain('13fffffffffffffff3');
  });

  test('hold more than 32,768 objects', () => {
    const many: PlistValue = Array.from({ length: 40_000 }, (_, i) => i);
    expect(parsePlist(buildBinaryPlist(many), 'x')).toEqual(many);
  });

  test('treat __proto__ as a key like any other', () => {
    const own: Record<string, PlistValue> = Object.create(null);
    const key = '__proto__';
    own[key] = ['x'];
    const read = parsePlist(buildBinaryPlist(own), 'x');
    expect(Object.keys(read as object)).toEqual([key]);
  });

  const cyclic = Buffer.from('62706c6973743030a1000000000000000000000000000000000000', 'hex');
  const loop = Buffer.concat([
    Buffer.from('bplist00'),
    Buffer.from([0xa1, 0x00]), // object 0: an array that holds object 0
    Buffer.from([8]),
    Buffer.from([0, 0, 0, 0, 0, 0, 1, 1]),
    Buffer.from([0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10]),
  ]);
  // 30 arrays, each holding the next one ten times: 10^30 values in a few hundred bytes.
  const bomb = (() => {
    const levels = 30;
    const objects = Array.from({ length: levels }, (_, i) =>
      i === levels - 1 ? Buffer.from([0x10, 1]) : Buffer.from([0xaa, ...Array(10).fill(i + 1)]),
    );
    const offsets: number[] = [];
    let at = 8;
    for (const object of objects) {
      offsets.push(at);
      at += object.length;
    }
    const table = Buffer.alloc(levels * 2);
    for (const [i, offset] of offsets.entries()) table.writeUInt16BE(offset, i * 2);
    const trailer = Buffer.alloc(32);
    trailer.writeUInt8(2, 6);
    trailer.writeUInt8(1, 7);
    trailer.writeBigUInt64BE(BigInt(levels), 8);
    trailer.writeBigUInt64BE(BigInt(at), 24);
    return Buffer.concat([Buffer.from('bplist00'), ...objects, table, trailer]);
  })();
  const declared = (() => {
    const bytes = Buffer.from(buildBinaryPlist([1, 2, 3]));
    bytes.writeBigUInt64BE(10_000_000n, bytes.length - 24);
    return bytes;
  })();

  test.each([
    ['a cycle', loop],
    ['a truncated document', cyclic],
    ['a bomb of shared references', bomb],
    ['ten million declared objects', declared],
    [
      'an array longer than the document',
      Buffer.concat([
        Buffer.from('bplist00'),
        Buffer.from([0xaf, 0x13, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]),
        buildBinaryPlist(1).subarray(-33),
      ]),
    ],
    ['nothing', Buffer.alloc(0)],
    ['only the magic', Buffer.from('bplist00')],
  ])('refuse %s', (_name, bytes) => {
    expect(failure(bytes)).toMatchObject({ code: 'device_error', reason: 'plist' });
  });
});

describe('XML property lists', () => {
  test('keep every kind of value through a round trip', () => {
    expect(parsePlist(buildXmlPlist(WIDE), 'x')).toEqual(WIDE);
  });

  test('are read alike by the package plist, and its output by us', () => {
    const theirs = parseXml(
      buildXmlPlist(plistDict({ a: 'x & y', b: [1, true, Buffer.from('abc')] })).toString('utf8'),
    );
    expect(theirs).toMatchObject({ a: 'x & y' });
    expect(
      parsePlist(Buffer.from(buildXml({ k: ['<v>', 7, false], d: new Date('2026-01-02T03:04:05Z') })), 'x'),
    ).toEqual(plistDict({ k: ['<v>', 7, false], d: new Date('2026-01-02T03:04:05Z') }));
  });

  test('take the control characters that lockdownd sends, comments, CDATA and numeric entities', () => {
    const text =
      '<?xml version="1.0"?><!-- c --><plist version="1.0"><dict><key>n</key><string>a\u0001b&#x41;&#66;<![CDATA[<c>]]></string></dict></plist>';
    expect(parsePlist(Buffer.from(text), 'x')).toEqual(plistDict({ n: 'a\u0001bAB<c>' }));
  });

  test.each([
    ['an entity bomb', '<!DOCTYPE plist [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><plist><string>&b;</string></plist>'],
    ['an unknown entity', '<plist><string>&b;</string></plist>'],
    ['an inherited name as an entity', '<plist><string>&toString;</string></plist>'],
    ['deep nesting', `<plist>${'<array>'.repeat(100_000)}`],
    ['an unclosed element', '<plist><dict><key>a</key>'],
    ['text', 'hello'],
    ['an integer of 30 digits', '<plist><integer>111111111111111111111111111111</integer></plist>'],
    ['a malformed date', '<plist><date>yesterday</date></plist>'],
    ['two values', '<plist><true/><true/></plist>'],
  ])('refuse %s', (_name, text) => {
    expect(failure(Buffer.from(text))).toMatchObject({ code: 'device_error', reason: 'plist' });
  });
});

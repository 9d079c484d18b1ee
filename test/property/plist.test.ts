import fc from 'fast-check';
import { expect, test } from 'vitest';
import { IbkError } from '../../src/errors.js';
import { buildBinaryPlist, buildXmlPlist, parsePlist } from '../../src/plist/codec.js';
import { PlistReal, plistDict, type PlistValue } from '../../src/plist/value.js';

const scalars: fc.Arbitrary<PlistValue> = fc.oneof(
  fc.boolean(),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n - 1n }),
  fc.string({ unit: 'grapheme' }),
  fc.uint8Array().map((bytes) => Buffer.from(bytes)),
  fc.double({ noNaN: true }).map((value) => new PlistReal(value === 0 ? 0 : value)),
  fc
    .date({ min: new Date(0), max: new Date('2100-01-01'), noInvalidDate: true })
    .map((date) => new Date(Math.floor(date.getTime() / 1000) * 1000)),
);

const values: fc.Arbitrary<PlistValue> = fc.letrec<{ value: PlistValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    scalars,
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(fc.string({ unit: 'grapheme' }), tie('value'), { maxKeys: 5 }).map((entries) => plistDict(entries)),
  ),
})).value;

test('both encodings give back what went in', () => {
  fc.assert(
    fc.property(values, (value) => {
      expect(parsePlist(buildBinaryPlist(value), 'x')).toEqual(value);
      expect(parsePlist(buildXmlPlist(value), 'x')).toEqual(value);
    }),
    { numRuns: 300 },
  );
});

test('a damaged document is an IbkError or another value, never another failure', () => {
  const whole = buildBinaryPlist(plistDict({ a: [1, 'two', plistDict({ three: Buffer.alloc(40) })], b: new Date(0) }));
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 }),
      fc.boolean(),
      (edits, cut) => {
        const bytes = Buffer.from(whole);
        for (const [at, byte] of edits) bytes[at] = byte;
        try {
          parsePlist(cut ? bytes.subarray(0, edits[0]?.[0] ?? 0) : bytes, 'x', { maxValues: 10_000 });
        } catch (error) {
          expect(error).toBeInstanceOf(IbkError);
        }
      },
    ),
    { numRuns: 2000 },
  );
});

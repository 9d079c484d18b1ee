/** Globs against a second matcher that is as plain as can be, and with patterns that are made to take long. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compileGlob } from '../../src/operations/selection/glob.js';

/** By definition: what a star stands for is tried from nothing to everything. */
function plainMatch(pattern: string, path: string): boolean {
  const parts = (pattern: readonly string[], names: readonly string[]): boolean => {
    const [first, ...rest] = pattern;
    if (first === undefined) return names.length === 0;
    if (first === '**' && rest.length === 0) return names.length > 0;
    if (first === '**') return names.map((_, at) => parts(rest, names.slice(at))).includes(true) || parts(rest, []);
    return names[0] !== undefined && letters(first, names[0]) && parts(rest, names.slice(1));
  };
  const letters = (pattern: string, name: string): boolean => {
    if (pattern === '') return name === '';
    if (pattern[0] === '*')
      return Array.from({ length: name.length + 1 }, (_, at) => letters(pattern.slice(1), name.slice(at))).includes(
        true,
      );
    return name !== '' && (pattern[0] === '?' || pattern[0] === name[0]) && letters(pattern.slice(1), name.slice(1));
  };
  return parts(pattern.split('/'), path.split('/'));
}

const part = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?'), minLength: 1, maxLength: 4 });
const pattern = fc
  .array(fc.oneof(part, fc.constant('**')), { minLength: 1, maxLength: 5 })
  .map((each) => each.join('/'));
const name = fc.string({ unit: fc.constantFrom('a', 'b'), minLength: 1, maxLength: 4 });
const path = fc.array(name, { minLength: 1, maxLength: 5 }).map((each) => each.join('/'));

test('a glob matches what its definition says', () => {
  fc.assert(
    fc.property(pattern, path, (glob, text) => {
      expect(compileGlob(glob).matches(text)).toBe(plainMatch(glob, text));
    }),
    { numRuns: 2000 },
  );
});

test('what matches lies in the folder that the glob names', () => {
  fc.assert(
    fc.property(pattern, path, fc.boolean(), (glob, text, below) => {
      const { matches, folder } = compileGlob(glob, { below });
      if (matches(text) && folder !== '') expect(`${text}/`.startsWith(`${folder}/`)).toBe(true);
    }),
    { numRuns: 2000 },
  );
});

test('whatever is written is a pattern or a clear error', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'ab*?[]{},\\/-!^ü') }), path, (glob, text) => {
      try {
        compileGlob(glob, { below: true, anywhere: true }).matches(text);
      } catch (error) {
        expect(error).toMatchObject({ code: 'usage' });
      }
    }),
    { numRuns: 2000 },
  );
});

test('stars upon stars on a long name end', () => {
  expect(compileGlob(`${'*a'.repeat(200)}*b`).matches('a'.repeat(2000))).toBe(false);
  expect(compileGlob(`${'**/a/'.repeat(100)}b`).matches(Array.from({ length: 1000 }, () => 'a').join('/'))).toBe(false);
});

/** Whatever a backup calls its files: no two go to one name, and none goes outside. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { NameTree } from '../../src/output/name-tree.js';
import { nameKey, POSIX_PLACE, STRICTEST_PLACE } from '../../src/output/name-rules.js';
import { placeOf } from '../../src/operations/extract/layout.js';
import type { FileRecord } from '../../src/backup/reader/types.js';

const ODD = [
  '..',
  '.',
  '',
  'aux',
  'AUX.txt',
  'a',
  'A',
  'a.',
  'a ',
  'a:b',
  'a_b',
  'é',
  'e\u0301',
  'a\0',
  'x\n',
  '\ud800',
  'C:',
  '\\',
  'a_2',
];
const part = fc.oneof(
  fc.constantFrom(...ODD),
  fc.string({ unit: 'binary', maxLength: 4 }),
  fc.string({ minLength: 250, maxLength: 300 }),
);
const record = fc.record({
  domain: fc.constantFrom('HomeDomain', 'CameraRollDomain', 'AppDomain-x', '..', 'a/b', 'homedomain'),
  relativePath: fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/')),
  kind: fc.constantFrom('file', 'directory', 'symlink'),
});

test.each([
  ['auto', POSIX_PLACE],
  ['auto', STRICTEST_PLACE],
  ['portable', POSIX_PLACE],
  ['raw', STRICTEST_PLACE],
] as const)('names %s', (style, place) => {
  fc.assert(
    fc.property(fc.array(record, { maxLength: 40 }), fc.constantFrom('domain', 'device', 'flat'), (records, layout) => {
      const tree = new NameTree(place, style);
      const files = new Set<string>();
      const folders = new Set<string>();
      const key = (path: string) => nameKey(path, place);
      for (const each of records) {
        const parts = placeOf(each as FileRecord, { layout, withoutDomain: false });
        if (parts === undefined || typeof parts === 'string') continue;
        const placed = each.kind === 'directory' ? tree.folder(parts) : tree.file(parts);
        if (placed === undefined) continue;
        const { path } = placed;
        const names = path.split('/');
        expect(path.startsWith('/') || path.includes('\0')).toBe(false);
        if (path !== '')
          expect(names.some((name) => ['', '.', '..'].includes(name) || Buffer.byteLength(name) > 255)).toBe(false);
        for (let depth = 1; depth < names.length; depth++) folders.add(key(names.slice(0, depth).join('/')));
        if (each.kind === 'directory') folders.add(key(path));
        else {
          expect(files.has(key(path)), path).toBe(false);
          files.add(key(path));
        }
        if (place.windows || style === 'portable') expect(path).not.toMatch(/[<>:"|?*\\\u0000-\u001f]|[. ](?:\/|$)/);
      }
      for (const path of files) expect(folders.has(path), path).toBe(false);
    }),
    { numRuns: 150 },
  );
});

/** Lists, ids and names: what is written reads back, and nothing else does. */
import Database from 'better-sqlite3';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Catalog } from '../../src/backup/records/catalog.js';
import {
  type ChangeLine,
  ChangeListWriter,
  mergeLists,
  readChangeList,
  verifyChangeList,
} from '../../src/backup/records/change-list.js';
import { comparePaths, isSafePath, judgeName } from '../../src/backup/records/names.js';
import { isVersionId, newShortId, shortIdOf, versionId } from '../../src/backup/records/version-id.js';
import { MemoryFileSystem } from '../support/memory-file-system.js';
import { Random } from '../support/random.js';

const HEADER = { udid: 'U', from: null, to: 'next' };
const AT = '20261121-070600-k7f29b1e';

function line(p: string, old: string | null = 'a', now: string | null = 'b'): ChangeLine {
  const identity = (text: string | null) =>
    text === null ? null : { size: text.length, mtimeUs: 1, sha256: text.charCodeAt(0).toString(16).padStart(64, '0') };
  return { p, k: old === null ? 'absent' : 'stored', at: AT, src: null, old: identity(old), new: identity(now) };
}

function written(lines: readonly ChangeLine[]): { fs: MemoryFileSystem; bytes: Buffer } {
  const fs = new MemoryFileSystem(new Random(1), true, true);
  const writer = new ChangeListWriter(fs, 'list', HEADER);
  for (const each of lines) writer.add(each);
  writer.finish();
  return { fs, bytes: fs.bytesOf('list') ?? Buffer.alloc(0) };
}

test('a catalog tells of names with the last of all characters, at the top and in a folder', () => {
  const db = new Database(':memory:');
  const catalog = new Catalog({ db, saved: () => {}, close: () => db.close() });
  const names = ['foo/a', 'foo/\u{10ffff}', 'foo/\u{10ffff}x', 'foo0', '\u{10ffff}', '\u{10ffff}\u{10ffff}'];
  catalog.setFiles(names.map((path) => [path, { size: 1, mtimeUs: 1, sha256: null }]));
  const { files, folders } = catalog.folder('');
  expect([...files.keys()]).toEqual(['foo0', '\u{10ffff}', '\u{10ffff}\u{10ffff}']);
  expect([...folders]).toEqual(['foo']);
  expect([...catalog.folder('foo').files.keys()]).toEqual(['a', '\u{10ffff}', '\u{10ffff}x']);
  expect(catalog.pathsAfter('', '', 10)).toEqual(names);
  expect(catalog.pathsAfter('foo/', 'foo/a', 10)).toEqual(names.slice(1, 3));
  catalog.close();
});

const paths = fc
  .uniqueArray(fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }).filter(isSafePath), { maxLength: 30 })
  .map((found) => found.sort(comparePaths));

test('a list reads back as it was written', () => {
  fc.assert(
    fc.property(paths, (found) => {
      const lines = found.map((path) => line(path));
      const { fs } = written(lines);
      expect([...readChangeList(fs, 'list')]).toEqual(lines);
    }),
    { numRuns: 50 },
  );
});

test('a list with any byte changed, or cut anywhere, is refused', () => {
  const { fs, bytes } = written(['aa', 'bb', 'cc'].map((path) => line(path)));
  const damaged = (content: Buffer) => {
    fs.overwrite('damaged', content);
    return () => verifyChangeList(fs, 'damaged');
  };
  for (let at = 0; at < bytes.length; at++) {
    expect(damaged(bytes.subarray(0, at)), `cut at ${at}`).toThrow(expect.objectContaining({ code: 'damaged' }));
    const flipped = Buffer.from(bytes);
    flipped.writeUInt8(bytes.readUInt8(at) ^ 1, at);
    expect(damaged(flipped), `changed at ${at}`).toThrow(expect.objectContaining({ code: 'damaged' }));
  }
});

test('a list with another checksum than the head names is refused', () => {
  const { fs } = written([line('aa')]);
  expect(() => verifyChangeList(fs, 'list', '0'.repeat(64))).toThrow(expect.objectContaining({ code: 'damaged' }));
});

test.each(['../x', '/etc/passwd', 'a\\b', 'Snapshot/x', 'x\0', ''])('a list that names %j is refused', (path) => {
  const { fs } = written([line(path)]);
  expect(() => verifyChangeList(fs, 'list')).toThrow(expect.objectContaining({ code: 'damaged' }));
});

test('a list out of order is a bug that shows', () => {
  expect(() => written([line('b'), line('a')])).toThrow(TypeError);
});

test('merging: the older list wins, with where the younger one led', () => {
  const older = [line('a', 'old', 'mid'), line('b', null, 'mid')];
  const younger = [line('b', 'mid', 'new'), line('c', 'same', null)];
  expect([...mergeLists(older, younger)]).toEqual([
    line('a', 'old', 'mid'),
    line('b', null, 'new'),
    line('c', 'same', null),
  ]);
});

test('paths are ordered as their bytes, also beyond the first plane', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (a, b) => {
      expect(Math.sign(comparePaths(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
    }),
  );
});

test('a version id names its date and a short id that is no hex', () => {
  const id = versionId(Date.UTC(2026, 10, 21, 7, 6), 'k7f29b1e');
  expect(id).toBe('20261121-070600-k7f29b1e');
  expect(shortIdOf(id)).toBe('k7f29b1e');
  for (let index = 0; index < 200; index++) expect(versionId(0, newShortId())).toSatisfy(isVersionId);
  for (const date of [Number.NaN, -1, 1e18]) expect(versionId(date, newShortId())).toSatisfy(isVersionId);
});

test.each([
  ['apple', 'Manifest.db'],
  ['apple', 'Snapshot/Status.plist'],
  ['apple', 'Snapshot'],
  ['apple', `ab/${'ab'.padEnd(40, '0')}`],
  ['apple', `${'0'.repeat(40)}.mddata`],
  ['plain', 'extra/Notes.txt'],
  ['plain', `${'A'.repeat(39)}`],
  ['unstorable', `${'A'.repeat(40)}`],
  ['unstorable', 'AB/x'],
  ['unstorable', 'status.plist'],
  ['unstorable', 'snapshot'],
  ['unstorable', 'com1.txt'],
  ['unstorable', 'a/../b'],
  ['unstorable', 'a//b'],
  ['unstorable', '\u202egnp.exe'],
])('%s: %s', (verdict, path) => {
  expect(judgeName(path)).toBe(verdict);
});

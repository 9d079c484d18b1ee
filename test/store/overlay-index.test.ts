/** The index against a plain map: what is held in memory, what has gone to the database, and the way from one to the other. */
import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import { type OverlayEntry, OverlayIndex } from '../../src/backup/overlay-index.js';
import { Random } from '../support/random.js';

function newIndex(): OverlayIndex {
  const db = new Database(':memory:');
  return new OverlayIndex({ db, saved: () => {}, close: () => db.close() });
}

function file(n: number): OverlayEntry {
  const sha256 = n.toString(16).padStart(64, '0');
  return { kind: 'file', blob: n, lower: null, size: n * 3, mtimeUs: 1e15 + n, sha256 };
}

const id = (n: number) => `${n.toString(16).padStart(2, '0')}${'7'.repeat(30)}${n.toString(16).padStart(8, '0')}`;
const inFolder = (n: number) => `${id(n).slice(0, 2)}/${id(n)}`;

test('more payloads than are held in memory: sent, moved, read back', () => {
  const index = newIndex();
  const count = 70_000;
  for (let n = 0; n < count; n++) index.put(`Snapshot/${inFolder(n)}`, null, file(n));
  for (let n = 0; n < count; n++) {
    const entry = index.get(`Snapshot/${inFolder(n)}`);
    if (entry === undefined) throw new Error(`${n} is not there`);
    index.delete(`Snapshot/${inFolder(n)}`);
    index.put(inFolder(n), null, entry);
  }
  expect(index.get(`Snapshot/${inFolder(5)}`)).toBeUndefined();
  for (const n of [0, 1, 4464, 65_535, 65_536, count - 1]) expect(index.get(inFolder(n))).toEqual(file(n));
  expect(index.below('Snapshot')).toEqual([]);
  expect(index.children('07').map(({ path }) => path)).toEqual([inFolder(7)]);
  let found = 0;
  for (let after = ''; ; ) {
    const page = index.changesAfter(after, 5000);
    found += page.length;
    after = page.at(-1)?.path ?? '';
    if (page.length < 5000) break;
  }
  expect(found).toBe(count);
  index.close();
});

test.each([1, 2, 3, 4])('random changes, seed %i: as a map has them', (seed) => {
  const random = new Random(seed);
  const index = newIndex();
  const model = new Map<string, OverlayEntry>();
  // Of the same fileID: flat and in a folder, in Snapshot and not, in a folder of another name, with a suffix.
  const names = Array.from({ length: 40 }, (_, n) => [id(n), inFolder(n), `00/${id(n + 1)}`, `${id(n)}.mddata`]).flat();
  const paths = [...names, ...names.map((name) => `Snapshot/${name}`)];
  const folders = ['', 'Snapshot', ...new Set(paths.map((path) => path.slice(0, path.lastIndexOf('/'))))];
  for (let step = 0; step < 4000; step++) {
    const path = random.choice(paths);
    const what = random.below(12);
    if (what < 5) put(path, file(step));
    else if (what < 6) put(path, { kind: 'gone' });
    else if (what < 7) put(path, { kind: 'file', blob: null, lower: 'x', size: 1, mtimeUs: 2, sha256: null });
    else if (what < 9) {
      index.delete(path);
      model.delete(path);
    } else if (what < 11) expect(index.get(path)).toEqual(model.get(path));
    else {
      const folder = random.choice(folders);
      const prefix = folder === '' ? '' : `${folder}/`;
      const expected = [...model].filter(([name]) => name.startsWith(prefix) && !name.includes('/', prefix.length));
      expect(index.children(folder).map(({ path: name, entry }) => [name, entry])).toEqual(
        expected.sort(([a], [b]) => (a < b ? -1 : 1)),
      );
    }
  }
  index.close();

  function put(path: string, entry: OverlayEntry): void {
    index.put(path, null, entry);
    model.set(path, entry);
  }
});

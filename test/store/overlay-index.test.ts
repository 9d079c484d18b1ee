/** The index against a plain map: what is held in memory, what has gone to the database, and the way from one to the other. */
import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import type { ListedChild, OverlayEntry, OverlayFile } from '../../src/backup/receive/overlay-entry.js';
import { OverlayIndex } from '../../src/backup/receive/overlay-index.js';
import { Random } from '../support/random.js';

function newIndex(): OverlayIndex {
  const db = new Database(':memory:');
  return new OverlayIndex({ db, saved: () => {}, close: () => db.close() });
}

function file(n: number): OverlayEntry {
  const sha256 = n.toString(16).padStart(64, '0');
  return { kind: 'file', blob: n, lower: null, size: n * 3, mtimeUs: 1e15 + n, sha256 };
}

function listed([path, entry]: [string, OverlayEntry]): ListedChild {
  const { size, mtimeUs } = entry.kind === 'file' ? entry : { size: 0, mtimeUs: 0 };
  return { path, kind: entry.kind, size, mtimeUs };
}

const id = (n: number) =>
  `${(n % 256).toString(16).padStart(2, '0')}${'7'.repeat(30)}${n.toString(16).padStart(8, '0')}`;
const inFolder = (n: number) => `${id(n).slice(0, 2)}/${id(n)}`;

function allChanges(index: OverlayIndex, limit: number): [string, OverlayFile | null][] {
  const found: [string, OverlayFile | null][] = [];
  for (let after = ''; ; after = found.at(-1)?.[0] ?? '') {
    const page = index.changesAfter(after, limit);
    found.push(...page.map(({ path, file }): [string, OverlayFile | null] => [path, file]));
    if (page.length < limit) return found;
  }
}

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
  const of07 = Array.from({ length: count }, (_, n) => n).filter((n) => n % 256 === 7);
  expect(index.children('07').map(({ path }) => path)).toEqual(of07.map(inFolder));
  expect(allChanges(index, 5000)).toHaveLength(count);
  index.close();
});

test('names with the last of all characters are listed once, at the top and in a folder', () => {
  const index = newIndex();
  const names = ['foo/a', 'foo/\u{10ffff}', 'foo/\u{10ffff}x', 'foo0', '\u{10ffff}', '\u{10ffff}\u{10ffff}'];
  for (const [n, path] of names.entries()) index.put(path, path, file(n));
  index.put('foo', 'foo', { kind: 'dir', opaque: false });
  expect(index.children('').map(({ path }) => path)).toEqual(['foo', 'foo0', '\u{10ffff}', '\u{10ffff}\u{10ffff}']);
  expect(index.children('foo').map(({ path }) => path)).toEqual(['foo/a', 'foo/\u{10ffff}', 'foo/\u{10ffff}x']);
  expect(index.below('foo').map(({ path }) => path)).toEqual(['foo/a', 'foo/\u{10ffff}', 'foo/\u{10ffff}x']);
  index.close();
});

test.each([1, 2, 3, 4])('random changes, seed %i: as a map has them', (seed) => {
  const random = new Random(seed);
  const index = newIndex();
  const model = new Map<string, OverlayEntry>();
  let movedUp = 0;
  // Of the same fileID: flat and in a folder, in Snapshot and not, in a folder of another name, with a suffix.
  const names = Array.from({ length: 40 }, (_, n) => [id(n), inFolder(n), `00/${id(n + 1)}`, `${id(n)}.mddata`]).flat();
  const paths = [...names, ...names.map((name) => `Snapshot/${name}`)];
  const folders = ['', 'Snapshot', ...new Set(paths.map((path) => path.slice(0, path.lastIndexOf('/'))))];
  for (let step = 0; step < 4000; step++) {
    const path = random.choice(paths);
    const what = random.below(16);
    if (what < 5) put(path, file(step));
    else if (what < 6) put(path, { kind: 'gone' });
    else if (what < 7) put(path, { kind: 'file', blob: null, lower: 'x', size: 1, mtimeUs: 2, sha256: null });
    else if (what < 9) {
      index.delete(path);
      model.delete(path);
    } else if (what < 11) expect(index.get(path)).toEqual(model.get(path));
    else if (what < 13) {
      const to = what === 11 ? path : inFolder(1000 + step);
      if (what === 12) put(`Snapshot/${to}`, file(step));
      const sent = model.get(`Snapshot/${to}`);
      if (!index.moveUp(to)) continue;
      movedUp++;
      expect([sent?.kind, model.get(to)]).toEqual(['file', undefined]);
      model.delete(`Snapshot/${to}`);
      model.set(to, sent as OverlayEntry);
    } else if (what < 14) expect(allChanges(index, 1 + random.below(60))).toEqual(files());
    else if (what < 15) {
      const blobs = files().flatMap(([name, { blob }]) => (blob === null ? [] : [{ path: name, blob }]));
      expect([...index.received()].sort((a, b) => (a.path < b.path ? -1 : 1))).toEqual(blobs);
      if (random.below(8) > 0) continue;
      const folder = random.choice(folders.slice(1));
      const below = sorted().filter(([name]) => name.startsWith(`${folder}/`));
      expect(index.below(folder).map(({ path: name, entry }) => [name, entry])).toEqual(below);
    } else {
      const folder = random.choice(folders);
      const prefix = folder === '' ? '' : `${folder}/`;
      const expected = sorted().filter(([name]) => name.startsWith(prefix) && !name.includes('/', prefix.length));
      expect(index.children(folder)).toEqual(expected.map(listed));
    }
  }
  expect(movedUp).toBeGreaterThan(100);
  index.close();

  function sorted(): [string, OverlayEntry][] {
    return [...model].sort(([a], [b]) => (a < b ? -1 : 1));
  }

  function files(): [string, OverlayFile][] {
    return sorted().flatMap(([name, entry]) => (entry.kind === 'file' ? [[name, entry]] : []));
  }

  function put(path: string, entry: OverlayEntry): void {
    index.put(path, null, entry);
    model.set(path, entry);
  }
});

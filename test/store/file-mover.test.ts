/** Many files to their places on a real disk, one by one and by a thread: what is in a place stays, and no link is followed. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DiskFileSystem } from '../../src/backup/disk/disk-file-system.js';
import { type FileMover, moved } from '../../src/backup/disk/file-mover.js';

let root: string;
let disk: DiskFileSystem;
let mover: FileMover | undefined;
let changes: string[];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'ibk-mover-'));
  changes = [];
  disk = new DiskFileSystem(root, { beforeChange: (what) => changes.push(what) });
  for (const folder of ['new', 'place']) mkdirSync(join(root, folder));
});

afterEach(() => {
  mover?.close();
  rmSync(root, { recursive: true, force: true });
});

function received(...names: readonly string[]): { from: string; to: string }[] {
  return names.map((name) => {
    writeFileSync(join(root, 'new', name), `content of ${name}`);
    return { from: `new/${name}`, to: `place/${name}` };
  });
}

const read = (path: string) => readFileSync(join(root, path), 'utf8');

for (const [kind, count] of [
  ['one by one', 10],
  ['by a thread', 50_000],
] as const) {
  test(`many, several batches under way, ${kind}`, async () => {
    mover = disk.fileMover(count);
    const names = Array.from({ length: 2_000 }, (_, at) => `f${at}`);
    const moves = received(...names);
    const batches = [moves.slice(0, 900), moves.slice(900, 1_800), moves.slice(1_800), []];
    const answers = await Promise.all(batches.map((batch) => mover?.moveAll(batch)));
    expect(answers.map((each) => each?.length)).toEqual([900, 900, 200, 0]);
    expect(answers.flat().every((each) => each === true)).toBe(true);
    expect(readdirSync(join(root, 'new'))).toEqual([]);
    for (const name of names) expect(read(`place/${name}`)).toBe(`content of ${name}`);
    expect(changes).toEqual(names.map(() => 'rename'));
  });

  test(`what is in a place is not replaced, and the others are moved, ${kind}`, async () => {
    mover = disk.fileMover(count);
    const moves = received('a', 'b', 'c', 'd', 'e');
    writeFileSync(join(root, 'place/b'), 'of another program');
    mkdirSync(join(root, 'place/c'));
    symlinkSync('/nowhere', join(root, 'place/d'));
    expect(await mover.moveAll(moves)).toEqual([true, false, false, false, true]);
    expect(read('place/b')).toBe('of another program');
    for (const name of ['b', 'c', 'd']) expect(read(`new/${name}`)).toBe(`content of ${name}`);
    expect(read('place/e')).toBe('content of e');
  });

  test(`one that was moved before keeps no other back, ${kind}`, async () => {
    mover = disk.fileMover(count);
    const moves = received('a', 'b', 'c');
    disk.rename('new/b', 'place/b');
    rmSync(join(root, 'place/b'));
    const answers = await mover.moveAll(moves);
    expect([answers[0], answers[2]]).toEqual([true, true]);
    const [, second] = moves;
    expect(answers[1] === true || moved(disk, second?.from ?? '', second?.to ?? '')).toBe(true);
    expect(existsSync(join(root, 'place/b'))).toBe(false);
  });

  test(`a link above a place is refused, and nothing goes through it, ${kind}`, async () => {
    mover = disk.fileMover(count);
    const elsewhere = mkdtempSync(join(tmpdir(), 'ibk-elsewhere-'));
    try {
      symlinkSync(elsewhere, join(root, 'trap'));
      const [move] = received('a');
      const through = mover.moveAll([{ from: move?.from ?? '', to: 'trap/a' }]);
      await expect(through).rejects.toMatchObject({ code: 'unsafe', details: { path: 'trap' } });
      await expect(mover.moveAll([{ from: 'new/a', to: '../a' }])).rejects.toMatchObject({ code: 'unsafe' });
      expect(readdirSync(elsewhere)).toEqual([]);
      expect(read('new/a')).toBe('content of a');
    } finally {
      rmSync(elsewhere, { recursive: true });
    }
  });

  test(`a folder that is missing is told of, now or by the one who looks, ${kind}`, async () => {
    mover = disk.fileMover(count);
    const [move] = received('a');
    const to = 'missing/a';
    const answer = await mover.moveAll([{ from: move?.from ?? '', to }]).catch((error: unknown) => error);
    if (Array.isArray(answer)) expect(answer).toEqual([false]);
    else expect(answer).toMatchObject({ code: 'ENOENT' });
    expect(() => moved(disk, 'new/a', to)).toThrow(expect.objectContaining({ code: 'ENOENT' }));
    expect(read('new/a')).toBe('content of a');
  });
}

test('what a thread that has ended was given counts as not moved', async () => {
  mover = disk.fileMover(50_000);
  expect(await mover.moveAll(received('a'))).toEqual([true]);
  mover.close();
  expect(await mover.moveAll(received('b', 'c'))).toEqual([false, false]);
  expect(read('new/b')).toBe('content of b');
});

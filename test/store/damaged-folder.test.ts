/**
 * Somebody removes, overwrites or touches files of the newest backup, and makes none of their own. What a phone held at a version is the reference: a version
 * gives those bytes or says that they are lost, and damage is never handed on to a later version as if the phone had sent it.
 */
import { readdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { StoreWarning } from '../../src/backup/records/context.js';
import type { StoreLease } from '../../src/backup/lease.js';
import { BackupStore } from '../../src/backup/store.js';
// @ts-expect-error plain JavaScript, shared with the process that is killed
import * as phone from '../support/scripted-phone.js';

type State = Map<string, Buffer>;
const { UDID, phoneState } = phone as { UDID: string; phoneState: (n: number) => State };

let home: string;
let store: BackupStore;
let warnings: StoreWarning[];
/** What the phone held, by version. */
let held: Map<string, State>;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'ibk-damage-'));
  warnings = [];
  held = new Map();
  store = new BackupStore(home, UDID, { onWarning: (warning) => warnings.push(warning) });
});
afterEach(() => rm(home, { recursive: true, force: true }));

/** Sends what differs from `known`, which is what the phone believes to be there; nothing known: everything. */
async function backup(state: State, known: State = new Map(), during: () => void = () => {}): Promise<string> {
  const lease = await store.lease({ command: 'test' });
  try {
    await send(lease, state, known);
    during();
    const { version } = await lease.commit({ date: Date.UTC(2026, 0, 1, 0, held.size) });
    held.set(version.id, state);
    return version.id;
  } finally {
    lease.abort();
  }
}

async function send({ host }: StoreLease, state: State, known: State): Promise<void> {
  for (const [path, content] of state) {
    if (path !== 'Status.plist' && known.get(path)?.equals(content) === true) continue;
    const sink = host.receive(`${UDID}/${path}`);
    sink.write(content);
    sink.commit();
  }
  await host.settle();
  for (const path of phoneState(0).keys()) if (!state.has(path)) host.remove(`${UDID}/${path}`);
}

async function start(): Promise<void> {
  (await store.lease({ command: 'test' })).abort();
}

const place = (path: string) => join(home, UDID, path);
const aside = () => {
  const own = join(home, '.ibk', UDID, 'aside');
  const entries = readdirSync(own, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => readFileSync(join(entry.parentPath, entry.name)));
};

/** In place, of the same size: no folder's time tells. */
function overwrite(path: string): Buffer {
  const bytes = Buffer.alloc(statSync(place(path)).size, 7);
  writeFileSync(place(path), bytes);
  return bytes;
}

/** Every version is right or says what it lost. @returns what is lost, newest version first */
function lostOfAll(): string[][] {
  return store.versions().map(({ id }) => {
    const lost: string[] = [];
    for (const [path, content] of held.get(id) ?? []) {
      try {
        const file = store.open(id, path);
        const bytes = Buffer.alloc(file.stat().sizeBytes);
        file.read(bytes, 0);
        file.close();
        expect(bytes.equals(content), `${id} ${path}`).toBe(true);
      } catch (error) {
        expect(error).toMatchObject({ reason: 'lost' });
        lost.push(path);
      }
    }
    return lost;
  });
}

async function expectWhole(id: string, state: State): Promise<void> {
  expect(await store.verify(id, { readData: true })).toMatchObject({ problems: [], withoutChecksum: 0 });
  for (const [path, content] of state) expect(readFileSync(place(path)).equals(content), path).toBe(true);
  const there = readdirSync(join(home, UDID), { recursive: true, withFileTypes: true });
  expect(there.filter((entry) => entry.isFile())).toHaveLength(state.size);
}

const [first, second] = [phoneState(0), new Map(phoneState(1))];
const isPayload = (path: string) => !path.includes('.plist') && path !== 'Manifest.db';
const inBoth = [...first.keys()].filter((path) => isPayload(path) && second.has(path) && first.get(path)?.length !== 0);
const same = inBoth.filter((path) => first.get(path)?.equals(second.get(path) ?? Buffer.alloc(0)) === true);
const other = inBoth.filter((path) => !same.includes(path));
const [stays = '', stays2 = '', goes = ''] = same;
second.delete(goes);
const [changes = ''] = other;

test('the states have what these tests need', () => {
  for (const path of [stays, stays2, changes, goes]) expect(path).not.toBe('');
});

test('overwritten in place and sent again: the folder and the version are whole again', async () => {
  await backup(first);
  const junk = overwrite(stays);
  expect(lostOfAll()).toEqual([[stays]]);
  const id = await backup(second);
  await expectWhole(id, second);
  expect(lostOfAll()).toEqual([[], []]);
  expect(aside().some((bytes) => bytes.equals(junk))).toBe(true);
  expect(warnings.map(({ kind }) => kind)).toEqual(['set_aside']);
  expect(store.history()).toMatchObject({ folder: 'as_left', pending: null });
});

test.each([
  ['changed', changes],
  ['removed', goes],
])(
  'overwritten in place and then %s by the phone: lost in the old version, right in the new one',
  async (_how, path) => {
    await backup(first);
    const junk = overwrite(path);
    const id = await backup(second, first);
    await expectWhole(id, second);
    expect(lostOfAll()).toEqual([[], [path]]);
    expect(store.versions().map(({ lost }) => lost?.files ?? 0)).toEqual([0, 1]);
    expect(aside()).toEqual([junk]);
    await backup(phoneState(2), second);
    expect(lostOfAll()[0]).toEqual([]);
  },
);

test('overwritten in place and not sent again: lost, in each version that needs it, and verify says so', async () => {
  await backup(first);
  overwrite(stays);
  const id = await backup(second, first);
  expect(lostOfAll()).toEqual([[stays], [stays]]);
  expect((await store.verify(id)).problems).toEqual([{ path: stays, kind: 'content' }]);
});

test('removed and overwritten: found as damaged, and nothing of it is lost once all is sent again', async () => {
  const id = await backup(first);
  rmSync(place(stays));
  overwrite(stays2);
  // Its folder's time tells of this one, so that the start looks.
  renameSync(place(stays2), `${place(stays2)}x`);
  renameSync(`${place(stays2)}x`, place(stays2));
  await start();
  const [damaged] = store.versions();
  expect(damaged).toMatchObject({ complete: false, origin: 'foreign', damaged: 2 });
  expect(warnings).toEqual([
    { kind: 'foreign_change', message: expect.stringContaining('2 files of the last backup') },
  ]);
  const { problems } = await store.verify(damaged?.id ?? '');
  expect(new Map(problems.map(({ path, kind }) => [path, kind]))).toEqual(
    new Map([
      [stays, 'missing'],
      [stays2, 'content'],
    ]),
  );
  expect(lostOfAll()[1]).toEqual(expect.arrayContaining([stays, stays2]));
  const next = await backup(second);
  await expectWhole(next, second);
  expect(store.versions().map((version) => version.id)).toEqual([next, id]);
  expect(lostOfAll()).toEqual([[], []]);
  expect(await store.verify(id, { readData: true })).toMatchObject({ problems: [] });
});

test('touched files and new ones are no damage', async () => {
  await backup(first);
  utimesSync(place(stays), 1, 1);
  writeFileSync(place(`ff/${'f'.repeat(40)}`.slice(3)), 'of somebody else');
  await start();
  expect(store.versions()[0]).toMatchObject({ complete: true, origin: 'foreign', damaged: 0 });
});

test('another backup in the folder is no damage', async () => {
  await backup(first);
  rmSync(place(stays));
  for (const name of ['Status.plist', 'Manifest.db']) {
    rmSync(place(name));
    writeFileSync(place(name), second.get(name) ?? '');
  }
  await start();
  expect(store.versions()[0]).toMatchObject({ complete: true, origin: 'foreign', damaged: 0 });
});

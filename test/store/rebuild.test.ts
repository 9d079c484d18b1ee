/** All head records are lost: a new one is made from what the versions say of themselves, and every version reads as before. */
import { appendFileSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest';
import { rebuildHead } from '../../src/backup/commit/rebuild.js';
import { BackupStore } from '../../src/backup/store.js';
import { runIbk, tempHome } from '../support/run-ibk.js';
// @ts-expect-error plain JavaScript, shared with the process that is killed
import * as phone from '../support/scripted-phone.js';
import { loadEngine, SOURCES } from '../support/store-engine.js';
import { StoreWorld } from '../support/store-world.js';

const { UDID, phoneState, sendState } = phone as {
  UDID: string;
  phoneState: (n: number) => Map<string, Buffer>;
  sendState: (lease: unknown, n: number) => Promise<void>;
};
const HISTORIES = Number(process.env['IBK_STORE_HISTORIES'] ?? 40);

const cliHome = tempHome();
afterAll(() => rmSync(cliHome, { recursive: true, force: true }));

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'ibk-rebuild-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const own = (path = '') => join(root, '.ibk', UDID, path);
const heads = () => readdirSync(own()).filter((name) => name.startsWith('head.'));

async function backup(n: number): Promise<string> {
  const lease = await new BackupStore(root, UDID).lease({ command: 'test' });
  try {
    await sendState(lease, n);
    return (await lease.commit({ date: Date.UTC(2026, 0, 1, 0, n) })).version.id;
  } finally {
    lease.abort();
  }
}

function expectState(version: string, n: number): void {
  const store = new BackupStore(root, UDID);
  for (const [path, content] of phoneState(n)) {
    const file = store.open(version, path);
    const bytes = Buffer.alloc(file.stat().sizeBytes);
    file.read(bytes, 0);
    file.close();
    expect(bytes.equals(content), `${version} ${path}`).toBe(true);
  }
}

test('after random histories every version reads as it did', { timeout: 3600_000 }, async () => {
  const engine = await loadEngine(SOURCES);
  let rebuilt = 0;
  for (let seed = 1; seed <= HISTORIES; seed++) {
    const world = new StoreWorld(engine, 40_000 + seed, { live: false, foreign: seed % 2 === 0, moving: seed % 4 > 1 });
    for (let step = 0; step < 8; step++) await world.step();
    if (world.versions < 2) continue;
    world.loseHeads();
    try {
      expect(await rebuildHead(world.context())).toEqual({ versions: world.versions, left: [] });
      await world.recoverOnce();
      await world.backup();
      await world.succeeded();
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
    rebuilt += 1;
  }
  expect(rebuilt).toBeGreaterThan(HISTORIES / 3);
});

test('a changed copy of the only backup there is says what that one was', async () => {
  const world = new StoreWorld(await loadEngine(SOURCES), 7, { kinds: ['kill'], live: false, foreign: false });
  await world.backup();
  await world.recoverOnce();
  await world.edit();
  const before = await world.recoverOnce();
  world.loseHeads();
  expect(await rebuildHead(world.context())).toEqual({ versions: 2, left: [] });
  const { current, edits } = await world.recoverOnce();
  expect(edits).toMatchObject([{ base: current?.id, origin: 'edit' }]);
  expect(current).toMatchObject({ id: before.current?.id, facts: before.current?.facts });
  await world.backup();
  await world.succeeded();
});

test('ibk doctor --rebuild: says what is lost, makes it anew, and the next backup goes on', async () => {
  const versions: string[] = [];
  for (const n of [1, 2, 3]) versions.push(await backup(n));
  for (const name of heads()) rmSync(own(name));
  writeFileSync(own('head.900'), 'torn');
  await expect(backup(4)).rejects.toMatchObject({ code: 'damaged', reason: 'head_lost', hint: 'ibk doctor --rebuild' });
  const before = readdirSync(own(), { recursive: true }).length;
  const { stdout } = await runIbk(cliHome, ['doctor', '--rebuild', '-o', root]);
  expect(stdout).toContain(`the record of ${UDID} was made anew, with 3 versions`);
  expect(readdirSync(own(), { recursive: true }).length).toBeGreaterThanOrEqual(before);
  expect(heads()).toEqual(['head.901']);
  const [time = ''] = readdirSync(own('aside'));
  expect(readFileSync(own(`aside/${time}/head.900`), 'utf8')).toBe('torn');
  versions.push(await backup(4));
  for (const [index, version] of versions.entries()) expectState(version, index + 1);
  expect(new BackupStore(root, UDID).versions().map(({ id }) => id)).toEqual([...versions].reverse());
});

test('a version whose list is damaged hides those before it; they stay where they are', async () => {
  const versions: string[] = [];
  for (const n of [1, 2, 3, 4]) versions.push(await backup(n));
  const [first = '', second = '', third = '', fourth = ''] = versions;
  for (const name of heads()) rmSync(own(name));
  const list = readdirSync(own(`versions/${second}`)).find((name) => name.startsWith('delta.')) ?? '';
  appendFileSync(own(`versions/${second}/${list}`), 'x');
  expect(await new BackupStore(root, UDID).rebuild('test')).toEqual({ versions: 2, left: [first, second].sort() });
  expectState(third, 3);
  const fifth = await backup(5);
  expectState(third, 3);
  expectState(fourth, 4);
  expectState(fifth, 5);
  for (const id of [first, second]) expect(existsSync(own(`versions/${id}/version.json`)), id).toBe(true);
});

/**
 * `kill -9` of a real process on a real disk, at a counted change of the disk, spread over receiving, committing and recovering.
 * IBK_STORE_KILLS=200 for the long run.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BackupStore } from '../../src/backup/store.js';
import { Random } from '../support/random.js';
// @ts-expect-error plain JavaScript, shared with the process that is killed
import * as phone from '../support/scripted-phone.js';

const { UDID, phoneState, stateOf } = phone as {
  UDID: string;
  phoneState: (n: number) => Map<string, Buffer>;
  stateOf: (status: Buffer) => number;
};
const KILLS = Number(process.env['IBK_STORE_KILLS'] ?? 10);
const SEED = Number(process.env['IBK_STORE_SEED'] ?? 1);
const WORKER = new URL('../support/store-worker.js', import.meta.url).pathname;

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'ibk-kill-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

test(`${KILLS} kills lose nothing`, { timeout: 3600_000 }, async () => {
  const random = new Random(SEED);
  const known = new Set<string>();
  let state = 0;
  let changes = 0;
  const run = async (killAt?: number): Promise<boolean> => {
    const env = killAt === undefined ? {} : { IBK_TEST_KILL_AT: `${killAt}` };
    const result = await execa('node', [WORKER, root, `${state}`], { env, reject: false, timeout: 60_000 });
    if (result.signal === 'SIGKILL') return false;
    expect(result.exitCode, result.stderr).toBe(0);
    const report = JSON.parse(result.stdout) as { versionId: string; changes: number };
    known.add(report.versionId);
    changes = Math.max(changes, report.changes);
    return true;
  };
  const where: Record<string, number> = {};
  expect(await run()).toBe(true);
  for (let killed = 0; killed < KILLS; ) {
    state += 1;
    // The later half of the changes is the commit; kills of the next start are kills inside recovery.
    if (await run(1 + random.below(changes + 5))) continue;
    killed += 1;
    const pending = pendingOperation();
    where[pending] = (where[pending] ?? 0) + 1;
    await checkAll(known);
    if (random.chance(0.5)) continue;
    state += 1;
    expect(await run()).toBe(true);
    await checkAll(known);
    nothingLeftOver();
  }
  state += 1;
  expect(await run()).toBe(true);
  await checkAll(known);
  nothingLeftOver();
  console.log(JSON.stringify({ kills: KILLS, versions: known.size, where }));
});

function pendingOperation(): string {
  const own = join(root, '.ibk', UDID);
  const heads = existsSync(own) ? readdirSync(own).filter((name) => name.startsWith('head.')) : [];
  const head = heads.sort((a, b) => Number(b.slice(5)) - Number(a.slice(5)))[0];
  if (head === undefined) return 'set-up';
  const line = readFileSync(join(own, head), 'utf8').split('\n')[0] ?? '';
  try {
    const { op } = JSON.parse(line) as { op: { t: string; phase?: number } | null };
    if (op !== null) return `${op.t}${op.phase ?? ''}`;
  } catch {
    return 'writing a head';
  }
  return existsSync(join(own, 'incoming')) ? 'receiving' : 'elsewhere';
}

/** Every version that was there is there, each file of each reads as it must, and a Status.plist in the folder means a whole backup. */
async function checkAll(known: Set<string>): Promise<void> {
  const store = new BackupStore(root, UDID);
  const versions = store.versions();
  const ids = versions.map(({ id }) => id);
  for (const id of known) expect(ids).toContain(id);
  for (const { id } of versions.slice(0, 12)) {
    known.add(id);
    const n = stateOf(readAll(store, id, 'Status.plist'));
    for (const [path, content] of phoneState(n))
      expect(readAll(store, id, path).equals(content), `${id} ${path}`).toBe(true);
  }
  const verified = await store.verify(ids[0] ?? '', { readData: true });
  expect(verified.problems).toEqual([]);
  expect(verified.withoutChecksum).toBe(0);
  const status = join(root, UDID, 'Status.plist');
  if (!existsSync(status)) return;
  for (const [path, content] of phoneState(stateOf(readFileSync(status)))) {
    expect(readFileSync(join(root, UDID, path)).equals(content), path).toBe(true);
  }
}

function readAll(store: BackupStore, version: string, path: string): Buffer {
  const file = store.open(version, path);
  try {
    const bytes = Buffer.alloc(file.stat().sizeBytes);
    file.read(bytes, 0);
    return bytes;
  } finally {
    file.close();
  }
}

function nothingLeftOver(): void {
  const own = readdirSync(join(root, '.ibk', UDID)).map((name) => name.replace(/\d+$/, 'N'));
  expect(own.sort()).toEqual(['catalog.db', 'head.N', 'lock', 'shadow', 'versions']);
  const at = join(root, UDID);
  expect(statSync(at).mode & 0o777).toBe(0o700);
}

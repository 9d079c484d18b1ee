/**
 * `kill -9` of the built ibk while it takes in a backup, as the newest and as the oldest version, and while it makes a changed copy. What was there reads back after each kill,
 * and the same line run again does it; nothing of the killed run is left. While the newest is taken in idevicebackup2 restores, at a sample, what lies in the folder. `npm run kill-nine` for 200 kills; IBK_STORE_KILLS=n, IBK_STORE_SEED=n.
 */
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { KILL_POINT_VARIABLE } from '../../src/backup/disk/kill-point.js';
import { BackupStore } from '../../src/backup/store.js';
import { shortIdOf } from '../../src/backup/records/version-id.js';
import { buildBinaryPlist, parsePlist } from '../../src/plist/codec.js';
import { asDict } from '../../src/plist/fields.js';
import { plistDict } from '../../src/plist/value.js';
import { restoredAfterKill } from '../support/debian-restore.js';
import { makeBackup, type MadeFile } from '../support/made-backup.js';
import type { PhoneState } from '../support/phone-history.js';
import { Random } from '../support/random.js';
import { cleanEnvironment, IBK, tempHome } from '../support/run-ibk.js';
import { mustUseTool } from '../support/tools.js';
import { filesHash } from '../support/tree-hash.js';

const KILLS = Number(process.env['IBK_STORE_KILLS'] ?? 6);
const SEED = Number(process.env['IBK_STORE_SEED'] ?? 1);
const UDID = '0'.repeat(40);
/** How many kills while the newest is taken in, the only ones that touch the folder, for each restore; the first is one. */
const RESTORE_EVERY = 3;
const HAS_IDEVICEBACKUP2 = mustUseTool('idevicebackup2');
const place = tempHome();
const base = join(place, 'base');

/** A phone on a day: 12 files, a third of which are other ones each day. */
function filesOf(day: number): MadeFile[] {
  return Array.from({ length: 12 }, (_, number) => {
    const name = number % 3 === 0 ? `of-day-${day}-${number}` : `file-${number}`;
    const content = Buffer.alloc(200 + number * 40, `${name} ${number % 3 === 1 ? day : ''}`);
    return { domain: number < 6 ? 'AppDomain-com.example.chat' : 'HomeDomain', relativePath: name, content };
  });
}

function stateOn(day: number): PhoneState {
  const sha256 = ({ content = '' }: { content?: Buffer | string }) =>
    createHash('sha256').update(content).digest('hex');
  return new Map(filesOf(day).map((file) => [`${file.domain}/${file.relativePath}`, sha256(file)]));
}

function made(name: string, day: number): string {
  const folder = join(place, name, UDID);
  mkdirSync(folder, { recursive: true });
  makeBackup(folder, { era: 'db', files: filesOf(day) });
  const status = join(folder, 'Status.plist');
  const dict = asDict(parsePlist(readFileSync(status), 'Status.plist'), 'Status.plist');
  writeFileSync(status, buildBinaryPlist(plistDict({ ...dict, Date: new Date(Date.UTC(2026, 10, day)) })));
  return folder;
}

const attempts: { readonly name: string; readonly args: readonly string[] }[] = [];

async function ibk(root: string, args: readonly string[], killAt?: number) {
  const env = killAt === undefined ? {} : { [KILL_POINT_VARIABLE]: `${killAt}` };
  return execa(process.execPath, [IBK, ...args, '-q', '-o', root], {
    env: { ...cleanEnvironment(place), ...env },
    extendEnv: false,
    reject: false,
  });
}

beforeAll(async () => {
  for (const day of [10, 12]) expect((await ibk(base, ['import', made(`day-${day}`, day)])).exitCode).toBe(0);
  writeFileSync(join(place, 'mine.txt'), 'put by a person');
  const put = ['put', join(place, 'mine.txt'), 'HomeDomain/new/mine.txt', 'rm', 'app:com.example.chat'];
  attempts.push({ name: 'newest', args: ['import', made('day-14', 14)] });
  attempts.push({ name: 'oldest', args: ['import', made('day-5', 5)] });
  // By its id: the times of a copied folder are other ones, and `latest` is what lies there until a run has looked through it.
  const newest = shortIdOf(new BackupStore(base, UDID).versions()[0]?.id ?? '');
  attempts.push({ name: 'edit', args: ['edit', newest, ...put] });
}, 120_000);
afterAll(() => rmSync(place, { recursive: true, force: true }));

test(`${KILLS} kills while backups are taken in and edited lose nothing`, { timeout: 4 * 3600_000 }, async () => {
  const random = new Random(SEED);
  const extents = new Map<string, number>();
  const where: Record<string, number> = {};
  const restored: Record<string, number> = {};
  const ids = new BackupStore(base, UDID).versions().map(({ id }) => id);
  for (let round = 0, kills = 0; kills < KILLS; round++) {
    // The one that was killed least: an edit is over so soon that most points lie behind it.
    const [attempt] = attempts.toSorted((a, b) => (where[a.name] ?? 0) - (where[b.name] ?? 0));
    if (attempt === undefined) throw new Error('no attempt');
    const { name, args } = attempt;
    const root = join(place, `copy-${round}`);
    cpSync(base, root, { recursive: true, preserveTimestamps: true });
    const folder = filesHash(join(root, UDID));
    for (let inRound = 1; ; inRound++) {
      const at = 1 + random.below(extents.get(name) ?? 150);
      const ran = await ibk(root, args, at);
      if (ran.signal !== 'SIGKILL') {
        extents.set(name, at);
        // Killed after it was decided, the start of the second run completes it: the backup is there already.
        expect(name === 'edit' ? [0] : [0, 2], ran.stderr).toContain(ran.exitCode);
        break;
      }
      kills += 1;
      const count = (where[name] ?? 0) + 1;
      where[name] = count;
      await expectKept(root, ids, name);
      if (name !== 'newest') expect(filesHash(join(root, UDID))).toBe(folder);
      else if (HAS_IDEVICEBACKUP2 && count % RESTORE_EVERY === 1) {
        const what = await restoredFrom(root, ids);
        restored[what] = (restored[what] ?? 0) + 1;
      }
      if (random.chance(0.6) || inRound >= 2 || kills >= KILLS) {
        const again = await ibk(root, args);
        expect(name === 'edit' ? [0] : [0, 2], again.stderr).toContain(again.exitCode);
        break;
      }
    }
    const found = await expectKept(root, ids, name);
    if (name !== 'edit') expect(found).toHaveLength(ids.length + 1);
    expectNothingLeft(root);
    rmSync(root, { recursive: true });
  }
  expect(Object.keys(where)).toHaveLength(attempts.length);
  console.log(JSON.stringify({ kills: KILLS, restored, where }));
  if (HAS_IDEVICEBACKUP2) expect(Object.keys(restored).length).toBeGreaterThan(KILLS < 200 ? 0 : 1);
});

/** @param ids newest first. @returns what Debian's program could restore of it; in the window of the commit only after a prune */
async function restoredFrom(root: string, [before]: readonly string[]): Promise<string> {
  const { refused, id } = await restoredAfterKill({
    root,
    udid: UDID,
    phone: { files: 5, bytes: 5000, scenarios: ['paired'] },
    held: { get: (id) => stateOn(id === before ? 12 : 14) },
    recover: async () => expect((await ibk(root, ['prune'])).exitCode).toBe(0),
  });
  if (refused) expect(id).not.toBe(before);
  return `${refused ? 'refused, then ' : ''}${id === before ? 'the one before' : 'the newest'}`;
}

/** Each version reads back with its checksums, those that were there and those that came. */
async function expectKept(root: string, ids: readonly string[], name: string): Promise<readonly string[]> {
  const store = new BackupStore(root, UDID);
  const found = store.versions().map(({ id }) => id);
  for (const id of ids) expect(found, name).toContain(id);
  for (const id of found) {
    const { problems, files, withoutChecksum } = await store.verify(id, { readData: true });
    expect({ problems, withoutChecksum }, `${name} ${id}`).toEqual({ problems: [], withoutChecksum: 0 });
    expect(files).toBeGreaterThan(6);
  }
  return found;
}

function expectNothingLeft(root: string): void {
  const own = join(root, '.ibk', UDID);
  const left = readdirSync(own).map((name) => name.replace(/\d+$/, 'N'));
  expect(left.sort()).toEqual(['catalog.db', 'head.N', 'lock', 'shadow', 'versions']);
  const known = new BackupStore(root, UDID).versions().map(({ id }) => id);
  for (const id of readdirSync(join(own, 'versions'))) {
    expect(known).toContain(id);
    expect(readdirSync(join(own, 'versions', id))).not.toContain('building');
  }
}

/**
 * `kill -9` of the built ibk while it forgets: one version, what rules leave, the newest (the one before it takes its place); while it prunes; and while the next start
 * completes that. After each kill every version that was not to go reads back; at a sample of those in the middle of forgetting the newest idevicebackup2 restores what
 * lies in the folder; in the end the rest is forgotten, and the root holds not a byte too much.
 * `npm run kill-nine` for 200 kills; IBK_STORE_KILLS=n, IBK_STORE_SEED=n.
 */
import { mkdirSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { KILL_POINT_VARIABLE } from '../../src/backup/disk/kill-point.js';
import { BackupStore } from '../../src/backup/store.js';
import { restoredAfterKill } from '../support/debian-restore.js';
import { Random } from '../support/random.js';
import { cleanEnvironment, IBK, tempHome } from '../support/run-ibk.js';
import {
  contentBytes,
  contentOf,
  copyRoot,
  idealBytes,
  LAST_PHONE,
  makeTenVersions,
  storedOfAll,
  type TenVersions,
} from '../support/ten-versions.js';
import { mustUseTool } from '../support/tools.js';

const KILLS = Number(process.env['IBK_STORE_KILLS'] ?? 5);
const SEED = Number(process.env['IBK_STORE_SEED'] ?? 1);
/** How many kills while the newest is forgotten, the only ones that touch the folder, for each restore; the first is one. */
const RESTORE_EVERY = 3;
const HAS_IDEVICEBACKUP2 = mustUseTool('idevicebackup2');
const place = tempHome();
let ten: TenVersions;
let stored: Awaited<ReturnType<typeof storedOfAll>>;

beforeAll(async () => {
  ten = await makeTenVersions(place);
  stored = await storedOfAll(ten);
}, 120_000);
afterAll(() => rmSync(place, { recursive: true, force: true }));

interface Attempt {
  readonly name: string;
  readonly args: readonly string[];
  /** Versions that may go. */
  readonly going: ReadonlySet<string>;
}

test(`${KILLS} kills while versions are forgotten lose none that is kept`, { timeout: 4 * 3600_000 }, async () => {
  const random = new Random(SEED);
  /** How many changes of the disk a run of this kind has at most, as far as is known. */
  const extents = new Map<string, number>();
  const where = new Map<string, number>();
  let kills = 0;
  let promotes = 0;
  const restored: Record<string, number> = {};
  for (let round = 0; kills < KILLS || promotes === 0; round++) {
    const root = join(place, `copy-${round}`);
    copyRoot(ten.root, root);
    addLeftovers(root);
    const attempt = attemptOf(random, round);
    const kill = async (args: readonly string[], kind: string): Promise<boolean> => {
      const at = 1 + random.below(extents.get(kind) ?? 250);
      if (!(await killed(root, args, at))) {
        extents.set(kind, at);
        return false;
      }
      kills += 1;
      if (attempt.name === 'promote') promotes += 1;
      const found = `${kind}: ${pendingOf(root)}`;
      where.set(found, (where.get(found) ?? 0) + 1);
      await checkKept(root, attempt.going, random);
      if (HAS_IDEVICEBACKUP2 && attempt.name === 'promote' && (promotes - 1) % RESTORE_EVERY === 0) {
        const what = await restoredFrom(root);
        restored[what] = (restored[what] ?? 0) + 1;
      }
      return true;
    };
    try {
      const wasKilled = await kill(attempt.args, attempt.name);
      // The next start completes it, and is killed too.
      for (let again = random.below(3); wasKilled && again > 0; again--) await kill(['prune'], `after ${attempt.name}`);
      expect(await killed(root, ['prune'])).toBe(false);
      const left = await checkKept(root, attempt.going, random);
      for (const id of left.filter((each) => attempt.going.has(each)))
        expect(await killed(root, ['forget', id.slice(-8), '--yes'])).toBe(false);
      const kept = await checkKept(root, attempt.going, random);
      expect(kept).toEqual([...ten.states.keys()].filter((id) => !attempt.going.has(id)));
      expect(contentBytes(root, ten.udid)).toBe(idealBytes(stored, kept));
      expect(namesOf(root)).toEqual(['catalog.db', 'head.N', 'lock', 'shadow', 'versions']);
    } catch (error) {
      throw new Error(`seed ${SEED}, round ${round}: ${attempt.args.join(' ')}`, { cause: error });
    }
    rmSync(root, { recursive: true });
  }
  console.log(JSON.stringify({ kills, restored, where: Object.fromEntries([...where].sort()) }));
  if (HAS_IDEVICEBACKUP2) expect(Object.keys(restored).length).toBeGreaterThan(KILLS < 200 ? 0 : 1);
});

/** @returns which version Debian's program could restore of it; in the window of the operation only after a prune */
async function restoredFrom(root: string): Promise<string> {
  const recover = async () => expect(await killed(root, ['prune'])).toBe(false);
  const { refused, id } = await restoredAfterKill({
    root,
    udid: ten.udid,
    phone: LAST_PHONE,
    held: ten.states,
    recover,
  });
  const [newest, before] = [...ten.states.keys()].reverse();
  expect(refused ? [before] : [newest, before]).toContain(id);
  return `${refused ? 'refused, then ' : ''}${id === newest ? 'the newest' : 'the one before'}`;
}

function attemptOf(random: Random, round: number): Attempt {
  const ids = [...ten.states.keys()];
  const newest = ids.at(-1) ?? '';
  switch (round % 4) {
    case 0: {
      const id = random.choice(ids.slice(0, -1));
      return { name: 'forget', args: ['forget', id.slice(-8), '--yes'], going: new Set([id]) };
    }
    case 1:
      return { name: 'promote', args: ['forget', newest.slice(-8), '--yes'], going: new Set([newest]) };
    case 2: {
      const keep = 1 + random.below(6);
      const args = ['forget', '--keep-last', `${keep}`, '--yes'];
      return { name: 'rules', args, going: new Set(ids.slice(0, -keep)) };
    }
    default:
      return { name: 'prune', args: ['prune'], going: new Set() };
  }
}

/** What prune is for: an interrupted run, something set aside long ago, content that no list names. */
function addLeftovers(root: string): void {
  const own = join(root, '.ibk', ten.udid);
  for (const path of [
    'incoming/00/256',
    'aside/20260101-000000/Snapshot/x',
    'versions/20200101-000000-kkkkkkkk/files/ab/x',
  ]) {
    mkdirSync(join(own, path, '..'), { recursive: true });
    writeFileSync(join(own, path), 'left over');
  }
  utimesSync(join(own, 'aside/20260101-000000'), 1_700_000_000, 1_700_000_000);
}

async function killed(root: string, args: readonly string[], at?: number): Promise<boolean> {
  const env = { ...cleanEnvironment(place), ...(at === undefined ? {} : { [KILL_POINT_VARIABLE]: `${at}` }) };
  const run = [IBK, ...args, '-q', '-o', root];
  const result = await execa(process.execPath, run, { env, extendEnv: false, reject: false, stdin: 'ignore' });
  if (result.signal === 'SIGKILL') return true;
  expect(result.exitCode, result.stderr).toBe(0);
  return false;
}

/** Every version that is not to go is there; some that are there read back. @returns all, oldest first */
async function checkKept(root: string, going: ReadonlySet<string>, random: Random): Promise<string[]> {
  const store = new BackupStore(root, ten.udid);
  const left = store
    .versions()
    .map(({ id }) => id)
    .reverse();
  for (const id of ten.states.keys()) if (!going.has(id)) expect(left).toContain(id);
  const drawn = new Set([left.at(-1) ?? '', random.choice(left), random.choice(left)]);
  for (const id of drawn) {
    expect(await store.verify(id, { readData: true }), id).toMatchObject({ problems: [], withoutChecksum: 0 });
    expect(await contentOf(root, ten.udid, id), id).toEqual(ten.states.get(id));
  }
  return left;
}

function pendingOf(root: string): string {
  return new BackupStore(root, ten.udid).history()?.pending ?? 'nothing pending';
}

function namesOf(root: string): string[] {
  return readdirSync(join(root, '.ibk', ten.udid))
    .map((name) => name.replace(/^head\.\d+$/, 'head.N'))
    .sort();
}

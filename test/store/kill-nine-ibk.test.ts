/**
 * `kill -9` of the built ibk while it backs up a simulated phone, at a counted change of the disk, spread over receiving, committing, recovering and recovering
 * again. After each kill: the last good backup verifies with --read-data, idevicebackup2 goes on with the folder or restores it (at a sample, in turn), the next
 * `ibk backup` succeeds, and nothing has grown against a root of the same phone that was never killed.
 * `npm run kill-nine` for 200 kills; IBK_STORE_KILLS=n, IBK_STORE_SEED=n.
 */
import { expect, test } from 'vitest';
import { startSimulator } from '../../src/sim/index.js';
import { temporaryRoot } from '../support/ibk-backup.js';
import { type Extent, KILLED_PHONE, KillBench } from '../support/kill-bench.js';
import { Random } from '../support/random.js';
import { mustUseTool } from '../support/tools.js';

const KILLS = Number(process.env['IBK_STORE_KILLS'] ?? 4);
const SEED = Number(process.env['IBK_STORE_SEED'] ?? 1);
/** How many kills for each look by idevicebackup2, and for each that is a restore: the last of the quick run is one. By then there is a backup. */
const LOOK_EVERY = 2;
const RESTORE_EVERY = 4;
const REAL = ['old', 'new', 'refused, then new'];
const HAS_IDEVICEBACKUP2 = mustUseTool('idevicebackup2');

test(`${KILLS} kills of the built ibk lose nothing`, { timeout: 4 * 3600_000 }, async () => {
  await using place = await temporaryRoot();
  await using sim = await startSimulator(KILLED_PHONE);
  const bench = new KillBench(place.path, sim);
  const random = new Random(SEED);
  const where = new Map<string, number>();
  const extents: Extent[] = [];
  let kills = 0;
  let continued = 0;
  const restored: Record<string, number> = {};

  /** Kills a run at this change, and looks at what is left. False: it ended before. */
  const kill = async (at: number, kind: string): Promise<boolean> => {
    const before = bench.head()?.current?.id;
    if (!(await bench.killed(at))) return false;
    kills += 1;
    if (kills % 20 === 0) console.log(JSON.stringify({ kills, continued, restored, where: Object.fromEntries(where) }));
    const found = `${kind}: ${bench.where(before)}`;
    where.set(found, (where.get(found) ?? 0) + 1);
    await bench.check();
    if (HAS_IDEVICEBACKUP2 && kills % RESTORE_EVERY === 0) {
      const what = await bench.restoredByIdevicebackup2();
      restored[what] = (restored[what] ?? 0) + 1;
    } else if (HAS_IDEVICEBACKUP2 && kills % LOOK_EVERY === 0) {
      await bench.continuedByIdevicebackup2();
      continued += 1;
    }
    return true;
  };

  for (let round = 0; kills < KILLS; round++) {
    if (round > 0)
      await bench.mutate({ Add: 1 + random.below(3), Change: 2 + random.below(4), Remove: random.below(3) });
    const extent = await bench.control();
    extents.push(extent);
    // Two in three into the commit: there is more to lose.
    const [from, until] = round % 3 === 1 ? [1, extent.commit] : [extent.commit, extent.all];
    const killed = await kill(from + 1 + random.below(until - from), 'backup');
    // The next start recovers before it receives.
    for (let again = random.below(3); killed && again > 0 && bench.head()?.op != null; again--)
      await kill(1 + random.below(extent.all - extent.commit), 'recovery');
    await bench.backup();
    await bench.checkEveryVersion(3);
    // What a killed run had decided became a version, and the backup after it another.
    while (bench.versions('control') < bench.versions('root')) await bench.control();
    bench.compareWithControl();
  }
  const versions = await bench.checkEveryVersion();
  console.log(
    JSON.stringify({
      kills,
      continued,
      restored,
      versions,
      where: Object.fromEntries(where),
      extents: extents.slice(0, 5),
    }),
  );
  expect(kills).toBeGreaterThanOrEqual(KILLS);
  if (!HAS_IDEVICEBACKUP2 || KILLS < RESTORE_EVERY) return;
  expect(continued).toBeGreaterThan(0);
  // Of what is decided nothing is taken back; and a run that never restored anything proves nothing.
  const { 'no backup': none, ...real } = restored;
  expect(REAL).toEqual(expect.arrayContaining(Object.keys(real)));
  expect(Object.keys(real).length).toBeGreaterThan(KILLS < 200 ? 0 : 2);
});

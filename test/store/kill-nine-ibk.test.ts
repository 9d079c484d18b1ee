/**
 * `kill -9` of the built ibk while it backs up a simulated phone, at a counted change of the disk, spread over receiving, committing, recovering and recovering
 * again. After each kill: the last good backup verifies with --read-data, idevicebackup2 goes on with the folder (at a sample), the next `ibk backup`
 * succeeds, and nothing has grown against a root of the same phone that was never killed.
 * `npm run kill-nine` for 200 kills; IBK_STORE_KILLS=n, IBK_STORE_SEED=n.
 */
import { expect, test } from 'vitest';
import { startSimulator } from '../../src/sim/index.js';
import { temporaryRoot } from '../support/ibk-backup.js';
import { type Extent, KillBench } from '../support/kill-bench.js';
import { Random } from '../support/random.js';
import { hasTool } from '../support/tools.js';

const KILLS = Number(process.env['IBK_STORE_KILLS'] ?? 4);
const SEED = Number(process.env['IBK_STORE_SEED'] ?? 1);
/** How many kills for each look by idevicebackup2. */
const LOOK_EVERY = 3;

test(`${KILLS} kills of the built ibk lose nothing`, { timeout: 4 * 3600_000 }, async () => {
  await using place = await temporaryRoot();
  await using sim = await startSimulator({ files: 60, bytes: 4_000_000, ios: ['15'], scenarios: ['paired'] });
  const bench = new KillBench(place.path, sim);
  const random = new Random(SEED);
  const where = new Map<string, number>();
  const extents: Extent[] = [];
  let kills = 0;
  let looks = 0;

  /** Kills a run at this change, and looks at what is left. False: it ended before. */
  const kill = async (at: number, kind: string): Promise<boolean> => {
    const before = bench.head()?.current?.id;
    if (!(await bench.killed(at))) return false;
    kills += 1;
    if (kills % 20 === 0) console.log(JSON.stringify({ kills, looks, where: Object.fromEntries(where) }));
    const found = `${kind}: ${bench.where(before)}`;
    where.set(found, (where.get(found) ?? 0) + 1);
    await bench.check();
    if (hasTool('idevicebackup2') && kills % LOOK_EVERY === 0) {
      await bench.continuedByIdevicebackup2();
      looks += 1;
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
    JSON.stringify({ kills, looks, versions, where: Object.fromEntries(where), extents: extents.slice(0, 5) }),
  );
  expect(kills).toBeGreaterThanOrEqual(KILLS);
});

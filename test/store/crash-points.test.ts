/**
 * Crash points of one operation of each kind, under each kind of crash; and inside each recovery again. By default every third point, and one by chance of
 * the recovery; IBK_STORE_POINTS=every: all of the operation; =all: all of each recovery too.
 */
import { expect, test } from 'vitest';
import { Crash, type CrashKind } from '../support/memory-file-system.js';
import { Random } from '../support/random.js';
import { loadEngine, SOURCES, type StoreEngine } from '../support/store-engine.js';
import { StoreWorld } from '../support/store-world.js';

const POINTS = process.env['IBK_STORE_POINTS'] ?? '';
const ALL_SECOND = POINTS === 'all';
const STRIDE = POINTS === '' ? 3 : 1;
const SEEDS = Number(process.env['IBK_STORE_SEEDS'] ?? 1);
const KINDS: readonly CrashKind[] = ['kill', 'ordered', 'unordered'];

interface Operation {
  /** How many backups come before. */
  readonly before: number;
  readonly prepare?: (world: StoreWorld) => Promise<void>;
  readonly run: (world: StoreWorld) => Promise<void>;
}

const OPERATIONS: Readonly<Record<string, Operation>> = {
  'the first backup': { before: 0, run: (world) => world.backup() },
  'a backup': { before: 3, run: (world) => world.backup() },
  'a backup over files that were overwritten': { before: 3, run: (world) => world.meetOverwritten() },
  'forgetting a version': { before: 4, run: (world) => world.forget() },
  'forgetting the newest': { before: 3, run: (world) => world.forget('newest') },
  'forgetting the newest above one whose manifest is packed': {
    before: 4,
    prepare: (world) => world.forget('newest'),
    run: (world) => world.forget('newest'),
  },
  'adopting what another program did': { before: 3, run: (world) => world.meetForeign() },
  'taking in an older backup': { before: 3, run: (world) => world.takeIn('oldest') },
  'taking in a newer backup': { before: 3, run: (world) => world.takeIn('newest') },
  'a changed copy': { before: 3, run: (world) => world.edit() },
  'forgetting a copy, and what was kept for it': {
    before: 3,
    prepare: async (world) => {
      await world.edit('older');
      await world.recoverOnce();
      await world.forget('base');
    },
    run: (world) => world.forget('copy'),
  },
  'forgetting the newest above one that was kept for a copy': {
    before: 3,
    prepare: async (world) => {
      await world.edit('older');
      await world.recoverOnce();
      await world.forget('base');
    },
    run: (world) => world.forget('newest'),
  },
};

for (const [name, operation] of Object.entries(OPERATIONS)) {
  for (const kind of KINDS) {
    test(`${name}, ${kind}`, { timeout: 3600_000 }, async () => {
      const engine = await loadEngine(SOURCES);
      let points = 0;
      for (let seed = 1; seed <= SEEDS; seed++) points += await everyPoint(engine, seed, kind, operation);
      if (STRIDE === 1) console.log(`${name}, ${kind}: ${points} points`);
      expect(points).toBeGreaterThan(SEEDS * 10);
    });
  }
}

async function everyPoint(engine: StoreEngine, seed: number, kind: CrashKind, operation: Operation): Promise<number> {
  const second = new Random(seed);
  for (let point = 1 + (STRIDE > 1 ? KINDS.indexOf(kind) : 0); ; point += STRIDE) {
    for (let inner = ALL_SECOND ? 1 : 1 + second.below(60); ; inner++) {
      const world = await prepared(engine, seed, kind, operation);
      const where = `seed ${seed}, ${kind}, point ${point}, then ${inner}`;
      try {
        if (!(await crashesAt(world, point, () => operation.run(world)))) {
          await world.succeeded();
          return point - 1;
        }
        world.crash(kind);
        if (!(await crashesAt(world, inner, () => world.recoverOnce().then(() => {})))) break;
        world.crash(kind);
        await world.recoverOnce();
      } catch (error) {
        throw new Error(`${where}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
      }
      if (!ALL_SECOND) break;
    }
  }
}

async function prepared(
  engine: StoreEngine,
  seed: number,
  kind: CrashKind,
  { before, prepare }: Operation,
): Promise<StoreWorld> {
  const world = new StoreWorld(engine, seed, { kinds: [kind], live: false, foreign: false });
  for (let made = 0; made < before; made++) {
    await world.backup();
    await world.recoverOnce();
  }
  await prepare?.(world);
  await world.recoverOnce();
  return world;
}

async function crashesAt(world: StoreWorld, point: number, work: () => Promise<void>): Promise<boolean> {
  world.fs.operations = 0;
  world.fs.crashAt = point;
  try {
    await work();
    return false;
  } catch (error) {
    if (error instanceof Crash) return true;
    throw error;
  }
}

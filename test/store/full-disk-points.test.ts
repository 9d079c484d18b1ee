/**
 * The disk fills up at every change of each operation, and stays full: what was there is whole, recovery completes on the full disk what had been decided
 * (the reserve gives it room), and with space again the next backup succeeds. Every fourth point; IBK_STORE_POINTS=every: all.
 */
import { expect, test } from 'vitest';
import { keepReserve, RESERVE_BYTES, withReserve } from '../../src/backup/records/reserve.js';
import { loadEngine, SOURCES } from '../support/store-engine.js';
import { isFullDisk, StoreWorld } from '../support/store-world.js';

const STRIDE = (process.env['IBK_STORE_POINTS'] ?? '') === '' ? 4 : 1;
const SEEDS = Number(process.env['IBK_STORE_SEEDS'] ?? 1);

const OPERATIONS: Readonly<
  Record<
    string,
    {
      readonly before: number;
      readonly prepare?: (world: StoreWorld) => Promise<void>;
      readonly run: (world: StoreWorld) => Promise<void>;
    }
  >
> = {
  'the first backup': { before: 0, run: (world) => world.backup() },
  'a backup': { before: 3, run: (world) => world.backup() },
  'forgetting a version': { before: 4, run: (world) => world.forget() },
  'forgetting the newest': { before: 3, run: (world) => world.forget('newest') },
  'forgetting the newest above one whose manifest is packed': {
    before: 4,
    prepare: (world) => world.forget('newest'),
    run: (world) => world.forget('newest'),
  },
  'adopting what another program did': { before: 3, run: (world) => world.meetForeign() },
};

for (const [name, operation] of Object.entries(OPERATIONS)) {
  test(name, { timeout: 600_000 }, async () => {
    const engine = await loadEngine(SOURCES);
    let [points, failures] = [0, 0];
    for (let seed = 1; seed <= SEEDS; seed++) {
      for (let point = 1; ; point += STRIDE) {
        const world = new StoreWorld(engine, seed, { kinds: ['kill'], live: false, foreign: false });
        for (let made = 0; made < operation.before; made++) {
          await world.backup();
          await world.recoverOnce();
        }
        await operation.prepare?.(world);
        await world.recoverOnce();
        keepReserve(world.context());
        expect(world.fs.bytesOf('.ibk/reserve')?.length).toBe(RESERVE_BYTES);
        world.fs.operations = 0;
        world.fs.fullAt = point;
        try {
          await operation.run(world);
          if (world.fs.fullAt !== undefined) break;
          world.fs.free = undefined;
          await world.succeeded();
        } catch (error) {
          if (!isFullDisk(error)) throw new Error(`seed ${seed}, point ${point}`, { cause: error });
          failures += 1;
          world.gaveUp();
          await withReserve(world.context(), () => world.recoverOnce());
          world.fs.free = undefined;
          await world.backup();
          await world.succeeded();
        }
        points += 1;
      }
    }
    if (STRIDE === 1) console.log(`${name}: full at ${points} points, ${failures} gave up`);
    expect(failures).toBeGreaterThan(2);
  });
}

/**
 * Every decoder of a backup's parts, given damaged and made-up input: a value or an IbkError, in bounded time and memory, never another failure.
 * `npm run fuzz -- 600` goes on for ten minutes, and begins where `IBK_FUZZ_SEED` says (default: the clock).
 */
import { afterAll, expect, test } from 'vitest';
import { IbkError } from '../../src/errors.js';
import { Random } from '../support/random.js';
import { mutated, noise } from './mutate.js';
import { FUZZ_TARGETS, type FuzzTarget, removeFuzzFolder } from './targets.js';

const SECONDS = Number(process.env['IBK_FUZZ_SECONDS'] ?? 0);
const SEED = Number(process.env['IBK_FUZZ_SEED'] ?? (SECONDS === 0 ? 1 : Date.now() % 2 ** 32));
/** In the short form, divided by the target's cost. */
const SHORT_RUNS = 1500;
/** No input is larger than 256 kB: what needs more memory than this for one has no limit. */
const MOST_GROWTH_BYTES = 256 * 1024 * 1024;

afterAll(removeFuzzFolder);

async function give(target: FuzzTarget, seed: number): Promise<void> {
  const random = new Random(seed);
  const bytes = random.chance(0.05) ? noise(random.below(64), random) : mutated(target.seeds, random);
  const before = process.memoryUsage.rss();
  try {
    await target.run(bytes);
  } catch (error) {
    if (!(error instanceof IbkError))
      throw new Error(`seed ${seed}, ${bytes.length} bytes: ${bytes.toString('hex', 0, 2000)}`, { cause: error });
  }
  expect(process.memoryUsage.rss() - before, `memory, seed ${seed}`).toBeLessThan(MOST_GROWTH_BYTES);
}

test.each(FUZZ_TARGETS.map((target) => [target.name, target] as const))(
  '%s',
  async (_, target) => {
    const runs = Math.ceil(SHORT_RUNS / target.cost);
    const end = performance.now() + (SECONDS * 1000) / FUZZ_TARGETS.length;
    for (const seedBytes of target.seeds) await target.run(seedBytes);
    for (let run = 0; run < runs || performance.now() < end; run++) await give(target, (SEED + run) >>> 0);
  },
  60_000 + SECONDS * 1000,
);

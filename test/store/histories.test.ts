/** Random histories over a disk that crashes. IBK_STORE_HISTORIES=12000 for the long run, IBK_STORE_SEED for another start. */
import { expect, test } from 'vitest';
import { loadEngine, SOURCES } from '../support/store-engine.js';
import { playHistory, type WorldCounts } from '../support/store-world.js';

const HISTORIES = Number(process.env['IBK_STORE_HISTORIES'] ?? 40);
const SEED = Number(process.env['IBK_STORE_SEED'] ?? 1);

test(`${HISTORIES} random histories keep every version`, { timeout: 24 * 3600_000 }, async () => {
  const engine = await loadEngine(SOURCES);
  const sum: Partial<WorldCounts> = {};
  for (let index = 0; index < HISTORIES; index++) {
    const { counts } = await playHistory(engine, SEED + index, { foreign: index % 3 === 0, moving: index % 2 === 1 });
    for (const [key, count] of Object.entries(counts))
      sum[key as keyof WorldCounts] = (sum[key as keyof WorldCounts] ?? 0) + count;
    if ((index + 1) % 1000 === 0) console.log(index + 1, JSON.stringify(sum));
  }
  console.log(JSON.stringify({ histories: HISTORIES, ...sum }));
  expect(sum.operations).toBeGreaterThan(HISTORIES);
  expect(sum.packed).toBeGreaterThan(HISTORIES);
});

test('a history that was wrong once: another program wrote its Status.plist where a killed promotion was to put one aside', async () => {
  const { counts } = await playHistory(await loadEngine(SOURCES), 1387, { foreign: true, moving: false });
  expect(counts.liveReads).toBeGreaterThan(0);
});

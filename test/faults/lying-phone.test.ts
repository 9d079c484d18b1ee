/** A phone that reports success: only what lies on the disk is believed, and the earlier backup stays. */
import { expect, test } from 'vitest';
import { ScenarioSet } from '../../src/sim/scenario.js';
import { StoreBench } from '../support/store-bench.js';

async function lied(bench: StoreBench, scenario: string): Promise<unknown> {
  bench.bench.phone.scenarios = ScenarioSet.parse([scenario]);
  return bench.backup({ full: true }).then(
    () => 'committed',
    (error: unknown) => error,
  );
}

test.each([
  ['nothing', 'no_status'],
  ['unfinished', 'not_finished'],
])('lie=%s is not put in place, and the earlier backup stays', async (lie, reason) => {
  using bench = new StoreBench();
  const version = await bench.backup();
  const [folder, outside] = [bench.folder(), bench.outside()];
  expect(await lied(bench, `lie=${lie}`)).toMatchObject({ code: 'damaged', exit: 13, reason });
  expect(bench.folder()).toEqual(folder);
  expect(bench.outside()).toEqual(outside);
  expect(await bench.store.verify(version, { readData: true })).toMatchObject({ problems: [], withoutChecksum: 0 });
});

test('a success without a manifest', async () => {
  using bench = new StoreBench();
  expect(await lied(bench, 'lie=no-manifest')).toMatchObject({ code: 'damaged', exit: 13 });
  expect(bench.store.versions()).toEqual([]);
});

test.each(['lie=twice', 'lie=error-after', 'progress=nan', 'progress=negative', 'progress=huge', 'progress=text'])(
  '%s: the first word counts, and figures are only figures',
  async (scenario) => {
    using bench = new StoreBench();
    expect(await lied(bench, scenario)).toBe('committed');
    const [version] = bench.store.versions();
    expect(await bench.store.verify(version?.id ?? '', { readData: true })).toMatchObject({ problems: [] });
    expect(bench.bench.violations).toEqual([]);
  },
);

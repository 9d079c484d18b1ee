/** A disk that takes no more: a limit on the size of a file stands in for it, as filling a real one needs root. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { startSimulator } from '../../src/sim/index.js';
import { temporaryRoot } from '../support/ibk-backup.js';
import { cleanEnvironment, IBK } from '../support/run-ibk.js';

test('a write that fails ends with 14, in words, and leaves nothing behind', async () => {
  await using sim = await startSimulator({ files: 20, bytes: 6_000_000, scenarios: ['paired'] });
  await using place = await temporaryRoot();
  const root = join(place.path, 'root');
  const limited = `ulimit -f 300; exec "${process.execPath}" "${IBK}" backup -o "${root}"`;
  const { stderr, exitCode } = await execa('sh', ['-c', limited], {
    env: { ...cleanEnvironment(place.path), USBMUXD_SOCKET_ADDRESS: sim.listen },
    extendEnv: false,
    reject: false,
    timeout: 50_000,
  });
  expect(stderr).toMatch(
    /✗ The backup could not be written \(EFBIG\) while receiving\.\n {2}There is no earlier backup of this iPhone\./,
  );
  expect(stderr).toContain('destination · exit 14');
  expect(exitCode).toBe(14);
  expect(readdirSync(root)).toEqual(['.ibk']);
  expect(sim.violations).toEqual([]);
});

/** Two built ibk on one device and one root at the same moment: one backs up, the other says who does. */
import { rmSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, expect, test, vi } from 'vitest';
import { controlSimulator } from '../../src/sim/index.js';
import { plugIn } from '../support/phone.js';
import { cleanEnvironment, IBK, tempHome } from '../support/run-ibk.js';

const ROUNDS = Number(process.env['IBK_STORE_ROUNDS'] ?? 1);
const home = tempHome();
afterAll(() => rmSync(home, { recursive: true, force: true }));

test('the second, started in the same moment, ends with 11 and names the first', { timeout: 600_000 }, async () => {
  await using phone = await plugIn(home, { scenarios: ['paired', 'passcode-manual'], ios: ['17'] });
  for (let round = 0; round < ROUNDS; round++) {
    const root = join(home, `root${round}`);
    const start = () => {
      const child = execa(process.execPath, [IBK, 'backup', '-q', '-o', root], {
        env: { ...cleanEnvironment(home), USBMUXD_SOCKET_ADDRESS: phone.sim.listen },
        extendEnv: false,
        reject: false,
        stdin: 'ignore',
        timeout: 150_000,
      });
      return { pid: child.pid, ended: child.then(({ exitCode, stderr }) => ({ pid: child.pid, exitCode, stderr })) };
    };
    // Both get as far as the lock: the phone asks for its passcode until one of them has ended.
    const both = [start(), start()];
    const first = await Promise.race(both.map(({ ended }) => ended));
    const other = both.find(({ pid }) => pid !== first.pid);
    expect(first.exitCode, first.stderr).toBe(11);
    const [headline, who, hint, tail] = first.stderr.split('\n');
    expect(headline).toMatch(/^✗ Another ibk is writing to the backup of .+\.$/);
    expect(who).toMatch(
      new RegExp(
        `^ {2}It runs on host ${hostname()}, process ${other?.pid}, since \\d\\d:\\d\\d\\. Nothing was changed\\.$`,
      ),
    );
    expect(hint).toBe('→ Wait for it, then run the same line again.');
    expect(tail).toBe('  in_use · exit 11');
    // The other may not have got as far as the prompt yet.
    const { listen } = phone.sim;
    await vi.waitFor(() => controlSimulator(listen, 'passcode', { Accept: true }), { timeout: 50_000, interval: 100 });
    expect(await other?.ended).toMatchObject({ exitCode: 0 });
  }
});

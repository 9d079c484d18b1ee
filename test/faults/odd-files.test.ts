/** Places that a person or another program has left in an odd state: the built ibk says so or goes on, and always ends. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, describe, expect, test } from 'vitest';
import { plugIn } from '../support/phone.js';
import { cleanEnvironment, IBK, tempHome } from '../support/run-ibk.js';
import { hasTool } from '../support/tools.js';

const home = tempHome();
/** Does the process handle SIGINT by now? Linux tells; elsewhere it is not waited for. */
function catchesInterrupts(pid: number | undefined): boolean {
  if (!existsSync(`/proc/${pid}/status`)) return true;
  const mask = /^SigCgt:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? '0';
  return (BigInt(`0x${mask}`) & 2n) !== 0n;
}

afterAll(() => rmSync(home, { recursive: true, force: true }));

describe.skipIf(!hasTool('mkfifo'))(hasTool('mkfifo') ? 'named pipes' : 'named pipes (skipped: no mkfifo)', () => {
  test('one in the place of Status.plist holds nobody up', async () => {
    await using phone = await plugIn(home, { scenarios: ['paired'] });
    const root = join(home, 'pipes');
    expect((await phone.ibk(['backup', '-q', '-o', root])).exit).toBe(0);
    const status = join(root, phone.sim.phones[0]?.udid ?? '', 'Status.plist');
    rmSync(status);
    execFileSync('mkfifo', [status]);
    const listed = await phone.ibk(['list', '-o', root]);
    const devices = await phone.ibk(['devices', '-o', root]);
    const again = await phone.ibk(['backup', '-q', '-o', root]);
    expect([listed.exit, devices.exit, again]).toEqual([0, 0, { stdout: '', stderr: '', exit: 0 }]);
  }, 60_000);

  test('a log file that nobody reads: the third Ctrl-C ends it, where even leaving is held up', async () => {
    const pipe = join(home, 'log');
    execFileSync('mkfifo', [pipe]);
    const child = execa(process.execPath, [IBK, 'devices', '--debug', '--log-file', pipe], {
      env: cleanEnvironment(home),
      extendEnv: false,
      reject: false,
      timeout: 20_000,
      killSignal: 'SIGKILL',
    });
    while (!catchesInterrupts(child.pid)) await new Promise((resolve) => setImmediate(resolve));
    const asking = setInterval(() => child.kill('SIGINT'), 300);
    const { signal, timedOut } = await child;
    clearInterval(asking);
    expect({ signal, timedOut }).toEqual({ signal: 'SIGINT', timedOut: false });
  }, 30_000);
});

describe.skipIf(!existsSync('/proc/self'))('a root that cannot be', () => {
  test('below /proc, where making a folder fails in an odd way', async () => {
    await using phone = await plugIn(home, { scenarios: ['paired'] });
    expect(await phone.ibk(['backup', '-q', '-o', '/proc/ibk/x'])).toMatchObject({
      exit: 14,
      stderr: expect.stringContaining('destination'),
    });
  });
});

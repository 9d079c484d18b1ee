/** ibk as a process: signals, cron, logs, retries, and several phones at once. */
import { existsSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { controlSimulator } from '../../src/sim/index.js';
import { type Phone, plugIn } from '../support/phone.js';
import { cleanEnvironment, IBK, runIbk, tempHome } from '../support/run-ibk.js';
import { expectValidLines } from '../support/schemas.js';

let home: string;
const homes: string[] = [];
beforeEach(() => {
  home = tempHome();
  homes.push(home);
});
afterAll(() => {
  for (const each of homes) rmSync(each, { recursive: true, force: true });
});

/** Starts ibk, and runs `act` when a line on stdout fits. */
async function interrupt(phone: Phone, args: readonly string[], when: RegExp, act: (kill: Kill) => void) {
  const child = execa(process.execPath, [IBK, ...args], {
    env: { ...cleanEnvironment(home), USBMUXD_SOCKET_ADDRESS: phone.sim.listen },
    extendEnv: false,
    reject: false,
    stdin: 'ignore',
    timeout: 40_000,
  });
  let seen = '';
  let acted = false;
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      seen += chunk.toString();
      if (acted || !when.test(seen)) return;
      acted = true;
      act((signal) => child.kill(signal));
    });
  }
  const started = performance.now();
  const { exitCode, stdout, stderr } = await child;
  return { exit: exitCode, stdout, stderr, seconds: (performance.now() - started) / 1000 };
}
type Kill = (signal: 'SIGINT' | 'SIGTERM') => void;

describe('signals', () => {
  test('the first Ctrl-C stops cleanly, tells the phone, and says what it means', async () => {
    await using phone = await plugIn(home, { scenarios: ['silent=scan:60'] });
    const { exit, stdout, stderr } = await interrupt(phone, ['backup'], /scanning/, (kill) => kill('SIGINT'));
    expect(exit).toBe(130);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/Stopping: telling the iPhone\. Ctrl-C again stops at once\./);
    expect(stderr).toMatch(/✗ Stopped by you while scanning, after \d+ s\.\n {2}There is no earlier backup/);
    expect(stderr).toMatch(/→ .*\n {2}interrupted · exit 130$/);
    expect((await phone.ibk(['devices'])).stdout).toContain('ready');
  });

  test('SIGTERM is 143, in JSON too', async () => {
    await using phone = await plugIn(home, { scenarios: ['silent=scan:60'] });
    const ran = await interrupt(phone, ['backup', '--json'], /"scan"/, (kill) => kill('SIGTERM'));
    expect(ran.exit).toBe(143);
    expect(ran.stderr).toBe('');
    expect(expectValidLines(`${ran.stdout}\n`).at(-1)).toMatchObject({ type: 'error', code: 'terminated', exit: 143 });
  });

  test('the second Ctrl-C ends it at once', async () => {
    await using phone = await plugIn(home, { scenarios: ['silent=scan:60'] });
    const ran = await interrupt(phone, ['backup'], /scanning/, (kill) => {
      kill('SIGINT');
      setImmediate(() => kill('SIGINT'));
    });
    expect(ran.exit).toBe(130);
  });
});

describe('from cron', () => {
  const cron = (phone: Phone, args: readonly string[]) =>
    execa(process.execPath, [IBK, 'backup', '-u', 'all', '-q', ...args], {
      env: { HOME: home, PATH: '/usr/bin:/bin', USBMUXD_SOCKET_ADDRESS: phone.sim.listen },
      extendEnv: false,
      reject: false,
      stdin: 'ignore',
      timeout: 60_000,
    });

  test('four phones in parallel: silent on success', async () => {
    await using phone = await plugIn(home, { ios: ['9', '12', '15', '17'] });
    const { stdout, stderr, exitCode } = await cron(phone, ['--out', join(home, 'out')]);
    expect({ stdout, stderr, exitCode }).toEqual({ stdout: '', stderr: '', exitCode: 0 });
    const { stdout: listed } = await phone.ibk(['list', '--json', '-o', join(home, 'out')]);
    expect(JSON.parse(listed).devices).toHaveLength(4);
    expect(phone.sim.violations).toEqual([]);
  });

  test('a rack of phones: not a word of Node about its listeners', async () => {
    await using phone = await plugIn(home, {
      ios: Array<'15'>(14).fill('15'),
      files: 2,
      bytes: 2000,
      scenarios: ['paired'],
    });
    const { stdout, stderr, exitCode } = await cron(phone, ['--out', join(home, 'out')]);
    expect({ stdout, stderr, exitCode }).toEqual({ stdout: '', stderr: '', exitCode: 0 });
    expect(await phone.ibk(['devices', '-v'])).toMatchObject({ stderr: '', exit: 0 });
  }, 60_000);

  test('one cause and its code on failure, never a prompt', async () => {
    await using phone = await plugIn(home, { scenarios: ['locked'] });
    const { stdout, stderr, exitCode } = await cron(phone, ['--out', join(home, 'out')]);
    expect({ stdout, exitCode }).toEqual({ stdout: '', exitCode: 23 });
    expect(stderr.match(/^x /gm)).toHaveLength(1);
    expect(stderr).toContain('device_locked - exit 23');
    expect(stderr).not.toMatch(/[\x00-\x09\x0b-\x1f]/);
  });
});

test('--log-file keeps a dated log beside what is shown, for its owner only', async () => {
  await using phone = await plugIn(home);
  const log = join(home, 'ibk.log');
  expect(await phone.ibk(['backup', '-q', '--log-file', log])).toEqual({ stdout: '', stderr: '', exit: 0 });
  expect((await phone.ibk(['list', '-u', 'nobody', '--log-file', log])).exit).toBe(10);
  expect(statSync(log).mode & 0o777).toBe(0o600);
  const lines = readFileSync(log, 'utf8').trimEnd().split('\n');
  for (const line of lines) expect(line).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d /);
  const words = lines.map((line) => line.slice(20));
  expect(words[0]).toMatch(/^ibk \d+\.\d+\.\d+ backup$/);
  expect(words).toContain('ended, exit 0');
  expect(words.some((line) => /^Sim iPhone: done, version \w{8}, 20 files/.test(line))).toBe(true);
  expect(words.at(-1)).toBe('No backup here is of "nobody". not_found - exit 10');
});

test.skipIf(!existsSync('/dev/full'))(
  'a trace and a log that could not be written whole are told, and the job goes on',
  async () => {
    await using phone = await plugIn(home, { scenarios: ['paired'] });
    const ran = await phone.ibk(['backup', '-q', '--trace', '/dev/full', '--log-file', '/dev/full']);
    expect(ran).toMatchObject({ stdout: '', exit: 0 });
    expect(ran.stderr).toMatch(/^! The trace is not whole.*ENOSPC\.\n! The log is not whole.*ENOSPC\.\n$/);
  },
);

test('without a usable HOME the home folder is the one of the account, never the folder of the moment', async () => {
  for (const HOME of ['', 'relative'])
    expect((await runIbk(home, ['--help'], { env: { HOME } })).stdout).toMatch(/backup root +\[\//);
});

test('--retries runs again when the phone is back', async () => {
  await using phone = await plugIn(home, { scenarios: ['cut-after-bytes=60000'] });
  let plugged: Promise<string> | undefined;
  const ran = await interrupt(phone, ['backup', '--retries', '1', '--json'], /"retrying"/, () => {
    plugged = controlSimulator(phone.sim.listen, 'plug', {});
  });
  await plugged;
  const lines = expectValidLines(`${ran.stdout}\n`);
  expect(lines.filter(({ type }) => type === 'start')).toHaveLength(2);
  expect(lines.filter(({ reason }) => reason === 'retrying')).toMatchObject([
    { message: expect.stringMatching(/^The cable came out while .*\. Trying again, 1 of 1\.$/) },
  ]);
});

test('a bundle for a bug report names nobody', async () => {
  await using phone = await plugIn(home);
  await phone.ibk(['pair', '-q']);
  const file = join(home, 'bundle.json');
  const env = { IBK_OUT: join(home, 'secret-place'), IBK_WAIT: '1s' };
  const ran = await phone.ibk(['doctor', '--bundle', file], { env });
  expect(ran.exit).toBe(0);
  const bundle = readFileSync(file, 'utf8');
  for (const secret of [
    'Sim iPhone',
    phone.sim.phones[0]?.udid ?? '?',
    home,
    'secret-place',
    '555-0176',
    'SIMB54D64C35',
  ])
    expect(bundle).not.toContain(secret);
  expect(JSON.parse(bundle)).toMatchObject({ type: 'bundle', devices: [{ product_type: 'iPhone15,4', ios: '17.6' }] });
  expect(JSON.parse(bundle).trace.length).toBeGreaterThan(10);
  expect(JSON.parse(bundle).variables).toContain('IBK_OUT');
  const again = await phone.ibk(['doctor', '--bundle', file], { env });
  expect(again).toMatchObject({ exit: 14, stderr: expect.stringContaining('is there already') });
});

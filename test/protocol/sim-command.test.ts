/** `ibk sim` as a user runs it. */
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { execa } from 'execa';
import { afterEach, beforeEach, expect, test } from 'vitest';

const IBK = new URL('../../bin/ibk.js', import.meta.url).pathname;
let folder = '';
const launch = (args: string[]) =>
  execa(process.execPath, [IBK, 'sim', '--files', '20', '--bytes', '20k', ...args], { reject: false });
let running: ReturnType<typeof launch> | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ibk-simcmd-'));
});
afterEach(async () => {
  running?.kill('SIGKILL');
  await running;
  rmSync(folder, { recursive: true, force: true });
});

interface Ready {
  readonly type: string;
  readonly v: number;
  readonly listen: string;
  readonly devices: readonly { readonly udid: string; readonly name: string; readonly ios: string }[];
}

/** Starts a simulator and resolves when it says that it is ready. */
async function start(...args: string[]): Promise<Ready> {
  const child = launch(args);
  running = child;
  for await (const line of createInterface({ input: child.stdout })) return JSON.parse(line);
  throw new Error(`ibk sim ended: ${(await child).stderr}`);
}

async function stop(signal: 'SIGTERM' | 'SIGINT' | 'SIGKILL' = 'SIGTERM') {
  running?.kill(signal);
  const { exitCode, stderr } = (await running) ?? {};
  return { exit: exitCode, stderr: String(stderr) };
}

async function ctl(listen: string, ...args: string[]) {
  const { stdout, stderr, exitCode } = await execa(process.execPath, [IBK, 'sim', 'ctl', ...args, '--listen', listen], {
    reject: false,
  });
  return { json: stdout === '' ? undefined : JSON.parse(stdout), stderr, exit: exitCode };
}

test('says when it is ready, ends cleanly on SIGTERM and SIGINT, and takes its socket away', async () => {
  const path = join(folder, 'phone.sock');
  const ready = await start('--listen', `UNIX:${path}`);
  expect(ready).toEqual({
    v: 1,
    type: 'ready',
    listen: `UNIX:${path}`,
    devices: [{ udid: '00008120-5100000000000001', name: 'Sim iPhone', ios: '17.6' }],
  });
  expect(statSync(path).mode & 0o777).toBe(0o600);
  const { exit, stderr } = await stop();
  expect(exit).toBe(0);
  expect(stderr).toContain(`export USBMUXD_SOCKET_ADDRESS=UNIX:${path}`);
  expect(existsSync(path)).toBe(false);

  const own = await start('--devices', '3', '--ios', '9,26', '-q');
  expect(own.devices.map(({ ios }) => ios)).toEqual(['9.3.5', '26.1', '9.3.5']);
  const socket = own.listen.replace('UNIX:', '');
  expect(existsSync(socket)).toBe(true);
  expect(await stop('SIGINT')).toEqual({ exit: 0, stderr: '' });
  expect(existsSync(join(socket, '..'))).toBe(false);
});

test('is started over the socket that a killed one has left', async () => {
  const path = join(folder, 'phone.sock');
  await start('--listen', path);
  await stop('SIGKILL');
  expect(existsSync(path)).toBe(true);
  await start('--listen', path);
  expect((await stop()).exit).toBe(0);
});

test('ctl changes and shows the phone', async () => {
  const { listen } = await start();
  const before = (await ctl(listen, 'tree')).json;
  expect(Object.values(before)[0]).toMatchObject({ sha256: expect.stringMatching(/^[0-9a-f]{64}$/) });
  const { json } = await ctl(listen, 'mutate', '--add', '2', '--change', '1', '--remove', '3');
  expect(json).toMatchObject({
    type: 'sim_mutation',
    added: { length: 2 },
    changed: { length: 1 },
    removed: { length: 3 },
  });
  const after = (await ctl(listen, 'tree')).json;
  expect(Object.keys(after)).toHaveLength(Object.keys(before).length - 1);
  for (const [command, shows] of [
    ['lock', { lock: 'locked' }],
    ['unlock', { lock: 'unlocked' }],
    ['unplug', { plugged_in: false }],
    ['plug', { plugged_in: true }],
  ] as const) {
    expect((await ctl(listen, command)).exit).toBe(0);
    expect((await ctl(listen, 'stats')).json.devices[0]).toMatchObject(shows);
  }
  expect(await ctl(listen, 'passcode', '--enter')).toMatchObject({
    exit: 1,
    stderr: expect.stringContaining('No passcode'),
  });
  expect((await ctl(listen, 'trust')).exit).toBe(2);
  expect((await ctl(listen, 'dance')).exit).toBe(2);
  expect((await ctl(`UNIX:${folder}/none`, 'stats')).exit).toBe(29);
  expect((await stop()).exit).toBe(0);
});

test('--state keeps the phone between runs', async () => {
  const state = join(folder, 'state');
  const password = join(folder, 'password');
  writeFileSync(password, 'secret\n');
  const first = await start('--state', state, '--ios', '15', '--encrypted-password-file', password);
  await ctl(first.listen, 'mutate', '--add', '2');
  const tree = (await ctl(first.listen, 'tree')).json;
  await stop();
  expect(statSync(join(state, 'phones.plist')).mode & 0o777).toBe(0o600);
  const second = await start('--state', state);
  expect(second.devices).toEqual(first.devices);
  expect((await ctl(second.listen, 'tree')).json).toEqual(tree);
  expect((await ctl(second.listen, 'stats')).json.devices[0]).toMatchObject({ mutations: 1, encrypted: true });
  await stop();
  const { exitCode, stderr } = await execa(process.execPath, [IBK, 'sim', '--state', state, '--ios', '9'], {
    reject: false,
  });
  expect(exitCode).toBe(2);
  expect(stderr).toContain('have iOS 15');
  writeFileSync(join(state, 'phones.plist'), 'nonsense');
  expect((await execa(process.execPath, [IBK, 'sim', '--state', state], { reject: false })).exitCode).toBe(13);
});

test('what a real phone would not accept makes it end with 1', async () => {
  const { listen } = await start();
  const socket = connect(listen.replace('UNIX:', ''));
  await new Promise<void>((resolve) => {
    socket.on('close', () => resolve()).resume();
    socket.end(Buffer.alloc(16, 0xff));
  });
  expect((await ctl(listen, 'stats')).json.violations).toEqual(['usbmuxd: packet length 4294967295']);
  const { exit, stderr } = await stop();
  expect(exit).toBe(1);
  expect(stderr).toContain('packet length 4294967295');
});

test('help, the list of scenarios, and mistakes', async () => {
  const env = { LC_ALL: 'C.UTF-8' };
  const run = (...args: string[]) => execa(process.execPath, [IBK, 'sim', ...args], { reject: false, env });
  const help = await run('--help');
  expect(help.exitCode).toBe(0);
  expect(help.stdout).toContain('--encrypted-password-file');
  expect((await run('ctl', '--help')).stdout).toContain('mutate');
  expect((await run('--list-scenarios')).stdout).toMatch(/^trust-pending\[=N\] {2,}\S/m);
  for (const args of [['--ios', '18'], ['--scenario', 'x'], ['--bytes', 'many'], ['--nonsense'], ['extra']]) {
    const { exitCode, stderr, stdout } = await run(...args);
    expect([args, exitCode, stdout]).toEqual([args, 2, '']);
    expect(stderr).toContain('✗');
  }
});

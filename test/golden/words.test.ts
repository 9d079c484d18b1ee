/** Help texts, first contact, and the errors that need no device: what the built ibk writes, word for word. */
import { accessSync, constants, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, expect, test } from 'vitest';
import { displayWidth } from '../../src/ui/text.js';
import { cleanEnvironment, IBK, runIbk, tempHome, transcript } from '../support/run-ibk.js';

const home = tempHome();
afterAll(() => rmSync(home, { recursive: true, force: true }));

const golden = (name: string) => `../../fixtures/golden/${name}.txt`;

const HELP: readonly (readonly [string, readonly string[]])[] = [
  ['first-contact', []],
  ['help', ['--help']],
  ['version', ['-V']],
  ...[
    'backup',
    'restore',
    'list',
    'find',
    'diff',
    'tag',
    'forget',
    'prune',
    'stats',
    'copy',
    'import',
    'edit',
    'extract',
    'verify',
    'encrypt',
    'decrypt',
    'info',
    'devices',
    'pair',
    'unpair',
    'wifi',
    'cloud',
    'erase',
    'doctor',
    'repair',
    'unlock',
    'sim',
  ].map((name) => [`help-${name}`, [name, '--help']] as const),
];

test.each(HELP)('%s', async (name, args) => {
  const ran = await runIbk(home, args);
  expect(ran.exit).toBe(0);
  expect(ran.stderr).toBe('');
  for (const line of ran.stdout.split('\n')) expect(displayWidth(line), line).toBeLessThanOrEqual(80);
  await expect(transcript(args, ran, home)).toMatchFileSnapshot(golden(name));
});

test('help is the same however it is asked for', async () => {
  const [flag, ...others] = await Promise.all(
    [
      ['backup', '--help'],
      ['backup', '-h'],
      ['help', 'backup'],
      // Asked for before the command it must not run the command.
      ['-h', 'backup'],
      ['--help', 'backup', '-q'],
    ].map((args) => runIbk(home, args)),
  );
  for (const other of others) expect(other).toEqual(flag);
  expect(await runIbk(home, ['-V', 'backup'])).toEqual(await runIbk(home, ['-V']));
  expect(await runIbk(home, ['-h', 'sim'])).toEqual(await runIbk(home, ['sim', '--help']));
});

const MISTAKES: readonly (readonly string[])[] = [
  ['bakcup'],
  ['frobnicate'],
  ['--jsno'],
  ['backup', '--ful'],
  ['backup', '--wait'],
  ['backup', '--wait', '15'],
  ['backup', '--timeout', '0'],
  ['backup', '--full=yes'],
  ['--json=no', 'devices'],
  ['devices', 'latest'],
  ['--json', 'bakcup'],
  ['-q'],
  ['backup', '--password', 'hunter2'],
  ['--password=hunter2', 'backup'],
  ['devices', '--progress', 'loud'],
  ['devices', '--usbmuxd', 'phone'],
  ['help', 'bakcup'],
];

test('mistakes in the arguments', async () => {
  const texts = await Promise.all(MISTAKES.map(async (args) => transcript(args, await runIbk(home, args), home)));
  for (const text of texts) expect(text).toContain('--- exit 2');
  expect(texts.join('').replaceAll('--password hunter2', '').replaceAll('--password=hunter2', '')).not.toContain(
    'hunter2',
  );
  await expect(texts.join('\n')).toMatchFileSnapshot(golden('mistakes'));
});

test('no usbmuxd', async () => {
  const runs = [['devices'], ['devices', '--json'], ['backup'], ['doctor'], ['-q', 'backup'], ['pair', '--debug']];
  const texts = await Promise.all(
    runs.slice(0, 5).map(async (args) => transcript(args, await runIbk(home, args), home)),
  );
  for (const text of texts) expect(text).toContain('--- exit 29');
  await expect(texts.join('\n')).toMatchFileSnapshot(golden('no-usbmuxd'));
  const waited = await runIbk(home, ['backup', '--wait', '1s']);
  expect(waited.exit).toBe(29);
  expect(waited.stderr).toMatch(/^Waiting for an iPhone or iPad, at most 1 s\.\n✗ usbmuxd cannot be reached/);
  const debug = await runIbk(home, ['pair', '--debug']);
  expect(debug.stderr).toMatch(/IbkError: usbmuxd cannot be reached[\s\S]*at .*\n/);
  expect((await runIbk(home, ['pair'])).stderr).not.toContain('    at ');
});

test('a config file with mistakes: commands refuse, doctor shows them', async () => {
  const other = tempHome();
  mkdirSync(join(other, '.config/ibk'), { recursive: true });
  writeFileSync(join(other, '.config/ibk/config.toml'), '# mine\n\nstall-timout = "45m"\nwait = 15\n');
  const texts: string[] = [];
  for (const args of [['list'], ['doctor']]) texts.push(transcript(args, await runIbk(other, args), other));
  expect(texts[0]).toContain('--- exit 2');
  expect(texts[1]).toContain('line 3: unknown "stall-timout"');
  await expect(texts.join('\n')).toMatchFileSnapshot(golden('config-mistakes'));
  rmSync(other, { recursive: true });
});

const fullDevice = writable('/dev/full');
test.skipIf(!fullDevice)(
  `answers that cannot be written are a failure${fullDevice ? '' : ' (skipped: no /dev/full)'}`,
  async () => {
    const lost = await execa('sh', ['-c', `"${process.execPath}" "${IBK}" --help >/dev/full`], {
      env: cleanEnvironment(home),
      extendEnv: false,
      reject: false,
    });
    expect(lost.exitCode).toBe(14);
    expect(lost.stderr).toContain('The output could not be written: ENOSPC.');
  },
);

test('a home that is no folder is none', async () => {
  expect((await runIbk(home, ['list', '-o', home], { env: { HOME: '/dev/null' } })).exit).toBe(0);
});

test('what nobody foresaw is told as a bug, with its exit code', async () => {
  // Fails in the background as soon as somebody listens for it.
  const fail = 'setImmediate(()=>{throw(new(RangeError)(`unforeseen`))})';
  const ran = await runIbk(home, ['devices'], {
    env: {
      NODE_OPTIONS: `--import=data:text/javascript,process.on('newListener',(n)=>n=='uncaughtException'&&${fail})`,
    },
  });
  expect(ran.exit).toBe(70);
  expect(ran.stderr).toMatch(/^✗ This is a bug in ibk [\d.]+: RangeError: unforeseen\n/);
});

function writable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

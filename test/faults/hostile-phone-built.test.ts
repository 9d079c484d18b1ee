/** The built ibk against a hostile phone: exit codes, memory, what is left on the disk, and what a terminal is told. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildBinaryPlist } from '../../src/plist/codec.js';
import { plistDict } from '../../src/plist/value.js';
import type { Simulator } from '../../src/sim/index.js';
import { plugIn } from '../support/phone.js';
import { type Ran, tempHome } from '../support/run-ibk.js';
import { treeOf } from '../support/tree.js';

const home = tempHome();
const root = join(home, 'root');
const PEAK = join(home, 'peak');
const MEASURED = new URL('../support/peak-memory.cjs', import.meta.url).pathname;
const LIMITS = ['--timeout', '20s', '--stall-timeout', '20s'];
/** Anything that a terminal would obey; a line feed ends a line. */
const RAW = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/;

afterAll(() => rmSync(home, { recursive: true, force: true }));
beforeAll(async () => {
  await using phone = await plugIn(home, { scenarios: ['paired'], ios: ['15'], files: 6 });
  expect((await phone.ibk(['backup', '-q', '-o', root])).exit).toBe(0);
  mkdirSync(join(root, 'other'));
  writeFileSync(join(root, 'other', 'file'), 'of somebody else');
});

async function attacked(
  scenarios: readonly string[],
  args: readonly string[],
  set?: (sim: Simulator) => void,
): Promise<Ran> {
  await using phone = await plugIn(home, { scenarios: ['paired', ...scenarios], ios: ['15'], files: 6 });
  set?.(phone.sim);
  const ran = await phone.ibk(args, { env: { NODE_OPTIONS: `--require ${MEASURED}`, PEAK_MEMORY_FILE: PEAK } });
  expect(`${ran.stdout}${ran.stderr}`).not.toMatch(RAW);
  if (existsSync(PEAK)) expect(Number(readFileSync(PEAK, 'utf8'))).toBeLessThan(250_000_000);
  return ran;
}

test.each([
  ['attack=parent-inside:upload', 16],
  ['attack=absolute:download', 16],
  ['attack=ibk-inside:move-to', 16],
  ['attack=other-device:remove', 16],
  ['bad-message=length', 25],
  ['bad-message=huge-array', 25],
  ['bad-message=cyclic', 25],
  ['lie=nothing', 13],
  ['lie=unfinished', 13],
  ['lie=missing-file', 13],
] as const)('%s: exit %i, and everything is as it was', async (scenario, exit) => {
  // The log of the caller's own runs, and nothing else, may differ.
  const before = treeOf(home, ['peak', '.local', '.cache', '.config']);
  const ran = await attacked([scenario], ['backup', '--full', '-o', root, ...LIMITS]);
  expect(ran).toMatchObject({ exit });
  expect(ran.stderr).toMatch(/The last good backup \([^)]*\) is as it was\./);
  expect(treeOf(home, ['peak', '.local', '.cache', '.config'])).toEqual(before);
});

test('after all of it the last good backup verifies, each byte', async () => {
  const { exit } = await attacked([], ['verify', '--read-data', '-o', root]);
  expect(exit).toBe(0);
});

const NAME = 'A\u001b[2J\u001b]0;x\u0007\u009b31m\r\n\u202e\u2066\u0000\u2028B';

test.each([
  [['devices']],
  [['devices', '--json']],
  [['info']],
  [['info', '--json']],
  [['backup', '-o', join(home, 'named'), ...LIMITS]],
  [['backup', '--json', '--debug', '-o', join(home, 'named'), ...LIMITS]],
  [['list', '-o', join(home, 'named')]],
  [['list', '--json', '-o', join(home, 'named')]],
  [['doctor', '-o', join(home, 'named')]],
])('control characters in every name: ibk %j prints none of them', async (args) => {
  const ran = await attacked(['file-error=data'], args, (sim) => {
    const named = { DeviceName: NAME, ProductType: NAME, SerialNumber: NAME, PhoneNumber: NAME, BuildVersion: NAME };
    sim.phones[0]?.setValues.set('', plistDict(named));
  });
  expect([0, 1, 3, 4, 13]).toContain(ran.exit);
});

test.each([['devices'], ['info'], ['backup']])(
  'facts of every wrong type: ibk %s is no bug of ours',
  async (command) => {
    const args = command === 'backup' ? [command, '-o', join(home, 'odd'), ...LIMITS] : [command];
    const wrong = [[1, 'x'], plistDict({ a: true }), 17, Buffer.from('data'), new Date(0), true, 2n ** 63n];
    const keys = [
      'DeviceName',
      'ProductType',
      'ProductVersion',
      'BuildVersion',
      'DeviceClass',
      'SerialNumber',
      'PasswordProtected',
    ];
    const ran = await attacked([], args, (sim) => {
      const values = keys.map((key, index) => [key, wrong[index % wrong.length] ?? 0] as const);
      sim.phones[0]?.setValues.set('', plistDict(Object.fromEntries(values)));
      sim.phones[0]?.setValues.set('com.apple.mobile.backup', plistDict({ WillEncrypt: [buildBinaryPlist(1)] }));
      sim.phones[0]?.setValues.set(
        'com.apple.disk_usage',
        plistDict({ TotalDiskCapacity: 'x', TotalDataAvailable: [] }),
      );
      sim.phones[0]?.setValues.set('com.apple.mobile.battery', plistDict({ BatteryCurrentCapacity: -(10 ** 15) }));
    });
    expect(ran.stderr).not.toMatch(/bug|TypeError|at file:/);
    expect(ran.exit).not.toBe(70);
  },
);

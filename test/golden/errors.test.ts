/** Failures as a user meets them: words, exit status, and the JSON line, with the built ibk and a phone that misbehaves. */
import { rmSync } from 'node:fs';
import { afterAll, describe, expect, test } from 'vitest';
import { ERROR_CATALOG, type ErrorCode } from '../../src/errors.js';
import { controlSimulator, type SimulatedPhone, type Simulator } from '../../src/sim/index.js';
import { plugIn } from '../support/phone.js';
import { masked, tempHome, transcript } from '../support/run-ibk.js';
import { expectValidLines } from '../support/schemas.js';

const home = tempHome();
afterAll(() => rmSync(home, { recursive: true, force: true }));
const golden = (name: string) => `../../fixtures/golden/error-${name}.txt`;

interface Case {
  readonly name: string;
  readonly code: ErrorCode | 'ok';
  readonly scenarios: readonly string[];
  readonly args?: readonly string[];
  readonly ios?: '9' | '12' | '15' | '17' | '26';
  /** The failure is about trust itself. */
  readonly unpaired?: boolean;
  /** After pairing, before the backup. */
  readonly meanwhile?: (sim: Simulator) => unknown;
}

const CASES: readonly Case[] = [
  { name: 'trust-refused', code: 'not_paired', scenarios: ['trust-refused'], unpaired: true },
  {
    name: 'trust-not-answered',
    code: 'not_paired',
    scenarios: ['trust-manual'],
    unpaired: true,
    args: ['--passcode-timeout', '1s'],
  },
  { name: 'locked', code: 'device_locked', scenarios: ['locked'], unpaired: true },
  { name: 'not-unlocked', code: 'device_locked', scenarios: [], meanwhile: ({ phones }) => void phones.map(restart) },
  {
    name: 'revoked',
    code: 'not_paired',
    scenarios: [],
    meanwhile: ({ listen }) => controlSimulator(listen, 'revoke', {}),
  },
  { name: 'passcode-refused', code: 'device_locked', scenarios: ['passcode-refused'] },
  {
    name: 'passcode-not-entered',
    code: 'device_locked',
    scenarios: ['passcode-manual'],
    args: ['--passcode-timeout', '1s'],
  },
  { name: 'low-space', code: 'destination', scenarios: ['low-space'] },
  { name: 'cancelled', code: 'cancelled', scenarios: ['cancel=receive'] },
  { name: 'cut-scan', code: 'connection_lost', scenarios: ['cut=scan'] },
  { name: 'cut-receive', code: 'connection_lost', scenarios: ['cut=receive'] },
  { name: 'cut-finish', code: 'connection_lost', scenarios: ['cut=finish'] },
  { name: 'silent', code: 'timeout', scenarios: ['silent=scan:60'], args: ['--stall-timeout', '1s'] },
  { name: 'mb-1', code: 'device_error', scenarios: ['final=1'] },
  { name: 'mb-104', code: 'device_error', scenarios: ['final=104'] },
  { name: 'mb-205', code: 'damaged', scenarios: ['final=205'] },
  { name: 'mb-211', code: 'device_precondition', scenarios: ['final=211'] },
  { name: 'mb-212', code: 'device_busy', scenarios: ['final=212'] },
  { name: 'forbidden', code: 'device_precondition', scenarios: ['service-error=ServiceProhibited'] },
  { name: 'attack', code: 'unsafe', scenarios: ['attack=parent:upload'] },
  { name: 'unknown-message', code: 'ok', scenarios: ['unknown-message'] },
  { name: 'manifest-upload-error', code: 'ok', scenarios: ['manifest-upload-error'] },
  { name: 'file-error', code: 'partial', scenarios: ['file-error=data:2'] },
];

describe('a first backup', () => {
  test.each(CASES)('$name', async ({ name, code, scenarios, unpaired = false, meanwhile, args = [], ios = '17' }) => {
    const root = ['-o', `${home}/${name}`];
    const status = code === 'ok' ? 0 : ERROR_CATALOG[code].exit;
    await using phone = await plugIn(home, { scenarios: unpaired ? scenarios : [...scenarios, 'paired'], ios: [ios] });
    await meanwhile?.(phone.sim);
    const text = await phone.ibk(['backup', ...root, ...args, '--progress', 'none']);
    rmSync(`${home}/${name}`, { recursive: true, force: true });
    await controlSimulator(phone.sim.listen, 'plug', {});
    const json = await phone.ibk(['backup', ...root, ...args, '--json']);
    const line = expectValidLines(json.stdout).at(-1);
    expect(text.exit, text.stderr).toBe(status);
    expect(text.stdout).toBe('');
    expect(json.exit).toBe(status);
    expect(json.stderr).toBe('');
    expect(line).toMatchObject({ code, exit: status, udid: phone.sim.phones[0]?.udid });
    const shown = `${transcript(['backup', ...args], text, home)}--- last line of --json\n${masked(JSON.stringify(line), home)}\n`;
    await expect(shown.replaceAll(`/${name}`, '')).toMatchFileSnapshot(golden(name));
  });
});

function restart(phone: SimulatedPhone): void {
  phone.lock = 'not-unlocked';
}

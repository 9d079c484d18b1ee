/** Every command that takes a BACKUP takes an earlier version, by each of its names, and gives what the phone held then. */
import { createHash } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { controlSimulator } from '../../src/sim/index.js';
import { type Phone, plugIn } from '../support/phone.js';
import { type PhoneState, stateOf } from '../support/phone-history.js';
import { tempHome } from '../support/run-ibk.js';
import { treeHash } from '../support/tree-hash.js';

const home = tempHome();
const root = join(home, 'root');
let phone: Phone;
let states: PhoneState[] = [];
let ids: string[] = [];

const env = { IBK_PASSWORD: 'right' };
const ibk = (...args: string[]) => phone.ibk([...args, '-o', root], { env });
const lines = (text: string) => text.split('\n').filter((line) => line !== '');
const udid = () => phone.sim.phones[0]?.udid ?? '';

beforeAll(async () => {
  phone = await plugIn(home, { scenarios: ['paired'], encryption: { password: 'right' } });
  states = [];
  for (let made = 0; made < 3; made++) {
    if (made > 0) await controlSimulator(phone.sim.listen, 'mutate', { Add: 2, Change: 3, Remove: 1 });
    states.unshift(await stateOf(phone.sim));
    expect((await ibk('backup', '-q')).exit).toBe(0);
  }
  const listing = JSON.parse((await ibk('list', '--json')).stdout);
  ids = listing.devices[0].versions.map(({ version }: { version: string }) => version);
});
afterAll(async () => {
  await phone[Symbol.asyncDispose]();
  rmSync(home, { recursive: true, force: true });
});

test('each name of a version', async () => {
  const [latest = '', before = '', first = ''] = ids;
  const name = JSON.parse((await ibk('info', 'latest', '--json')).stdout).device.name;
  for (const [word, version] of [
    ['latest~1', before],
    ['latest~2', first],
    [first.slice(0, 5), first],
    [`${udid()}@latest~1`, before],
    [`${udid().slice(0, 9)}`, latest],
    [`${name}@latest~2`, first],
    ['@2099-01-01', latest],
    [`./root/${udid()}`, latest],
  ] as const) {
    const ran = await phone.ibk(['verify', word, '--read-data', '--json', '-o', root], { cwd: home, env });
    expect([word, ran.exit, JSON.parse(ran.stdout).version]).toEqual([word, 0, version]);
  }
  expect((await ibk('info', 'latest~3')).exit).toBe(10);
  expect((await ibk('info', '@2001-01-01')).exit).toBe(10);
});

test('every command', async () => {
  const state = states[2];
  if (state === undefined) throw new Error('no state');
  const listed = await ibk('list', 'latest~2');
  expect(new Set(lines(listed.stdout))).toEqual(new Set(state.keys()));
  const found = await ibk('find', '*', 'latest~2', '--json');
  const matches = lines(found.stdout).map((line) => JSON.parse(line));
  expect(matches.filter(({ type }) => type === 'match')).toHaveLength(state.size);
  expect(JSON.parse((await ibk('info', 'latest~2', '--json')).stdout).version).toBe(ids[2]);
  for (const [command, to] of [
    ['extract', 'taken'],
    ['decrypt', 'plain'],
  ] as const) {
    const ran = await ibk(command, 'latest~2', '--to', join(home, to));
    expect([command, ran.stderr, ran.exit]).toEqual([command, expect.anything(), 0]);
  }
  for (const [path, sha256] of state) {
    const bytes = readFileSync(join(home, 'taken', path));
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(sha256);
  }
  expect((await ibk('verify', join(home, 'plain'))).exit).toBe(0);
});

test('a phone is given an earlier version straight from where it lies', async () => {
  const [only] = phone.sim.phones;
  if (only === undefined) throw new Error('no phone');
  const before = treeHash(root);
  const back = new Promise<void>((resolve) => only.once('plugged', () => resolve()));
  const ran = await ibk('restore', 'latest~2', '--remove', '--yes');
  expect([ran.stderr, ran.exit]).toEqual([expect.anything(), 0]);
  await back;
  expect(new Map(await stateOf(phone.sim))).toEqual(states[2]);
  expect(treeHash(root)).toBe(before);
});

/** Versions and their verification as a user meets them: with the built ibk, a simulated phone, damage, and other programs in the folder. */
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { buildBinaryPlist, parsePlist } from '../../src/plist/codec.js';
import { asDict } from '../../src/plist/fields.js';
import { plistDict } from '../../src/plist/value.js';
import { controlSimulator } from '../../src/sim/index.js';
import { nextSecond } from '../support/next-second.js';
import { type Phone, plugIn } from '../support/phone.js';
import { tempHome, transcript } from '../support/run-ibk.js';
import { expectValidLines } from '../support/schemas.js';

const home = tempHome();
afterAll(() => rmSync(home, { recursive: true, force: true }));
const golden = (name: string) => `../../fixtures/golden/${name}.txt`;

/** Runs ibk on a root of its own and keeps what it said. */
function session(phone: Phone, name: string) {
  const root = join(home, name);
  const texts: string[] = [];
  const ibk = (...args: string[]) => phone.ibk([...args, '-o', root]);
  return {
    root,
    ibk,
    say: async (...args: string[]) => {
      const ran = await ibk(...args);
      texts.push(transcript(args, ran, root));
      return ran;
    },
    backup: async () => {
      await nextSecond();
      expect((await ibk('backup', '-q')).exit).toBe(0);
    },
    text: () => texts.join('\n').replaceAll(root, '~'),
    document: async (...args: string[]) => expectValidLines((await ibk(...args, '--json')).stdout)[0] ?? {},
  };
}

const udidOf = (phone: Phone) => phone.sim.phones[0]?.udid ?? '';

/** Payloads of the newest backup, in the order of their names. */
function payloads(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /(^|\/)[0-9a-f]{40}$/.test(name))
    .sort()
    .map((name) => join(folder, name));
}

/** Another byte in place, under the same time: what a failing disk does. */
function rot(path: string): void {
  const { atime, mtime } = statSync(path);
  const bytes = readFileSync(path);
  bytes.writeUInt8((bytes.at(0) ?? 0) ^ 1, 0);
  writeFileSync(path, bytes);
  utimesSync(path, atime, mtime);
}

test('a version is verified, damage is found, and where it is intact', async () => {
  await using phone = await plugIn(home, { scenarios: ['paired'] });
  const { root, say, backup, text, document } = session(phone, 'damage');
  await backup();
  const folder = join(root, udidOf(phone));
  const before = new Map(payloads(folder).map((path) => [path, readFileSync(path)]));
  await controlSimulator(phone.sim.listen, 'mutate', { Change: 20 });
  await backup();
  const changed = payloads(folder).filter((path) => before.get(path)?.equals(readFileSync(path)) === false);
  const [first = '', second = '', third = ''] = changed.filter((path) => statSync(path).size > 0);
  rot(first);
  rmSync(second);
  writeFileSync(third, 'short');
  expect((await say('verify')).exit).toBe(13);
  expect((await say('verify', '--read-data')).exit).toBe(13);
  expect((await say('verify', 'latest~1', '--read-data')).exit).toBe(0);
  await say('list');
  const found = await document('verify', '--read-data');
  const problems = found['problems'] as { kind: string; domain: string; intact_in: string[] }[];
  expect(problems.map(({ kind }) => kind).sort()).toEqual(['changed', 'missing', 'size']);
  expect(problems.every(({ domain, intact_in }) => domain !== null && intact_in.length === 1)).toBe(true);
  expect((await say('-q', 'verify')).stdout).toBe('');
  await expect(text()).toMatchFileSnapshot(golden('verify-damage'));
});

test('what another program overwrote is named, never taken for damage of the newest', async () => {
  await using phone = await plugIn(home, { scenarios: ['paired'] });
  const { root, say, backup, text, document } = session(phone, 'foreign');
  await backup();
  const folder = join(root, udidOf(phone));
  const [victim = ''] = payloads(folder);
  // As long as the record claims: of a shorter one verify tells by that.
  writeFileSync(victim, 'another program was here'.padEnd(statSync(victim).size));
  // As the backup of another program leaves it: finished, under a UUID of its own.
  const status = join(folder, 'Status.plist');
  const dict = asDict(parsePlist(readFileSync(status), 'Status.plist'), 'Status.plist');
  writeFileSync(status, buildBinaryPlist(plistDict({ ...dict, UUID: '0F0F0F0F-0000-4000-8000-0F0F0F0F0F0F' })));
  await say('list');
  await say('doctor');
  const before = await document('list');
  expect(before).toMatchObject({ devices: [{ state: 'replaced', versions: [{ version: null }, { foreign: false }] }] });
  await backup();
  await say('list');
  await say('verify');
  await say('verify', 'latest~2');
  const after = await document('list');
  expect(after).toMatchObject({ devices: [{ state: 'as_left' }] });
  const [device] = after['devices'] as {
    versions: { files_lost: number; foreign: boolean; unreadable: boolean }[];
  }[];
  expect(device?.versions.map(({ files_lost, foreign, unreadable }) => [files_lost, foreign, unreadable])).toEqual([
    [0, false, false],
    [0, true, false],
    [1, false, false],
  ]);
  await expect(text()).toMatchFileSnapshot(golden('verify-foreign'));
});

test('encrypted, old, partial, and elsewhere', async () => {
  const texts: string[] = [];
  {
    await using phone = await plugIn(home, { scenarios: ['paired'], encryption: { password: 'secret' } });
    const { say, backup, text } = session(phone, 'encrypted');
    await backup();
    await say('verify', '--read-data');
    texts.push(text());
  }
  {
    await using phone = await plugIn(home, { scenarios: ['paired'], ios: ['9'] });
    const { root, say, backup, text } = session(phone, 'old');
    await backup();
    await say('verify', '--read-data');
    rmSync(payloads(join(root, udidOf(phone)))[0] ?? '');
    expect((await say('verify')).exit).toBe(13);
    texts.push(text());
  }
  {
    await using phone = await plugIn(home, { scenarios: ['paired', 'file-error=data:2'] });
    const { root, say, ibk, text } = session(phone, 'partial');
    expect((await ibk('backup', '-q')).exit).toBe(3);
    await say('verify');
    expect((await ibk('backup', '-q')).exit).toBe(3);
    expect((await ibk('verify', '--read-data')).exit).toBe(0);
    const copy = join(root, 'elsewhere');
    cpSync(join(root, udidOf(phone)), copy, { recursive: true });
    await say('verify', copy, '--read-data');
    mkdirSync(join(root, 'nothing'));
    expect((await say('verify', join(root, 'nothing'))).exit).toBe(10);
    expect((await say('verify', 'latest~9')).exit).toBe(10);
    expect((await say('verify', '@2001-01-01')).exit).toBe(10);
    expect((await say('verify', 'latest', 'latest')).exit).toBe(2);
    expect((await ibk('verify', `${udidOf(phone).slice(0, 8)}@latest~1`)).exit).toBe(0);
    texts.push(text());
  }
  await expect(texts.join('\n')).toMatchFileSnapshot(golden('verify-kinds'));
});

test('unlock: nothing, left behind, another computer, and never a process that runs', async () => {
  await using phone = await plugIn(home, { scenarios: ['paired'] });
  const { root, say, backup, text, document } = session(phone, 'unlock');
  await backup();
  await say('unlock');
  const holder = join(root, '.ibk', udidOf(phone), 'holder.json');
  const since = '2026-11-21T07:02:00Z';
  const left = {
    host: 'attic',
    machine: 'another',
    boot: 'x',
    pid: 4127,
    started: '1',
    nonce: 'ab',
    command: 'x',
    since,
  };
  writeFileSync(holder, JSON.stringify(left));
  await say('doctor');
  expect((await say('unlock')).exit).toBe(2);
  await say('unlock', '--dry-run');
  expect(await document('unlock', '--yes')).toMatchObject({ locks: [{ state: 'elsewhere', removed: true }] });
  expect(await document('unlock')).toMatchObject({ locks: [{ state: 'free', host: null, removed: false }] });
  writeFileSync(holder, JSON.stringify(left));
  await say('unlock', '--yes');
  await expect(text()).toMatchFileSnapshot(golden('unlock'));
});

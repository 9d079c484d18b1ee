/** What is run around a backup, and the conditions under which one is made, with the built ibk. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { plugIn } from '../support/phone.js';
import { tempHome, transcript } from '../support/run-ibk.js';
import { expectValidLines } from '../support/schemas.js';

const home = tempHome();
afterAll(() => rmSync(home, { recursive: true, force: true }));

const small = { files: 3, bytes: 3000, scenarios: ['paired'] };
const told = join(home, 'told');
const NOTE = `env | grep ^IBK_ | sort | tr '\\n' ' ' >> '${told}'; echo >> '${told}'`;
const HOOKS = ['before', 'on-success', 'on-failure', 'after'].flatMap((name) => [`--${name}`, NOTE]);

/** Since the last look. */
function hooksTold(): string[] {
  try {
    return readFileSync(told, 'utf8').replaceAll(home, '~').trimEnd().split('\n');
  } catch {
    return [];
  } finally {
    rmSync(told, { force: true });
  }
}
const names = () => hooksTold().map((line) => /IBK_HOOK=(\S+)/.exec(line)?.[1]);

test('hooks are told of the run, in order, and of no password', async () => {
  await using phone = await plugIn(home, small);
  const udid = phone.sim.phones[0]?.udid;
  const secret = {
    IBK_PASSWORD: 'hush',
    BACKUP_PASSWORD: 'hush',
    IBK_NEW_PASSWORD: 'hush',
    BACKUP_PASSWORD_NEW: 'hush',
  };
  const ran = await phone.ibk(['backup', '--json', ...HOOKS, '--before', `${NOTE}; echo hello`], { env: secret });
  expect(ran.exit).toBe(0);
  expect(ran.stderr).toBe('hello\n');
  expect(expectValidLines(ran.stdout).at(-1)).toMatchObject({ type: 'summary', code: 'ok' });
  const [before, success, after, ...more] = hooksTold();
  expect(more).toEqual([]);
  const of = `IBK_DEVICE=Sim iPhone`;
  expect(before).toBe(`IBK_COMMAND=backup ${of} IBK_HOOK=before IBK_OUT=~/.local/share/ibk IBK_UDID=${udid} `);
  expect(success).toMatch(
    new RegExp(
      `^IBK_BYTES=\\d+ IBK_CODE=ok IBK_COMMAND=backup ${of} IBK_EXIT=0 IBK_FILES=3 IBK_HOOK=on-success IBK_OUT=\\S+ IBK_PATH=\\S+/${udid} IBK_UDID=${udid} IBK_VERSION=[0-9a-z]{8} $`,
    ),
  );
  expect(after).toContain('IBK_CODE=ok IBK_COMMAND=backup');
  expect(after).toContain('IBK_HOOK=after');
  // What is asked for of a backup can be asked of the same one: the variables are those of the options.
  expect((await phone.ibk(['backup', '-q', '--on-success', `'${process.execPath}' bin/ibk.js verify -q`])).exit).toBe(
    0,
  );
});

test('a hook that fails', async () => {
  await using phone = await plugIn(home, small);
  const [simulated] = phone.sim.phones;
  const requests = () => ({ ...simulated?.backupStats.requests });
  hooksTold();
  const texts: string[] = [];
  const say = async (...args: string[]) => {
    const ran = await phone.ibk(['backup', '-q', ...args]);
    texts.push(transcript(args, ran, home));
    return ran.exit;
  };
  expect(await say('--before', 'echo no disk; exit 7', '--on-failure', NOTE, '--after', NOTE)).toBe(1);
  expect(requests()).toEqual({});
  expect(names()).toEqual(['on-failure', 'after']);
  expect(await say('--on-success', 'exit 3')).toBe(3);
  expect(requests()).toEqual({ Backup: 1 });
  expect(await say('--after', 'kill -9 $$')).toBe(3);
  await expect(texts.join('\n').replaceAll(home, '~')).toMatchFileSnapshot('../../fixtures/golden/hooks.txt');
  expect((await phone.ibk(['backup', '-n', ...HOOKS])).exit).toBe(0);
  expect(hooksTold()).toEqual([]);
  phone.sim.phones[0]?.unplug();
  expect((await phone.ibk(['backup', ...HOOKS])).exit).toBe(20);
  expect(names()).toEqual(['on-failure']);
});

test('of several phones each is told of; a failure of one is its own', async () => {
  await using phone = await plugIn(home, {
    files: 3,
    bytes: 3000,
    ios: ['15', '17'],
    scenarios: ['paired', 'final=205'],
  });
  hooksTold();
  await phone.ibk(['backup', '-u', 'all', '-q', '-o', join(home, 'several'), ...HOOKS]);
  const lines = hooksTold();
  expect(lines.map((line) => /IBK_HOOK=(\S+)/.exec(line)?.[1])).toEqual([
    'before',
    'on-failure',
    'on-failure',
    'after',
  ]);
  expect(lines[0]).toContain(`IBK_UDID=${phone.sim.phones.map(({ udid }) => udid).join(',')}`);
  expect(lines[1]).toContain('IBK_CODE=damaged');
  expect(lines[1]).toContain('IBK_EXIT=13');
});

test('a young backup is skipped; so is nothing that is not complete', async () => {
  await using phone = await plugIn(home, small);
  const [simulated] = phone.sim.phones;
  const root = join(home, 'young');
  const args = ['backup', '-o', root, '--if-older-than', '20h'];
  const texts: string[] = [];
  const say = async (...more: string[]) => {
    const ran = await phone.ibk([...args, ...more]);
    texts.push(transcript([...args, ...more], ran, home).replaceAll(home, '~'));
    return ran.exit;
  };
  hooksTold();
  expect((await phone.ibk([...args, '-q', ...HOOKS])).exit).toBe(0);
  expect(names()).toEqual(['before', 'on-success', 'after']);
  expect(await say()).toBe(0);
  expect(await say('--fail-on-skip', '-q')).toBe(4);
  expect((await phone.ibk([...args, '-q', ...HOOKS])).exit).toBe(0);
  expect(hooksTold()).toEqual([]);
  const json = expectValidLines((await phone.ibk([...args, '--fail-on-skip', '--json'])).stdout);
  expect(json).toMatchObject([{ type: 'skipped' }, { type: 'summary', code: 'condition', exit: 4 }]);
  expect(await say('--if-older-than', 'soon')).toBe(2);
  expect(simulated?.backupStats.requests).toEqual({ Backup: 1 });
  rmSync(join(root, simulated?.udid ?? '', 'Status.plist'));
  expect((await phone.ibk([...args, '-q'])).exit).toBe(0);
  expect(simulated?.backupStats.requests).toEqual({ Backup: 2 });
  await expect(texts.join('\n')).toMatchFileSnapshot('../../fixtures/golden/skipped.txt');
});

test('the config file: a place of its own for a device, hooks and conditions for all', async () => {
  await using phone = await plugIn(home, small);
  const udid = phone.sim.phones[0]?.udid ?? '';
  const disk = join(home, 'disk');
  mkdirSync(join(home, '.config/ibk'), { recursive: true });
  const config = (text: string) => writeFileSync(join(home, '.config/ibk/config.toml'), text);
  config(
    `out = "~/all"\non-success = "echo done >&2"\nif-older-than = "20h"\n[device."sim iphone"]\nout = "~/disk"\nkeep-last = 2\n`,
  );
  const ran = await phone.ibk(['backup', '-q']);
  expect(ran).toMatchObject({ exit: 0, stderr: 'done\n' });
  expect(readFileSync(join(disk, udid, 'Status.plist')).length).toBeGreaterThan(0);
  expect((await phone.ibk(['list', '-u', 'Sim iPhone'])).stdout).toContain('Sim iPhone');
  expect((await phone.ibk(['verify', '-u', 'Sim iPhone'])).exit).toBe(0);
  expect((await phone.ibk(['backup', '--fail-on-skip', '-q'])).exit).toBe(4);
  // What is typed counts alone.
  expect((await phone.ibk(['backup', '-q', '-o', join(home, 'typed')])).exit).toBe(0);
  config('require-mount = "yes"\n[device.x]\nout = "here"\nuot = "/x"\n');
  const wrong = await phone.ibk(['doctor']);
  expect(wrong.stdout).toContain('require-mount has the wrong type');
  expect(wrong.stdout).toContain('out of device "x" is no absolute path');
  expect(wrong.stdout).toContain('unknown "uot"');
  rmSync(join(home, '.config'), { recursive: true });
});

test('an empty folder where a disk belongs is refused', async () => {
  await using phone = await plugIn(home, small);
  const empty = join(home, 'mount-point');
  mkdirSync(empty);
  const refused = await phone.ibk(['backup', '-o', empty, '--require-mount']);
  expect(refused.exit).toBe(14);
  expect(refused.stderr).toContain(`✗ Nothing is mounted at ${empty}.`);
  expect(phone.sim.phones[0]?.backupStats.requests).toEqual({});
  expect((await phone.ibk(['backup', '-q', '-o', empty])).exit).toBe(0);
});

/** Where a password comes from, what is dropped of it, and that nothing that prints shows it. */
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { inspect } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';
import { fetchPassword } from '../../src/commands/password-source.js';
import { password } from '../../src/commands/password.js';
import { SavedPasswords } from '../../src/commands/saved-passwords.js';
import type { Session } from '../../src/commands/session.js';
import { type Config, type ConfigSources, resolveConfig } from '../../src/config/config.js';
import { isPasswordVariable, type PasswordSource } from '../../src/config/password.js';
import { systemClock } from '../../src/io/clock.js';
import { Secret } from '../../src/io/secret.js';
import type { InputStream } from '../../src/ui/terminal.js';
import { type FakeTerminal, fakeTerminal } from '../support/fake-terminal.js';

const folder = mkdtempSync(join(tmpdir(), 'ibk-password-'));
afterAll(() => rmSync(folder, { recursive: true }));

function sources(given: Partial<ConfigSources>): ConfigSources {
  const env = { IBK_CONFIG: writeFile('config.toml', ''), ...given.env };
  return { flags: {}, platform: 'linux', home: '/home/anna', cwd: '/work', ...given, env };
}

const sourceFrom = async (given: Partial<ConfigSources>) => (await resolveConfig(sources(given))).password;

function writeFile(name: string, content: string | Buffer, mode = 0o600): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  chmodSync(path, mode);
  return path;
}

interface World {
  readonly terminal?: FakeTerminal;
  readonly stdin?: InputStream;
  readonly config?: Partial<Config>;
  readonly env?: Record<string, string>;
  readonly signal?: AbortSignal;
}

async function sessionWith(world: World): Promise<Session> {
  const config = { ...(await resolveConfig(sources({}))), timeoutMs: 5000, ...world.config };
  const made = world.terminal ?? fakeTerminal();
  const terminal = { ...made, stdin: world.stdin ?? made.stdin };
  const signal = world.signal ?? new AbortController().signal;
  const env = { PATH: process.env['PATH'], ...world.env };
  const passwords = new SavedPasswords(config.savePassword, signal);
  const none = { trace: undefined, log: undefined };
  return { config, terminal, clock: systemClock, signal, platform: 'linux', env, ...none, passwords };
}

async function text(source: PasswordSource, world: World = {}): Promise<string> {
  return (await fetchPassword(source, await sessionWith(world))).bytes().toString();
}

describe('a secret', () => {
  test('is shown by nothing that prints', () => {
    const secret = Secret.of('hunter2');
    const printed = [
      String(secret),
      `${secret}`,
      JSON.stringify({ secret }),
      inspect({ secret }, { showHidden: true }),
    ];
    for (const each of printed) {
      expect(each).not.toContain('hunter2');
      expect(each).toContain('***');
    }
    expect(Object.values(secret)).toEqual([]);
  });
  test('is gone once it was wiped, and its copy is not', () => {
    const secret = Secret.of('hunter2');
    const copy = secret.copy();
    secret.wipe();
    expect(secret.bytes()).toEqual(Buffer.alloc(7));
    expect(copy.bytes().toString()).toBe('hunter2');
    expect(copy.equals(Secret.of('hunter2'))).toBe(true);
    expect(copy.equals(Secret.of('hunter3'))).toBe(false);
  });
});

describe('the place that counts', () => {
  test('an option beats the environment, that beats the config file', async () => {
    const config = writeFile('with-command.toml', 'password-command = "pass show iphone"\n');
    expect(await sourceFrom({ env: { IBK_CONFIG: config } })).toEqual({ from: 'command', command: 'pass show iphone' });
    const env = { IBK_CONFIG: config, IBK_PASSWORD_FILE: '~/pw' };
    expect(await sourceFrom({ env })).toEqual({ from: 'file', path: '/home/anna/pw' });
    expect(await sourceFrom({ env: { ...env, IBK_PASSWORD: 'x' } })).toMatchObject({
      from: 'variable',
      name: 'IBK_PASSWORD',
    });
    expect(await sourceFrom({ env: { ...env, IBK_PASSWORD: 'x' }, flags: { 'password-fd': '3' } })).toEqual({
      from: 'descriptor',
      fd: 3,
    });
    expect(await sourceFrom({ env: { BACKUP_PASSWORD: 'y' } })).toMatchObject({ name: 'BACKUP_PASSWORD' });
  });
  test('an empty variable is none', async () => {
    expect(await sourceFrom({ env: { IBK_PASSWORD: '', BACKUP_PASSWORD: '', IBK_PASSWORD_FILE: '' } })).toBeUndefined();
  });
  test('two options are refused', async () => {
    await expect(sourceFrom({ flags: { 'password-file': 'a', 'password-stdin': true } })).rejects.toMatchObject({
      exit: 2,
    });
    await expect(sourceFrom({ flags: { 'password-fd': '1' } })).rejects.toMatchObject({ exit: 2 });
    await expect(sourceFrom({ flags: { 'password-fd': 'x' } })).rejects.toMatchObject({ exit: 2 });
  });
  test('the variables that no child inherits', () => {
    const names = [
      'IBK_PASSWORD',
      'IBK_PASSWORD_FILE',
      'IBK_PASSWORD_COMMAND',
      'IBK_NEW_PASSWORD',
      'BACKUP_PASSWORD',
      'BACKUP_PASSWORD_NEW',
    ];
    expect(names.filter((name) => !isPasswordVariable(name))).toEqual([]);
    expect(['PATH', 'IBK_OUT', 'PASSWORD_STORE_DIR', 'IBK_PASSCODE_TIMEOUT'].filter(isPasswordVariable)).toEqual([]);
  });
});

describe('a file', () => {
  test.each([
    ['secret\n', 'secret'],
    ['secret\r\n', 'secret'],
    ['secret', 'secret'],
    ['secret\n\n', 'secret\n'],
    [' two words \n', ' two words '],
    ['\r', '\r'],
    ['pässwörd 📱\n', 'pässwörd 📱'],
    ['x'.repeat(4096), 'x'.repeat(4096)],
  ])('%j', async (content, expected) => {
    expect(await text({ from: 'file', path: writeFile('pw', content) })).toBe(expected);
  });
  test('bytes that are no UTF-8 stay as they are', async () => {
    const path = writeFile('latin', Buffer.from([0x70, 0xe4, 0x0a]));
    const secret = await fetchPassword({ from: 'file', path }, await sessionWith({}));
    expect(secret.bytes()).toEqual(Buffer.from([0x70, 0xe4]));
  });
  test.each([
    ['empty', ''],
    ['only a line ending', '\n'],
    ['longer than a password', 'x'.repeat(4097)],
    ['much longer', 'x'.repeat(100_000)],
  ])('%s: refused, and its content told to nobody', async (_, content) => {
    const path = writeFile('pw', content);
    const error: unknown = await text({ from: 'file', path }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'password', exit: 12 });
    expect(inspect(error)).not.toContain('xxxx');
  });
  test('missing, a folder, a device', async () => {
    for (const path of [join(folder, 'absent'), folder, '/dev/zero'])
      await expect(text({ from: 'file', path })).rejects.toMatchObject({ exit: 12 });
  });
  test('that others can read is warned about', async () => {
    for (const [mode, warned] of [
      [0o600, ''],
      [0o640, 'Others can read'],
      [0o604, 'Others can read'],
    ] as const) {
      const terminal = fakeTerminal();
      await text({ from: 'file', path: writeFile('pw', 'x', mode) }, { terminal });
      expect(terminal.stderr.text).toContain(warned);
      expect(terminal.stderr.text === '').toBe(warned === '');
    }
  });
  test('a named pipe is waited for, no longer than --timeout', async () => {
    const path = join(folder, 'fifo');
    execFileSync('mkfifo', [path]);
    const writer = spawn('sh', ['-c', `printf 'from a pipe\\n' > '${path}'`], { stdio: 'ignore' });
    expect(await text({ from: 'file', path })).toBe('from a pipe');
    expect(writer.exitCode ?? 0).toBe(0);
    await expect(text({ from: 'file', path }, { config: { timeoutMs: 60 } })).rejects.toMatchObject({
      code: 'timeout',
    });
  });
});

describe('a command', () => {
  test('gives what it prints', async () => {
    expect(await text({ from: 'command', command: 'printf "a b\\n" | cat' })).toBe('a b');
  });
  test('inherits no password', async () => {
    const env = { IBK_PASSWORD: 'p', IBK_PASSWORD_COMMAND: 'c', BACKUP_PASSWORD: 'b', IBK_OUT: '/o' };
    const seen = await text({ from: 'command', command: 'env | grep -E "IBK|BACKUP"' }, { env });
    expect(seen).toBe('IBK_OUT=/o');
  });
  test('that fails, hangs or never ends', async () => {
    await expect(text({ from: 'command', command: 'echo x; exit 3' })).rejects.toMatchObject({
      exit: 12,
      message: 'The password command failed (exit 3).',
    });
    await expect(
      text({ from: 'command', command: 'exec sleep 60' }, { config: { timeoutMs: 60 } }),
    ).rejects.toMatchObject({ code: 'timeout' });
    await expect(text({ from: 'command', command: 'exec yes' })).rejects.toMatchObject({ exit: 12 });
  });
});

test('standard input, and a descriptor', async () => {
  expect(await text({ from: 'stdin' }, { stdin: Readable.from([Buffer.from('a'), Buffer.from('b\n')]) })).toBe('ab');
  await expect(text({ from: 'stdin' }, { stdin: new PassThrough(), config: { timeoutMs: 60 } })).rejects.toMatchObject({
    code: 'timeout',
  });
  const fd = openSync(writeFile('pw', 'by descriptor\n'), 'r');
  expect(await text({ from: 'descriptor', fd })).toBe('by descriptor');
  await expect(text({ from: 'descriptor', fd: 9999 })).rejects.toMatchObject({ exit: 12 });
});

interface Typist extends InputStream {
  readonly modes: boolean[];
  type(keys: string | Buffer): void;
}

function typist(): Typist {
  const stream = new PassThrough();
  const modes: boolean[] = [];
  return Object.assign(stream, {
    isTTY: true,
    modes,
    setRawMode: (on: boolean) => modes.push(on),
    type: (keys: string | Buffer) => void stream.write(keys),
  });
}

const QUESTION = "Password of the backup of Anna's iPhone:";

describe('a person', () => {
  test.each([
    ['secret\r', 'secret'],
    ['secrex\x7ft\n', 'secret'],
    ['wrong\x15secret\r', 'secret'],
    ['é📱\x7f\x7fx\r', 'x'],
    ['ab\x04c\x01\r', 'abc'],
  ])('types %j', async (keys, expected) => {
    const stdin = typist();
    const terminal = fakeTerminal({ columns: 80 });
    const asked = password(await sessionWith({ terminal, stdin }))(QUESTION);
    stdin.type(keys);
    expect((await asked)?.bytes().toString()).toBe(expected);
    expect(terminal.stderr.text).toBe(`${QUESTION} \n`);
    expect(stdin.modes).toEqual([true, false]);
  });
  test('has three tries, also pasted together', async () => {
    const stdin = typist();
    const ask = password(await sessionWith({ terminal: fakeTerminal({ columns: 80 }), stdin }));
    stdin.type('one\ntwo\nthree\nfour\n');
    const given = [await ask(QUESTION), await ask(QUESTION), await ask(QUESTION)];
    expect(given.map((each) => each?.bytes().toString())).toEqual(['one', 'two', 'three']);
    expect(await ask(QUESTION)).toBeUndefined();
  });
  test('who stops it gets the terminal back as it was', async () => {
    const stdin = typist();
    const stop = new AbortController();
    const asked = password(await sessionWith({ terminal: fakeTerminal({ columns: 80 }), stdin, signal: stop.signal }))(
      QUESTION,
    );
    stop.abort(new Error('stopped'));
    await expect(asked).rejects.toThrow('stopped');
    expect(stdin.modes).toEqual([true, false]);
  });
  test('is not asked without a terminal, under --json, or --no-input', async () => {
    const cases: World[] = [
      { terminal: fakeTerminal(), stdin: typist() },
      { terminal: fakeTerminal({ columns: 80 }), stdin: new PassThrough() },
      { terminal: fakeTerminal({ columns: 80 }), stdin: typist(), config: { json: true } },
      { terminal: fakeTerminal({ columns: 80 }), stdin: typist(), config: { noInput: true } },
    ];
    for (const world of cases) expect(await password(await sessionWith(world))(QUESTION)).toBeUndefined();
  });
  test('from elsewhere it comes once for each question, fetched once', async () => {
    const ask = password(
      await sessionWith({ config: { password: { from: 'stdin' } }, stdin: Readable.from([Buffer.from('x')]) }),
    );
    const first = await ask(QUESTION);
    expect(first?.bytes().toString()).toBe('x');
    first?.wipe();
    expect(await ask(QUESTION)).toBeUndefined();
    expect((await ask('Another:'))?.bytes().toString()).toBe('x');
  });
});

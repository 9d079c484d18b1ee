/** A password by every way there is, and what the built ibk shows of it to anybody: nothing. */
import { spawn } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeBackup } from '../support/made-backup.js';
import { cleanEnvironment, IBK, type Ran, runIbk, type RunOptions, tempHome, transcript } from '../support/run-ibk.js';
import { expectValidLines } from '../support/schemas.js';
import { describeWithTools } from '../support/tools.js';

const home = tempHome();
afterAll(() => rmSync(home, { recursive: true, force: true }));

const SECRET = 'kOrrekt-hörse-battery';
const WRONG = 'wr0ng-gu3ss';
const backup = join(home, 'backup');
const passwordFile = join(home, 'pw');

beforeAll(() => {
  mkdirSync(backup);
  const content = Buffer.from('hello');
  makeBackup(backup, {
    era: 'db',
    password: SECRET,
    files: [{ domain: 'HomeDomain', relativePath: 'a.txt', content, digest: true }],
  });
  for (const [name, secret] of [
    ['pw', SECRET],
    ['wrong', WRONG],
  ] as const) {
    writeFileSync(join(home, name), `${secret}\n`);
    chmodSync(join(home, name), 0o600);
  }
});

/** Everything that a run wrote anywhere: its outputs, its log, its trace. */
async function check(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const [log, trace] = [join(home, 'log'), join(home, 'trace')];
  for (const file of [log, trace]) rmSync(file, { force: true });
  const all = ['encrypt', 'check', backup, ...args];
  const ran = await runIbk(home, [...all, '--debug', '--log-file', log, '--trace', trace], options);
  const written = [ran.stdout, ran.stderr, readFileSync(log, 'utf8'), readFileSync(trace, 'utf8')].join('\n');
  for (const secret of [SECRET, SECRET.normalize('NFD'), WRONG]) {
    expect(written).not.toContain(secret);
    expect(written).not.toContain(Buffer.from(secret).toString('base64'));
    expect(written).not.toContain(Buffer.from(secret).toString('hex'));
  }
  return ran;
}

test.each<[string, string[], RunOptions]>([
  ['a file', ['--password-file', passwordFile], {}],
  ['a command', ['--password-command', `cat '${passwordFile}'`], {}],
  ['standard input', ['--password-stdin'], { input: `${SECRET}\n` }],
  ['a variable', [], { env: { IBK_PASSWORD: SECRET } }],
  ['the variable of other tools', [], { env: { BACKUP_PASSWORD: SECRET } }],
  ['a variable that names a file', [], { env: { IBK_PASSWORD_FILE: passwordFile } }],
  ['a variable that has a command', [], { env: { IBK_PASSWORD_COMMAND: `cat '${passwordFile}'` } }],
  ['another composition of its letters', ['--json'], { env: { IBK_PASSWORD: SECRET.normalize('NFD') } }],
])('%s', async (_, args, options) => {
  const ran = await check(args, options);
  expect(ran).toMatchObject({ exit: 0 });
  expect(ran.stdout).toMatch(
    args.includes('--json') ? /"right":true/ : /^✓ The password opens this backup \(Anna's iPhone/,
  );
});

test('a descriptor', async () => {
  const line = '"$0" "$1" encrypt check "$2" --password-fd 3 3<"$3"';
  const { exitCode } = await execa('sh', ['-c', line, process.execPath, IBK, backup, passwordFile], {
    env: cleanEnvironment(home),
    extendEnv: false,
  });
  expect(exitCode).toBe(0);
});

test('a wrong one, none, and two at once', async () => {
  const wrong = await check(['--password-file', join(home, 'wrong')]);
  const none = await runIbk(home, ['encrypt', 'check', backup]);
  const both = await runIbk(home, ['encrypt', 'check', backup, '--password-file', passwordFile, '--password-stdin']);
  const absent = await runIbk(home, ['encrypt', 'check', backup, '--password-file', join(home, 'absent')]);
  expect([wrong, none, both, absent].map(({ exit }) => exit)).toEqual([12, 12, 2, 12]);
  // The stack of --debug differs from build to build.
  const told = {
    ...wrong,
    stderr: wrong.stderr
      .split('\n')
      .filter((line) => /^( {2})?\S/.test(line))
      .join('\n'),
  };
  const json = await runIbk(home, ['encrypt', 'check', backup, '--json'], { env: { IBK_PASSWORD: WRONG } });
  expect(json.exit).toBe(12);
  expectValidLines(json.stdout);
  const texts = [none, both, absent].map((ran) => transcript(['encrypt', 'check'], ran, home));
  expect(told.stderr).toContain("✗ The password does not open this backup (Anna's iPhone, 2026-11-21");
  await expect(texts.join('\n')).toMatchFileSnapshot('../../fixtures/golden/encrypt-check.txt');
});

test('neither arguments nor environment of the process or of what it starts show it', async () => {
  const seen = join(home, 'seen');
  const script = `tr '\\0' '\\n' < /proc/self/environ > '${seen}'; for p in /proc/[0-9]*; do tr '\\0' ' ' < $p/cmdline; echo; done >> '${seen}' 2>&1; cat '${passwordFile}'`;
  const ran = await runIbk(home, ['encrypt', 'check', backup, '--password-command', script], {
    env: { IBK_PASSWORD: '', BACKUP_PASSWORD: WRONG },
  });
  expect(ran.exit).toBe(0);
  const text = readFileSync(seen, 'utf8');
  expect(text).toContain('HOME=');
  expect(text).not.toContain(WRONG);
  expect(text).not.toContain(SECRET);
});

test('nothing that was decrypted outlives kill -9', async () => {
  const temporary = join(home, 'tmp');
  mkdirSync(temporary);
  // The password comes late: the process is killed while the decrypted manifest is open.
  const files = Array.from({ length: 500 }, (_, index) => ({ domain: 'HomeDomain', relativePath: `f${index}` }));
  const large = join(home, 'large');
  mkdirSync(large);
  makeBackup(large, {
    era: 'db',
    password: SECRET,
    files: files.map((file) => ({ ...file, content: Buffer.alloc(3000, 'decrypted') })),
  });
  const child = spawn(process.execPath, [IBK, 'verify', large, '--read-data', '--progress', 'json'], {
    env: { ...cleanEnvironment(home), IBK_PASSWORD: SECRET, TMPDIR: temporary },
    stdio: 'ignore',
  });
  const { pid = 0 } = child;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  // Open, and already without a name: before that it is empty.
  const holds = () =>
    readdirSync(`/proc/${pid}/fd`)
      .map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`))
      .some((link) => link.startsWith(temporary) && link.endsWith(' (deleted)'));
  while (child.exitCode === null && !holdsSafely(holds)) await new Promise((resolve) => setImmediate(resolve));
  child.kill('SIGKILL');
  await ended;
  expect(child.signalCode).toBe('SIGKILL');
  // At most what an instant leaves: a folder, or the name of a file, into which nothing has been written.
  const left = readdirSync(temporary, { recursive: true, withFileTypes: true }).filter((entry) => !entry.isDirectory());
  expect(left.map(({ parentPath, name }) => statSync(join(parentPath, name)).size).filter((size) => size > 0)).toEqual(
    [],
  );
});

function holdsSafely(look: () => boolean): boolean {
  try {
    return look();
  } catch {
    return false;
  }
}

describeWithTools('at a terminal', ['tmux'], () => {
  test('it is asked for without echo, three times at most, and the terminal is as it was', async () => {
    const socket = join(home, 'tmux');
    const tmux = (...args: string[]) =>
      execa('tmux', ['-S', socket, '-f', '/dev/null', ...args], { env: { TERM: 'xterm' }, timeout: 30_000 });
    const screen = async () => (await tmux('capture-pane', '-p', '-t', '0', '-S', '-')).stdout.trimEnd();
    const until = async (what: string | RegExp) => {
      for (;;) {
        const text = await screen();
        if (typeof what === 'string' ? text.includes(what) : what.test(text)) return text;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    };
    const exports = Object.entries({ ...cleanEnvironment(home), TERM: 'tmux-256color' }).map(
      ([name, value]) => `${name}=${value}`,
    );
    await tmux('-u', 'new-session', '-d', '-x', '80', '-y', '40', 'env', '-i', ...exports, 'sh');
    try {
      const line = `'${process.execPath}' '${IBK}' encrypt check '${backup}'; echo "exit $?"; stty -a | grep -o ' echo '`;
      await tmux('send-keys', '-l', line);
      await tmux('send-keys', 'Enter');
      await until("Password of the backup of Anna's iPhone:");
      await tmux('send-keys', '-l', WRONG);
      await tmux('send-keys', 'Enter');
      await until('It does not open this backup.');
      await tmux('send-keys', '-l', SECRET);
      await tmux('send-keys', 'Enter');
      const right = await until(/exit 0\s+echo/);
      expect(right).toContain('✓ The password opens this backup');
      await tmux('send-keys', '-l', line);
      await tmux('send-keys', 'Enter');
      await until(/Password of the backup of Anna's iPhone:\s*$/);
      await tmux('send-keys', 'C-c');
      const stopped = await until(/exit 130\s+echo/);
      expect(stopped).not.toContain(WRONG);
      expect(stopped).not.toContain(SECRET);
    } finally {
      await tmux('kill-server').catch(() => undefined);
    }
  });
});

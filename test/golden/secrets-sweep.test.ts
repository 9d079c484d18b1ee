/**
 * A password given in each way there is to each command that takes one, and a search for it over everything that came of it: the list of processes, outputs, logs and
 * traces at every level, JSON, errors, files under the root and in the temporary folder, and the environment of what was started.
 *
 * Here each way and each command is met once; IBK_SECRETS=all tries every pair (`npm run secrets`), IBK_SECRETS=file,stdin those ways.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, expect, test } from 'vitest';
import { plugIn } from '../support/phone.js';
import { cleanEnvironment, IBK, tempHome } from '../support/run-ibk.js';
import { describeWithTools } from '../support/tools.js';

const home = tempHome();
afterAll(() => rmSync(home, { recursive: true, force: true }));
const at = (name: string) => join(home, name);

const SECRET = 'kOrrekt-hörse-batt3ry';
const NEXT = 'nEu-stäple-sec0nd';
const WRONG = 'wr0ng-gu3ss-thrice';

/** As somebody might write it down: as it is, decomposed, in JSON, in base64 at each offset, in hexadecimal. */
function formsOf(secret: string): Buffer[] {
  const bytes = Buffer.from(secret);
  const base64 = [0, 1, 2].map((skip) =>
    bytes.subarray(skip, bytes.length - ((bytes.length - skip) % 3)).toString('base64'),
  );
  const texts = [
    secret,
    secret.normalize('NFD'),
    JSON.stringify(secret).slice(1, -1),
    ...base64,
    bytes.toString('hex'),
  ];
  return [...texts.map((text) => Buffer.from(text)), Buffer.from(secret, 'utf16le')];
}
/** Files whose names tell nothing. */
const NAMES: Readonly<Record<string, string>> = { [SECRET]: 'first', [NEXT]: 'second', [WRONG]: 'third' };
const FORMS = [SECRET, NEXT, WRONG].flatMap((secret) => formsOf(secret).map((form) => ({ secret, form })));

function expectNone(where: string, bytes: Buffer): void {
  for (const { secret, form } of FORMS) if (bytes.includes(form)) expect.fail(`${secret} stands in ${where}`);
}

const KEPT = at('secrets');
const WAYS = ['prompt', 'file', 'command', 'stdin', 'descriptor', 'variable', 'keychain'] as const;
type Way = (typeof WAYS)[number];

/** Containers may withhold what the keychain wants of the system (locking memory). */
function waysHere(): readonly Way[] {
  const hasKeychain = spawnSync('gnome-keyring-daemon', ['--version']).status === 0;
  return WAYS.filter((way) => way !== 'keychain' || hasKeychain);
}

interface Command {
  readonly args: readonly string[];
  /** Passwords in the order of its questions: the present one, then a new one twice. */
  readonly present?: string;
  readonly next?: string;
  readonly exit?: number;
}

const COMMANDS: readonly Command[] = [
  { args: ['encrypt', 'on'], next: SECRET },
  { args: ['backup', '--before', `env > '${at('hook')}'`], present: SECRET },
  { args: ['verify', 'latest', '--read-data'], present: SECRET },
  { args: ['extract', 'latest', '--to', at('out/files'), '--overwrite', 'always'], present: SECRET },
  { args: ['decrypt', 'latest', '--to', at('out/plain')], present: SECRET },
  { args: ['encrypt', 'check', 'latest'], present: SECRET },
  { args: ['encrypt', 'check', 'latest'], present: WRONG, exit: 12 },
  { args: ['restore', 'latest', '--yes', '--keep-settings'], present: SECRET },
  { args: ['encrypt', 'change'], present: WRONG, next: NEXT, exit: 12 },
  { args: ['encrypt', 'change'], present: SECRET, next: NEXT },
  { args: ['encrypt', 'off', '--yes'], present: NEXT },
];

/** The shell line that gives the passwords in this way; `"$@"` is ibk with its arguments. */
function lineFor(
  way: Way,
  { present, next }: Command,
): { readonly line: string; readonly env: Record<string, string> } {
  const file = (secret: string | undefined) => (secret === undefined ? undefined : join(KEPT, NAMES[secret] ?? ''));
  const [now, new_] = [file(present), file(next)];
  const both = (present_: string, next_: string) =>
    `${now === undefined ? '' : present_}${new_ === undefined ? '' : ` ${next_}`}`;
  switch (way) {
    case 'prompt': {
      const answers = join(KEPT, 'answers');
      // A wrong one is asked for three times.
      const typed = [...(present === undefined ? [] : [present]), ...(next === undefined ? [] : [next, next])];
      writeFileSync(
        answers,
        `${(present === WRONG && next === undefined ? [WRONG, WRONG, WRONG] : typed).join('\n')}\n`,
      );
      const script = new URL('../support/answer-prompts.py', import.meta.url).pathname;
      return { line: `exec python3 '${script}' '${answers}' "$@"`, env: {} };
    }
    case 'file':
      return { line: `exec "$@" ${both(`--password-file '${now}'`, `--new-password-file '${new_}'`)}`, env: {} };
    case 'command': {
      const command = (path?: string) => `"env > '${at('child')}'; cat '${path}'"`;
      const line = both(`--password-command ${command(now)}`, `--new-password-command ${command(new_)}`);
      return { line: `exec "$@" ${line}`, env: { IBK_PASSWORD: '', BACKUP_PASSWORD_NEW: '' } };
    }
    case 'stdin':
      return {
        line: `exec "$@" ${both('--password-stdin', `--new-password-file '${new_}'`)} <'${now ?? '/dev/null'}'`,
        env: {},
      };
    case 'descriptor':
      return {
        line: `exec "$@" ${both('--password-fd 3', '--new-password-fd 4')} 3<'${now ?? '/dev/null'}' 4<'${new_ ?? '/dev/null'}'`,
        env: {},
      };
    case 'variable':
      return {
        line: 'exec "$@"',
        env: {
          ...(present === undefined ? {} : { IBK_PASSWORD: present }),
          ...(next === undefined ? {} : { IBK_NEW_PASSWORD: next }),
        },
      };
    case 'keychain': {
      const unlock = 'echo -n login | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1';
      const save = `printf %s "$(cat '${now}')" | secret-tool store --label=ibk service 'ibk backup password' username "$DEVICE"`;
      const given = both('--keychain', `--new-password-file '${new_}'`);
      return {
        line: `exec dbus-run-session -- sh -c '${unlock.replaceAll("'", `'\\''`)}; ${now === undefined ? ':' : save.replaceAll("'", `'\\''`)}; exec "$@" ${given.replaceAll("'", `'\\''`)}' sh "$@"`,
        env: { XDG_RUNTIME_DIR: home },
      };
    }
  }
}

describeWithTools(
  'with every tool',
  ['python3', 'ps', 'gnome-keyring-daemon', 'dbus-run-session', 'secret-tool'],
  () => {
    test('a password is nowhere but where it was put', { timeout: 600_000 }, async () => {
      mkdirSync(KEPT, { mode: 0o700 });
      for (const folder of ['tmp', 'out', 'logs']) mkdirSync(at(folder));
      for (const secret of [SECRET, NEXT, WRONG])
        writeFileSync(join(KEPT, NAMES[secret] ?? ''), `${secret}\n`, { mode: 0o600 });
      await using phone = await plugIn(home, { files: 5, bytes: 5000, scenarios: ['paired'] });
      const [simulated] = phone.sim.phones;
      const processes = openSync(at('processes'), 'w');
      const sampler = spawn('sh', ['-c', 'while :; do ps -efww; sleep 0.1; done'], {
        stdio: ['ignore', processes, 'ignore'],
      });
      try {
        const here = waysHere();
        const wanted = process.env['IBK_SECRETS'];
        for (const [index, command] of COMMANDS.entries()) {
          const ways =
            wanted === undefined
              ? [here[index % here.length] ?? 'file']
              : here.filter((way) => wanted === 'all' || wanted.split(',').includes(way));
          for (const way of ways) {
            // Every way begins with the phone as the first one found it.
            if (command.args[1] === 'on') simulated?.setEncryption(undefined);
            else if (simulated?.encryption?.password !== (command.args[1] === 'off' ? NEXT : SECRET))
              simulated?.setEncryption({ password: command.args[1] === 'off' ? NEXT : SECRET });
            rmSync(at('out'), { recursive: true, force: true });
            mkdirSync(at('out'));
            const name = `${index}-${way}`;
            const json = way !== 'prompt' && index % 2 === 1 ? ['--json'] : [];
            const levels = ['-v', '--debug', '--log-file', at(`logs/${name}.log`), '--trace', at(`logs/${name}.trace`)];
            const { line, env } = lineFor(way, command);
            const ibk = [process.execPath, IBK, ...command.args, ...json, ...levels];
            const ran = await execa('sh', ['-c', line, 'sh', ...ibk], {
              env: {
                ...cleanEnvironment(home),
                ...{
                  TMPDIR: at('tmp'),
                  USBMUXD_SOCKET_ADDRESS: phone.sim.listen,
                  DEVICE: simulated?.udid.toUpperCase(),
                },
                ...env,
              },
              extendEnv: false,
              reject: false,
              all: true,
            });
            expect(ran.exitCode, `${name}: ${ran.all}`).toBe(command.exit ?? 0);
            expectNone(`what ${name} printed`, Buffer.from(ran.all));
          }
        }
      } finally {
        sampler.kill();
      }
      expect(readFileSync(at('processes'), 'utf8')).toContain('encrypt change');
      const folders = new Set<string>();
      for (const entry of readdirSync(home, { recursive: true, withFileTypes: true })) {
        const path = join(entry.parentPath, entry.name);
        expectNone('the name of a file', Buffer.from(path.startsWith(KEPT) ? '' : path));
        if (!entry.isFile() || path.startsWith(KEPT)) continue;
        expectNone(path, readFileSync(path));
        folders.add(path.slice(home.length + 1).split('/')[0] ?? '');
      }
      expect([...folders].sort()).toEqual(
        ['.local', 'child', 'hook', 'logs', 'processes'].filter((name) => folders.has(name)),
      );
      for (const name of ['.local', 'hook', 'logs', 'processes']) expect(folders).toContain(name);
      for (const child of ['child', 'hook']) {
        if (!folders.has(child)) continue;
        const variables = readFileSync(at(child), 'utf8');
        expect(variables).toContain('HOME=');
        expect(variables).not.toMatch(/^(IBK_(NEW_)?PASSWORD|BACKUP_PASSWORD)/m);
      }
      expect(phone.sim.violations).toEqual([]);
    });
  },
);

/** Passwords in the keychain of the system: the real one of GNOME in a session of its own, and what is said where there is none. */
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, expect, test } from 'vitest';
import { plugIn } from '../support/phone.js';
import { cleanEnvironment, IBK, tempHome } from '../support/run-ibk.js';
import { describeWithTools } from '../support/tools.js';

const home = tempHome();
afterAll(() => rmSync(home, { recursive: true, force: true }));

const FIRST = 'k3ychain-first';
const SECOND = 'k3ychain-second';
const file = (name: string, content: string) => {
  const path = join(home, name);
  writeFileSync(path, `${content}\n`, { mode: 0o600 });
  return path;
};
const small = { files: 3, bytes: 3000, scenarios: ['paired'] };

describeWithTools('with a secret service', ['gnome-keyring-daemon', 'dbus-run-session'], () => {
  // Containers may withhold what it wants of the system (locking memory).
  const runs = spawnSync('gnome-keyring-daemon', ['--version']).status === 0;
  test.skipIf(!runs)(
    `a password is saved once it is right, and found again by the device${runs ? '' : ' (skipped: gnome-keyring-daemon does not start here)'}`,
    async () => {
      await using phone = await plugIn(home, small);
      const [first, second] = [file('first', FIRST), file('second', SECOND)];
      const lines: readonly (readonly [line: string, exit: number])[] = [
        [`encrypt on --new-password-file '${first}' --save-password`, 0],
        ['backup -q', 0],
        ['verify latest --read-data --keychain', 0],
        [`extract latest --keychain --to '${home}/files' -q`, 0],
        [`encrypt change --keychain --new-password-file '${second}' --save-password --json`, 0],
        // The backup was made with the first one.
        ['encrypt check latest --keychain', 12],
        ['encrypt check latest --keychain --password-stdin', 2],
        [`encrypt check latest --password-file '${second}' --save-password`, 12],
        [`encrypt check latest --password-file '${first}' --save-password --debug --trace '${home}/trace'`, 0],
        ['decrypt latest --keychain --to plain -q', 0],
        ['restore latest --keychain --yes --json', 0],
        // Of no other device.
        ['encrypt off --yes --keychain -u Sim', 0],
      ];
      const script = lines.map(([line], index) => `ibk ${line} >>'${home}/out' 2>&1; echo "${index} $?"`).join('\n');
      const session = `echo -n login | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1\nibk() { '${process.execPath}' '${IBK}' "$@"; }\n${script}`;
      const env = { ...cleanEnvironment(home), USBMUXD_SOCKET_ADDRESS: phone.sim.listen, XDG_RUNTIME_DIR: home };
      const ran = await execa('dbus-run-session', ['--', 'sh', '-c', session], { env, extendEnv: false, cwd: home });
      const out = readFileSync(join(home, 'out'), 'utf8');
      expect(ran.stdout.split('\n'), out).toEqual(lines.map(([, exit], index) => `${index} ${exit}`));
      const shown = [out, readFileSync(join(home, 'trace'), 'utf8'), ran.stdout, ran.stderr].join('\n');
      for (const secret of [FIRST, SECOND])
        for (const form of ['utf8', 'base64', 'hex'] as const)
          expect(shown).not.toContain(Buffer.from(secret).toString(form));
      expect(phone.sim.phones[0]?.encryption).toBeUndefined();
    },
  );
});

test('without one, nothing begins, and it is said why', async () => {
  await using phone = await plugIn(home, small);
  const none = { DBUS_SESSION_BUS_ADDRESS: `unix:path=${home}/no-bus` };
  const saving = ['encrypt', 'on', '--new-password-file', file('new', FIRST), '--save-password'];
  const refused = await phone.ibk(saving, { env: none });
  expect(refused.exit).toBe(12);
  expect(refused.stderr).toMatch(
    /^✗ The keychain of this computer cannot be reached\.\n {2}It says: [^\n]+\n→ On Linux a secret service/,
  );
  expect(phone.sim.phones[0]?.stats.connections).toBe(0);
  expect((await phone.ibk(['encrypt', 'off', '--yes', '--keychain'], { env: none })).exit).toBe(2);
});

test('without the package, that is said; without --keychain it is not missed', async () => {
  await using phone = await plugIn(home, small);
  const fails =
    'export async function resolve(name, at, next) { if (name.startsWith("@napi-rs")) throw new Error("absent"); return next(name, at); }';
  const hooks = `import { register } from 'node:module'; register(${JSON.stringify(`data:text/javascript,${encodeURIComponent(fails)}`)});`;
  const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(hooks)}` };
  const saving = ['encrypt', 'on', '--new-password-file', file('new', FIRST)];
  const refused = await phone.ibk([...saving, '--save-password', '--json'], { env });
  expect(refused.exit).toBe(12);
  expect(JSON.parse(refused.stdout)).toMatchObject({ type: 'error', reason: 'no_keychain' });
  expect(refused.stdout).toContain('npm install @napi-rs/keyring');
  expect((await phone.ibk(saving, { env })).exit).toBe(0);
});

/** Files out of a backup as a user takes them: with the built ibk, from backups of simulated phones, plain and encrypted. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, expect, test } from 'vitest';
import { controlSimulator } from '../../src/sim/index.js';
import { type Phone, plugIn } from '../support/phone.js';
import { cleanEnvironment, IBK, tempHome, transcript } from '../support/run-ibk.js';
import { expectValidLines } from '../support/schemas.js';
import { hasTool } from '../support/tools.js';

const home = tempHome();
afterAll(() => rmSync(home, { recursive: true, force: true }));
const golden = (name: string) => `../../fixtures/golden/${name}.txt`;
const PASSWORD = 'correct horse';

/** A root with one backup, and a folder to extract into, in which every run starts. */
async function backedUp(phone: Phone, name: string) {
  const root = join(home, name, 'root');
  const here = join(home, name, 'here');
  mkdirSync(here, { recursive: true });
  const texts: string[] = [];
  const env = { IBK_OUT: root, IBK_PASSWORD: PASSWORD };
  const ibk = (...args: string[]) => phone.ibk(args, { env, cwd: here });
  expect((await ibk('backup', '-q')).exit).toBe(0);
  return {
    root,
    here,
    ibk,
    folder: join(root, phone.sim.phones[0]?.udid ?? ''),
    say: async (...args: string[]) => {
      const ran = await ibk(...args);
      texts.push(transcript(args, ran, here));
      return ran;
    },
    text: () =>
      texts
        .join('\n')
        .replaceAll(root, '~root')
        .replace(/\d{4}-\d\d-\d\d(?!\d)/g, 'YYYY-MM-DD'),
  };
}

const sha256 = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');

type Tree = Readonly<Record<string, { readonly sha256: string; readonly mode: number; readonly mtime: number }>>;

function compare(top: string, tree: Tree): void {
  for (const [key, { sha256: wanted, mode, mtime }] of Object.entries(tree)) {
    const path = join(top, key);
    expect(sha256(path), key).toBe(wanted);
    const stat = statSync(path);
    expect(Math.floor(stat.mtimeMs / 1000), key).toBe(Math.floor(mtime));
    expect(stat.mode & 0o7777, key).toBe((mode & 0o755) | 0o600);
  }
}

test.each([
  ['17', false],
  ['17', true],
  ['12', true],
] as const)(
  'iOS %s, encrypted %j: every file as on the phone, in a folder and in an archive',
  async (ios, encrypted) => {
    const encryption = encrypted ? { encryption: { password: PASSWORD } } : {};
    await using phone = await plugIn(home, { scenarios: ['paired'], ios: [ios], files: 60, ...encryption });
    const { ibk, here } = await backedUp(phone, `whole-${ios}-${encrypted}`);
    const tree: Tree = JSON.parse(await controlSimulator(phone.sim.listen, 'tree', {}));
    const ran = await ibk('extract', '--to', 'whole', '--names', 'raw');
    expect(ran, ran.stderr).toMatchObject({ exit: 0, stdout: '' });
    compare(join(here, 'whole'), tree);
    expect((await ibk('extract', '--to', 'all.tar', '--names', 'raw')).exit).toBe(0);
    mkdirSync(join(here, 'unpacked'));
    await execa('tar', ['-xf', 'all.tar', '-C', 'unpacked'], { cwd: here });
    compare(join(here, 'unpacked'), tree);
  },
);

test('the screens', async () => {
  await using phone = await plugIn(home, { scenarios: ['paired'], files: 60 });
  const { here, say, text, folder } = await backedUp(phone, 'screens');
  await say('extract', 'latest', '--domain', 'HomeDomain', '--to', 'home');
  await say('extract', '--type', 'photos', '--dry-run');
  await say('extract', '--app', 'com.example.notes', '--names', 'portable');
  expect((await say('extract', '--to', 'home')).exit).toBe(2);
  expect((await say('extract', '--domain', 'HomeDomain', '--to', 'home', '--skip-existing')).exit).toBe(0);
  await say('extract', 'HomeDomain/Library/SMS/sms.db', '--to', 'home/');
  expect(existsSync(join(here, 'home/sms.db'))).toBe(true);
  expect((await say('extract', 'HomeDomain', '--stdout')).exit).toBe(2);
  expect((await say('extract', '--domain', 'Homedomain', '--to', 'x')).exit).toBe(10);
  expect((await say('extract', '--type', 'health', '--to', 'x')).exit).toBe(10);
  expect((await say('extract', '--to', '/dev/full', '--path', 'sms.db')).exit).toBe(14);
  expect((await say('extract', '--to', join(folder, 'x'))).exit).toBe(2);
  expect((await say('unback')).exit).toBe(0);
  expect(readdirSync(here, { recursive: true }).some((name) => String(name).endsWith('.part'))).toBe(false);
  await expect(text()).toMatchFileSnapshot(golden('extract'));
});

test('what is missing from the backup is listed; as JSON lines, too', async () => {
  await using phone = await plugIn(home, { scenarios: ['paired'], files: 60 });
  const { ibk, say, text, folder, here } = await backedUp(phone, 'damaged');
  rmSync(join(folder, '3d/3d0d7e5fb2ce288813306e4d4636395e047a3d28'));
  expect((await say('-q', 'extract', '--domain', 'HomeDomain', '--to', 'home')).exit).toBe(3);
  expect((await say('extract', '--path', 'sms.db', '--to', '-')).exit).toBe(13);
  const lines = expectValidLines((await ibk('extract', '--to', 'json', '--json')).stdout);
  const kinds = lines.map(({ type }) => type).filter((type) => type !== 'progress');
  expect(kinds).toEqual(['start', 'phase', 'renamed', 'file_error', 'summary']);
  const lost = { domain: 'HomeDomain', path: 'Library/SMS/sms.db', reason: 'lost' };
  expect(lines.find(({ type }) => type === 'file_error')).toMatchObject(lost);
  expect(lines.at(-1)).toMatchObject({ code: 'partial', exit: 3, files_skipped: 1, path: join(here, 'json') });
  expectValidLines((await ibk('extract', '--dry-run', '--json')).stdout);
  await expect(text()).toMatchFileSnapshot(golden('extract-damaged'));
});

test('through a pipe: an archive, one file, and a reader who has seen enough', async () => {
  const encryption = { password: PASSWORD };
  await using phone = await plugIn(home, { scenarios: ['paired'], files: 60, bytes: 3_000_000, encryption });
  const { root, here } = await backedUp(phone, 'pipes');
  const secret = join(home, 'password');
  writeFileSync(secret, PASSWORD, { mode: 0o600 });
  const ibk = `${process.execPath} ${IBK} --password-file ${secret}`;
  const sh = (line: string) =>
    execa('bash', ['-o', 'pipefail', '-c', line.replaceAll('ibk', ibk)], {
      env: { ...cleanEnvironment(home), IBK_OUT: root },
      extendEnv: false,
      cwd: here,
      reject: false,
    });
  const listed = await sh('ibk extract --archive tar --to - | tar t');
  expect(listed.exitCode, listed.stderr).toBe(0);
  expect(listed.stdout.split('\n')).toContain('HomeDomain/Library/SMS/sms.db');
  if (hasTool('sqlite3')) {
    const tables = await sh('ibk extract --path Library/SMS/sms.db --to - > sms.db; sqlite3 sms.db .tables');
    expect(tables).toMatchObject({ stderr: '', stdout: expect.stringContaining('message') });
  }
  const cut = await sh('ibk extract --archive tar.gz --to - | head -c 1000 | wc -c');
  expect(cut).toMatchObject({ stdout: '1000', exitCode: 0 });
});

/** The files of a backup as a user meets them: listed, summed, found, with the built ibk on backups of simulated phones. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, expect, test } from 'vitest';
import { inParallel } from '../../src/io/in-parallel.js';
import { type Phone, plugIn } from '../support/phone.js';
import { cleanEnvironment, IBK, type RunOptions, runIbk, tempHome, transcript } from '../support/run-ibk.js';
import { expectValidLines } from '../support/schemas.js';

const home = tempHome();
afterAll(() => rmSync(home, { recursive: true, force: true }));
const golden = (name: string) => `../../fixtures/golden/${name}.txt`;

function session(name: string, env: Readonly<Record<string, string>> = {}) {
  const root = join(home, name);
  const texts: string[] = [];
  const ibk = (args: readonly string[], options: RunOptions = {}) =>
    runIbk(home, [...args, '-o', root], { ...options, env: { ...env, ...options.env } });
  return {
    root,
    ibk,
    /** A few side by side: they only read. */
    say: async (...lines: readonly (readonly string[])[]) => {
      texts.push(...(await inParallel(lines, async (args) => transcript(args, await ibk(args), root))));
    },
    lines: async (...args: string[]) => expectValidLines((await ibk([...args, '--json'])).stdout),
    text: () => texts.join('\n').replace(/since \d{4}-\d\d-\d\d/g, 'since YYYY-MM-DD'),
  };
}

async function backUp(phone: Phone, root: string): Promise<void> {
  expect(await phone.ibk(['backup', '-q', '-o', root])).toMatchObject({ exit: 0 });
}

/** What the phone holds, as `list --json` should have it. */
async function expectContent(phone: Phone, listed: readonly Record<string, unknown>[], encrypted: boolean) {
  const tree = await phone.sim.phones[0]?.content.tree(encrypted);
  const files = listed.filter(({ type, kind }) => type === 'file' && kind === 'file');
  const found = files.map(({ domain, path, bytes, mode, mtime, sha256 }) => [
    `${domain}/${path}`,
    { size: bytes, mode, mtime: Date.parse(String(mtime)) / 1000, sha256 },
  ]);
  const expected = Object.entries(tree ?? {}).map(([path, { size, mode, mtime, sha256 }]) => [
    path,
    { size, mode: mode & 0o7777, mtime, sha256: encrypted ? null : sha256 },
  ]);
  expect(Object.fromEntries(found)).toEqual(Object.fromEntries(expected));
  expect(files.length).toBe(expected.length);
}

test('a plain backup: paths, long, sums, patterns, apps, types, nothing', { timeout: 240_000 }, async () => {
  await using phone = await plugIn(home, { scenarios: ['paired'], files: 80 });
  const { root, ibk, say, lines, text } = session('plain');
  await backUp(phone, root);
  await say(
    ['list', 'latest'],
    ['ls', 'latest', 'HomeDomain/Library/SMS/*', '--long'],
    ['list', 'latest', 'AppDomain-com.example.notes', '-l', '--sort', 'size'],
    ['list', '--domains'],
    ['list', '--apps'],
    ['list', 'latest:app:chatter', '--match', '*.bin', '--dirs'],
    ['list', 'type:messages', '--domain', 'Keychain*'],
    ['list', 'latest', '--path', 'notes.TXT', '-i'],
    ['list', 'HomeDomian/Library'],
    ['list', 'latest', 'app:com.example.caht'],
    ['list', 'type:health'],
    ['list', 'type:voicemail'],
    ['list', 'type:photo'],
    ['list', 'latest', '--regex', '(a+)+$', '--sort', 'date', '--domain', 'Keychain*'],
    ['find', 'IMG_000?.*', '--size', '+3k'],
    ['find', 'sms'],
    ['find', '--regex', 'Gr.*txt$', '--newer', '2020-01-01', '--older', '1d'],
    ['find', 'sms.db', '--all'],
    ['find'],
    ['info', 'latest'],
    ['info', 'latest:HomeDomain'],
    ['list', '--max-age', '1d'],
    ['list', 'latest', '--max-age', '1d'],
  );
  await expect(text()).toMatchFileSnapshot(golden('files'));

  expect((await ibk(['list', '--max-age', '1s', '-q'])).exit).toBe(4);
  const all = await lines('list', 'latest');
  await expectContent(phone, all, false);
  expect(all.at(-1)).toMatchObject({ type: 'summary', command: 'list', files: all.length - 1 });
  const largest = (await lines('list', 'latest', '--sort', 'size'))
    .slice(0, -1)
    .map(({ bytes }) => Number(bytes ?? -1));
  expect(largest).toEqual([...largest].sort((a, b) => b - a));
  expect((await ibk(['list', 'latest', '--sort', 'name', '--reverse'])).stdout.split('\n').slice(0, -1)).toEqual(
    (await ibk(['list', 'latest', '--sort', 'name'])).stdout.split('\n').slice(0, -1).reverse(),
  );
  expect(await ibk(['list', 'latest', '--json', 'HomeDomian'])).toMatchObject({ exit: 10 });
});

test('an encrypted backup asks for its password, and a wrong one is named', { timeout: 240_000 }, async () => {
  await using phone = await plugIn(home, {
    scenarios: ['paired'],
    files: 80,
    encryption: { password: 'correct horse' },
  });
  const env = { IBK_PASSWORD: 'correct horse' };
  const { root, ibk, say, lines, text } = session('encrypted', env);
  await backUp(phone, root);
  await say(['info', 'latest']);
  const closed = await ibk(['info', 'latest', '--json'], { env: { IBK_PASSWORD: '' } });
  expect(expectValidLines(closed.stdout)).toMatchObject([
    { type: 'info', encrypted: true, domains: null, left_out: [] },
  ]);
  const [gone = ''] = (await lines('list', 'latest', 'type:keychain')).map(({ file_id }) => String(file_id));
  rmSync(join(root, phone.sim.phones[0]?.udid ?? '', gone.slice(0, 2), gone));
  await say(['info', 'latest', '--missing']);
  await expect(text()).toMatchFileSnapshot(golden('info-encrypted'));
  await expectContent(phone, await lines('list', 'latest'), true);
  expect((await ibk(['list', 'type:health'])).stdout).toBe('HealthDomain/Health/healthdb.sqlite\n');
  expect((await ibk(['find', 'datastore3.sqlite'])).stdout).toContain('HomeKitDomain/Library/homed/datastore3.sqlite');
  expect(await ibk(['list', 'latest'], { env: { IBK_PASSWORD: 'wrong' } })).toMatchObject({ exit: 12, stdout: '' });
  expect(await ibk(['find', 'x', '--all'], { env: { IBK_PASSWORD: '' } })).toMatchObject({ exit: 12, stdout: '' });
});

test('a reader that goes away ends it quietly', { timeout: 240_000 }, async () => {
  await using phone = await plugIn(home, { scenarios: ['paired'], files: 1000, bytes: 10_000 });
  const { root } = session('head');
  await backUp(phone, root);
  for (const args of ['list latest --long', 'list latest --json', "find '**'"]) {
    const line = `"${process.execPath}" "${IBK}" ${args} -o "${root}" | head -n 1 | wc -l; echo "\${PIPESTATUS[0]}"`;
    const ran = await execa('bash', ['-c', line], { env: cleanEnvironment(home), extendEnv: false, reject: false });
    expect(ran).toMatchObject({ stdout: '1\n0', stderr: '' });
  }
});

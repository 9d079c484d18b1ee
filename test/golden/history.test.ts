/** Versions compared and searched as a user meets them, with the built ibk on backups of simulated phones. */
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { controlSimulator } from '../../src/sim/index.js';
import { plugIn } from '../support/phone.js';
import { runIbk, tempHome, transcript } from '../support/run-ibk.js';
import { expectValidLines } from '../support/schemas.js';

const home = tempHome();
afterAll(() => rmSync(home, { recursive: true, force: true }));
const golden = (name: string) => `../../fixtures/golden/${name}.txt`;

interface Mutation {
  readonly added: readonly string[];
  readonly changed: readonly string[];
  readonly removed: readonly string[];
  readonly renamed: readonly (readonly [string, string])[];
}

/** A phone leaves them out of a plain backup. */
const ENCRYPTED_ONLY = /^(?:Health|HomeKit)Domain\//;

test.each([
  ['encrypted', { encryption: { password: 'correct horse' } }],
  ['iOS 9', { ios: ['9'] as const }],
])('diff and find --all-versions tell exactly what the phone did: %s', { timeout: 240_000 }, async (kind, options) => {
  const root = join(home, kind.replace(' ', '-'));
  await using phone = await plugIn(home, { scenarios: ['paired'], files: 60, ...options });
  const env = { IBK_PASSWORD: 'correct horse' };
  const ibk = (...args: string[]) => phone.ibk([...args, '-o', root], { env });
  const json = async (...args: string[]) => expectValidLines((await ibk(...args, '--json')).stdout);
  const isEncrypted = kind === 'encrypted';
  const mutations: Mutation[] = [];
  expect(await ibk('backup', '-q')).toMatchObject({ exit: 0 });
  for (const change of [
    { Add: 5, Change: 6, Remove: 3, Rename: 2 },
    { Add: 1, Change: 4, Remove: 1, Rename: 0 },
  ]) {
    const told: Mutation = JSON.parse(String(await controlSimulator(phone.sim.listen, 'mutate', change)));
    mutations.push({ ...told, changed: told.changed.filter((path) => isEncrypted || !ENCRYPTED_ONLY.test(path)) });
    expect(await ibk('backup', '-q')).toMatchObject({ exit: 0 });
  }
  const [first, second] = mutations as [Mutation, Mutation];

  const [found] = await json('diff', 'latest~2', 'latest~1');
  const files = found?.['files'] as { change: string; domain: string; path: string }[];
  const changes = (change: string) =>
    files.filter((file) => file.change === change).map(({ domain, path }) => `${domain}/${path}`);
  expect(changes('added').sort()).toEqual([...first.added, ...first.renamed.map(([, to]) => to)].sort());
  expect(changes('changed').sort()).toEqual([...first.changed].sort());
  expect(changes('removed').sort()).toEqual([...first.removed, ...first.renamed.map(([from]) => from)].sort());
  expect(found).toMatchObject({ files_added: 7, files_removed: 5 });

  // A folder elsewhere is compared by what its manifest says.
  const udid = phone.sim.phones[0]?.udid ?? '';
  const folder = join(home, `${kind}-folder`);
  cpSync(join(root, udid), folder, { recursive: true });
  expect((await json('diff', 'latest', folder, '--stat'))[0]).toMatchObject({
    ...{ files_added: 0, files_changed: 0, files_removed: 0, bytes_delta: 0, to: null, files: null, domains: [] },
  });

  const runs = (await json('find', '**', '--all-versions')).filter(({ type }) => type === 'match');
  const list = (await json('list'))[0] as { devices: { versions: { version: string }[] }[] };
  const [third, middle, oldest] = (list.devices[0]?.versions ?? []).map(({ version }) => version);
  const states = (path: string) =>
    runs
      .filter((run) => `${String(run['domain'])}/${String(run['path'])}` === path)
      .map((run) => [run['first_version'], run['last_version']]);
  for (const path of first.removed) expect(states(path)).toEqual([[oldest, oldest]]);
  for (const path of second.added) expect(states(path)).toEqual([[third, third]]);
  for (const path of first.changed.filter((each) => !second.changed.includes(each) && !second.removed.includes(each)))
    expect(states(path)).toEqual([
      [oldest, oldest],
      [middle, third],
    ]);
});

test('diff and find --all-versions, word for word', { timeout: 240_000 }, async () => {
  const root = join(home, 'words');
  await using phone = await plugIn(home, { scenarios: ['paired'], files: 30 });
  const texts: string[] = [];
  const say = async (...args: string[]) => {
    texts.push(transcript(args, await runIbk(home, [...args, '-o', root]), root));
  };
  for (const change of [{ Add: 4, Change: 3, Remove: 2, Rename: 1 }, undefined]) {
    expect(await phone.ibk(['backup', '-q', '-o', root])).toMatchObject({ exit: 0 });
    if (change !== undefined) await controlSimulator(phone.sim.listen, 'mutate', change);
  }
  await say('diff', 'latest~1', 'latest', '--stat');
  await say('diff');
  await say('diff', 'latest~1', 'latest', 'type:photos', '--path', '*.JPG');
  await say('diff', 'latest', 'latest');
  await say('diff', 'latest~7');
  await say('diff', 'latest', './nowhere');
  await say('diff', 'latest~1', 'latest', 'app:com.example.chatt');
  await say('find', '*.JPG', '--all-versions');
  await say('find', 'nothing-is-called-so', '--all-versions');
  await say('find', '*', '--all', '--all-versions');
  const ids = /(?<=^|→ | to )[g-hj-km-np-tv-z][0-9a-hj-km-np-tv-z]{7}(?= \(| {2})/gm;
  await expect(texts.join('\n').replace(ids, 'v0123456')).toMatchFileSnapshot(golden('history'));
});

/** `ibk restore` killed in the middle, and `--backup-first`: with the built ibk, as a process. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, expect, test } from 'vitest';
import { startSimulator } from '../../src/sim/index.js';
import { readTree } from '../support/read-tree.js';
import { tryBackup } from '../support/ibk-backup.js';
import { restartOf, tryRestore } from '../support/ibk-restore.js';
import { plugIn } from '../support/phone.js';
import { cleanEnvironment, IBK } from '../support/run-ibk.js';
import { expectValidLines } from '../support/schemas.js';
import { treeHash } from '../support/tree-hash.js';

const home = mkdtempSync(join(tmpdir(), 'ibk-killed-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));

test('killed when the phone had nearly everything: phone and backup are as they were, and the next restore succeeds', async () => {
  const root = join(home, 'killed');
  const content = { files: 30, bytes: 300_000 };
  let held: Record<string, unknown> = {};
  let folder = '';
  {
    await using sim = await startSimulator({ ...content, scenarios: ['paired'] });
    await tryBackup({ listen: sim.listen, root });
    folder = join(root, sim.phones[0]?.udid ?? '');
    held = (await sim.phones[0]?.content.tree(false)) ?? {};
  }
  const before = treeHash(folder);
  {
    // Before its last answer it says nothing for a while.
    await using sim = await startSimulator({ files: 5, bytes: 5000, scenarios: ['paired', 'silent=finish:120'] });
    const own = await sim.phones[0]?.content.tree(false);
    const child = execa(process.execPath, [IBK, 'restore', '-o', root, '--remove', '--yes', '--json'], {
      env: { ...cleanEnvironment(home), USBMUXD_SOCKET_ADDRESS: sim.listen },
      extendEnv: false,
      reject: false,
    });
    for await (const line of child.iterable()) {
      const { type, files_done: files } = JSON.parse(line) as { type: string; files_done?: number };
      if (type === 'progress' && (files ?? 0) >= content.files) child.kill('SIGKILL');
    }
    expect((await child).signal).toBe('SIGKILL');
    expect(await sim.phones[0]?.content.tree(false)).toEqual(own);
    expect(treeHash(folder)).toBe(before);
  }
  await using sim = await startSimulator({ files: 5, bytes: 5000, scenarios: ['paired'] });
  const back = restartOf(sim);
  expect((await tryRestore({ listen: sim.listen, root, settings: { remove: true } })).error).toBeUndefined();
  await back;
  expect(await sim.phones[0]?.content.tree(false)).toEqual(held);
  expect(treeHash(folder)).toBe(before);
});

test('--backup-first keeps what the restore replaces, and restores the version that was chosen before', async () => {
  const root = join(home, 'first');
  await using phone = await plugIn(home, { scenarios: ['paired'] });
  const [only] = phone.sim.phones;
  await tryBackup({ listen: phone.sim.listen, root });
  const held = await only?.content.tree(false);
  await only?.content.mutate({ add: 2, change: 4, remove: 2, rename: 1 });
  const changed = await only?.content.tree(false);
  const back = restartOf(phone.sim);
  const { stdout, exit } = await phone.ibk(['restore', '--backup-first', '--remove', '--yes', '--json', '-o', root]);
  expect(exit).toBe(0);
  const told = expectValidLines(stdout).filter(({ type }) => type === 'plan' || type === 'start' || type === 'summary');
  expect(told.map(({ type, command = '' }) => `${type} ${command}`.trim())).toEqual([
    ...['plan', 'start backup', 'summary', 'start restore', 'summary'],
  ]);
  await back;
  expect(await only?.content.tree(false)).toEqual(held);
  expect(await readTree(join(root, only?.udid ?? ''))).toEqual(changed);
});

test('--backup-first: a backup that fails is the end of it', async () => {
  const root = join(home, 'failing');
  {
    await using sim = await startSimulator({ files: 5, bytes: 5000, scenarios: ['paired'] });
    await tryBackup({ listen: sim.listen, root });
  }
  await using phone = await plugIn(home, { scenarios: ['paired', 'final=208'] });
  const held = await phone.sim.phones[0]?.content.tree(false);
  const { stderr, exit } = await phone.ibk(['restore', '--backup-first', '--yes', '-q', '-o', root]);
  expect([exit, stderr]).toEqual([23, expect.stringContaining('Nothing was restored.')]);
  expect(phone.sim.phones[0]?.backupStats.requests).toEqual({ Backup: 1 });
  expect(await phone.sim.phones[0]?.content.tree(false)).toEqual(held);
});

test.each([
  ['no-response', 25, /ended the restore without an answer/, /had everything, and did not say that it accepts it/],
  ['cut=finish', 24, /The cable came out during the restore/, /had everything, and did not say that it accepts it/],
  ['final=100:finish', 25, /stopped the restore .* with error 100/, /it is as it was, and drops what it had received/],
])('%s: what is known of the phone, and no more', async (scenario, exit, message, meaning) => {
  const root = join(home, scenario.replaceAll(/\W/g, '-'));
  const content = { files: 5, bytes: 5000 };
  {
    await using sim = await startSimulator({ ...content, scenarios: ['paired'] });
    await tryBackup({ listen: sim.listen, root });
  }
  const before = treeHash(root);
  await using sim = await startSimulator({ ...content, scenarios: ['paired', scenario] });
  const { error } = await tryRestore({ listen: sim.listen, root });
  expect([error?.exit, error?.message, error?.meaning]).toEqual([
    ...[exit, expect.stringMatching(message), expect.stringMatching(meaning)],
  ]);
  expect(error?.meaning).toContain('The backup is untouched.');
  expect(treeHash(root)).toBe(before);
});

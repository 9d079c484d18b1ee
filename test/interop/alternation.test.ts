/** idevicebackup2 and ibk take turns on one phone and one folder: encryption on by one, backup by the other, a password change, a backup, a restore by the first; then the other way round (IBK_TEST_ALL=1). */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { IosId } from '../../src/sim/index.js';
import { type DebianBench, restarted, type Run, withPhone } from '../support/debian-phone.js';
import { runIbk } from '../support/run-ibk.js';
import { IS_WHOLE } from '../support/phone-kinds.js';
import { describeWithTools } from '../support/tools.js';

/** One turn of either program. */
interface Player {
  encrypt(password: string): Promise<Run>;
  change(from: string, to: string): Promise<Run>;
  backup(): Promise<Run>;
  restore(password: string): Promise<Run>;
}

function debian({ run, root }: DebianBench): Player {
  const tool = (...args: string[]) => run('idevicebackup2', ...args, root);
  const all = ['--system', '--settings', '--remove', '--skip-apps'];
  return {
    encrypt: (password) => tool('encryption', 'on', password),
    change: (from, to) => tool('changepw', from, to),
    backup: () => tool('backup'),
    restore: (password) => tool('restore', ...all, '--password', password),
  };
}

function own(bench: DebianBench): Player {
  return {
    encrypt: (password) => ibk(bench, ['encrypt', 'on', '-q'], { IBK_NEW_PASSWORD: password }),
    change: (from, to) => ibk(bench, ['encrypt', 'change', '-q'], { IBK_PASSWORD: from, IBK_NEW_PASSWORD: to }),
    backup: () => ibk(bench, ['backup', '-q']),
    restore: (password) => ibk(bench, ['restore', '-q', '--yes', '--remove'], { IBK_PASSWORD: password }),
  };
}

async function ibk({ root, sim }: DebianBench, args: readonly string[], secrets: Record<string, string> = {}) {
  const env = { ...secrets, USBMUXD_SOCKET_ADDRESS: sim.listen };
  const { stdout, stderr, exit } = await runIbk(root, [...args, '-o', root], { env });
  return { text: stdout + stderr, exit };
}

/** `ibk extract` reads the folder as it now is: every file that the phone held, and no other. */
async function expectExtract(
  bench: DebianBench,
  password: string,
  to: string,
  held: Record<string, { sha256: string }>,
) {
  const folder = join(bench.root, to);
  const ran = await ibk(bench, ['extract', '-q', '--to', folder, '--names', 'raw'], { IBK_PASSWORD: password });
  expect([ran.exit, ran.text]).toEqual([0, '']);
  const found: Record<string, string> = {};
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    found[path.slice(folder.length + 1)] = createHash('sha256').update(readFileSync(path)).digest('hex');
  }
  expect(found).toEqual(Object.fromEntries(Object.entries(held).map(([path, { sha256 }]) => [path, sha256])));
}

async function play(bench: DebianBench, first: Player, second: Player): Promise<void> {
  const { phone, sim } = bench;
  const well = async (turn: Promise<Run>) => {
    const { exit, text } = await turn;
    expect([exit, exit === 0 ? '' : text]).toEqual([0, '']);
  };
  await well(first.encrypt('one'));
  await well(second.backup());
  await expectExtract(bench, 'one', 'extracted-1', await phone.content.tree(true));
  await well(first.change('one', 'two'));
  await phone.content.mutate({ add: 3, change: 3, remove: 2, rename: 1 });
  await well(first.backup());
  const held = await phone.content.tree(true);
  await expectExtract(bench, 'two', 'extracted-2', held);
  await phone.content.mutate({ add: 2, change: 3, remove: 2, rename: 0 });
  await well(second.backup());
  await expectExtract(bench, 'two', 'extracted-3', await phone.content.tree(true));
  const newest = await phone.content.tree(true);
  await phone.content.mutate({ add: 0, change: 4, remove: 3, rename: 0 });
  const back = restarted({ phone });
  await well(first.restore('two'));
  await back;
  expect(await phone.content.tree(true)).toEqual(newest);
  expect(phone.encryption?.password).toBe('two');
  expect(sim.violations).toEqual([]);
}

describeWithTools('idevicebackup2 and ibk on one phone', ['idevicebackup2', 'idevicepair'], () => {
  const turns = [
    ['26', 'idevicebackup2 first', debian, own],
    ['15', 'ibk first', own, debian],
  ] as const satisfies readonly (readonly [
    IosId,
    string,
    (bench: DebianBench) => Player,
    (bench: DebianBench) => Player,
  ])[];
  for (const [ios, title, first, second] of IS_WHOLE ? turns : turns.slice(0, 1)) {
    test.concurrent(`iOS ${ios}, ${title}`, () =>
      withPhone({ ios: [ios], files: 30, bytes: 300_000 }, (bench) => play(bench, first(bench), second(bench))));
  }
});

/**
 * A backup of every maker, iOS and kind comes back as it was: the phone holds exactly its content, the next backup of the phone holds the same and verifies,
 * and the folder is as it was. IBK_TEST_ALL=1: every combination.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Secret } from '../../src/io/secret.js';
import { chooseVersion } from '../../src/operations/choose-backups.js';
import { decrypt } from '../../src/operations/decrypt.js';
import { listBackups } from '../../src/operations/list-backups.js';
import { verify } from '../../src/operations/verify.js';
import type { IosId } from '../../src/sim/index.js';
import { type DebianBench, withPhone } from '../support/debian-phone.js';
import { tryBackup } from '../support/ibk-backup.js';
import { restartOf, tryRestore } from '../support/ibk-restore.js';
import { readTree } from '../support/read-tree.js';
import { IS_WHOLE } from '../support/phone-kinds.js';
import { describeWithTools } from '../support/tools.js';
import { treeHash } from '../support/tree-hash.js';

type Maker = 'idevicebackup2' | 'ibk' | 'decrypt';

const VERSIONS = ['9', '15', '17', '26'] as const satisfies readonly IosId[];
const PASSWORD = 'correct horse';

const WHOLE: readonly (readonly [IosId, Maker, string | undefined])[] = VERSIONS.flatMap((ios) => [
  [ios, 'idevicebackup2', undefined] as const,
  [ios, 'idevicebackup2', PASSWORD] as const,
  [ios, 'ibk', undefined] as const,
  [ios, 'ibk', PASSWORD] as const,
  [ios, 'decrypt', PASSWORD] as const,
]);
const QUICK: typeof WHOLE = [
  ['9', 'idevicebackup2', undefined],
  ['15', 'decrypt', PASSWORD],
  ['26', 'ibk', PASSWORD],
];

/** @returns the folder of the backup */
async function make(maker: Maker, { root, run, phone, sim }: DebianBench, password: string | undefined) {
  const folder = join(root, phone.udid);
  if (maker === 'idevicebackup2') {
    expect((await run('idevicebackup2', 'backup', root)).exit).toBe(0);
    return folder;
  }
  await tryBackup({ listen: sim.listen, root });
  if (maker === 'ibk') return folder;
  const chosen = await chosenIn(root);
  const plain = join(root, 'plain', phone.udid);
  mkdirSync(join(root, 'plain'));
  await decrypt(chosen, { root, to: plain, dryRun: false, password: async () => Secret.of(password ?? '') });
  return plain;
}

async function chosenIn(root: string) {
  return chooseVersion(await listBackups({ root }), { word: undefined, udids: [], command: 'ibk', cwd: root });
}

describeWithTools('ibk restores what was backed up', ['idevicebackup2', 'idevicepair'], () => {
  for (const [ios, maker, password] of IS_WHOLE ? WHOLE : QUICK) {
    const kind = password === undefined ? 'plain' : 'encrypted';
    test.concurrent(`iOS ${ios}, ${kind}, a folder of ${maker}`, async () => {
      const encryption = password === undefined ? {} : { encryption: { password } };
      await withPhone({ ios: [ios], files: 40, bytes: 400_000, ...encryption }, async (bench) => {
        const { root, phone, sim } = bench;
        const encrypted = password !== undefined;
        const held = await phone.content.tree(encrypted);
        const folder = await make(maker, bench, password);
        const before = treeHash(folder);
        await phone.content.mutate({ add: 4, change: 4, remove: 3, rename: 2 });
        expect(await phone.content.tree(encrypted)).not.toEqual(held);

        const back = restartOf(sim);
        const settings = { remove: true };
        const tried = await tryRestore({ listen: sim.listen, root, word: folder, password, settings });
        expect([tried.error?.message, tried.outcome?.state, tried.exit]).toEqual([undefined, 'sent', 0]);
        await back;
        expect(await phone.content.tree(encrypted)).toEqual(held);
        expect(treeHash(folder)).toBe(before);

        const again = join(root, 'again');
        await tryBackup({ listen: sim.listen, root: again });
        const report = await verify(await chosenIn(again), {
          root: again,
          readData: true,
          password: async () => (password === undefined ? undefined : Secret.of(password)),
        });
        expect([report.code, report.problems]).toEqual(['ok', []]);
        expect(await readTree(join(again, phone.udid), password)).toEqual(held);
        expect(sim.violations).toEqual([]);
      });
    });
  }
});

/**
 * Debian's idevicebackup2 backs the simulated iPhone up, in full and after a change, for every generation, plain and encrypted; a reader
 * that shares no code with ibk then finds exactly the phone's content, and so does ibk's own. Run side by side: idevicebackup2 spends most of its time asleep.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readBackup } from '../support/backup-reader.js';
import { type DebianBench, withPhone } from '../support/debian-phone.js';
import { readTree } from '../support/read-tree.js';
import { phoneKinds } from '../support/phone-kinds.js';
import { describeWithTools } from '../support/tools.js';

async function expectContent({ phone, root, sim }: DebianBench, password: string | undefined): Promise<void> {
  const read = readBackup(join(root, phone.udid), password);
  expect(read.problems).toEqual([]);
  const tree = { ...(await phone.content.tree(password !== undefined)) };
  expect(read.tree).toEqual(tree);
  expect(await readTree(join(root, phone.udid), password)).toEqual(tree);
  expect(sim.violations).toEqual([]);
}

describeWithTools('idevicebackup2 on the simulated iPhone', ['idevicebackup2', 'idevicepair'], () => {
  for (const { ios, password, name } of phoneKinds(['9', '15', '17', '26'], 'encrypted')) {
    test.concurrent(`${name}: full, changed, incremental`, async () => {
      const encryption = password === undefined ? {} : { encryption: { password } };
      await withPhone({ ios: [ios], ...encryption }, async (bench) => {
        const full = await bench.run('idevicebackup2', 'backup', '--full', bench.root);
        expect(full.text).toContain('Backup Successful');
        expect(full.exit).toBe(0);
        await expectContent(bench, password);

        await bench.phone.content.mutate({ add: 4, change: 4, remove: 3, rename: 2 });
        const next = await bench.run('idevicebackup2', 'backup', bench.root);
        expect(next.text).toContain('Backup Successful');
        await expectContent(bench, password);
        expect(bench.phone.backupStats).toMatchObject({ fullBackups: 1, incrementalBackups: 1, finalCodes: [0, 0] });
      });
    });
  }

  test.concurrent('it survives an empty batch, odd frames and chunks, progress going backwards, odd removals', async () => {
    const scenarios = [
      'zero-file-batch',
      'data-frame=3000',
      'chunk=97',
      'progress=backwards',
      'remove=missing',
      'remove=deep',
    ];
    await withPhone({ scenarios, files: 70, bytes: 200_000 }, async (bench) => {
      expect((await bench.run('idevicebackup2', 'backup', '--full', bench.root)).text).toContain('Backup Successful');
      await expectContent(bench, undefined);
    });
  });

  // The purge request of iOS 14 and later makes idevicebackup2 1.3.0 wait for ever: the older phone.
  for (const [scenario, code, ios] of [
    ['passcode-refused', 208, '17'],
    ['low-space', 105, '12'],
    ['final=205', 205, '17'],
  ] as const) {
    test.concurrent(`${scenario} reaches it as ${code}`, async () => {
      await withPhone({ ios: [ios], scenarios: [scenario], files: 10, bytes: 10_000 }, async ({ run, root }) => {
        const { text, exit } = await run('idevicebackup2', 'backup', '--full', root);
        expect(text).toContain(`ErrorCode ${code}`);
        expect(exit).toBe(256 - code);
      });
    });
  }

  test.concurrent('a zero-byte Manifest.plist ends with 205, as iOS does it', async () => {
    await withPhone({ files: 10, bytes: 10_000 }, async ({ run, root, phone }) => {
      await run('idevicebackup2', 'backup', root);
      writeFileSync(join(root, phone.udid, 'Manifest.plist'), '');
      expect((await run('idevicebackup2', 'backup', root)).text).toContain('ErrorCode 205');
    });
  });
});

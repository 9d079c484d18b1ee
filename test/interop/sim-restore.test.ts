/**
 * Debian's idevicebackup2 restores to the simulated iPhone, changes its backup password and has it describe a backup; the phone then holds exactly what it held
 * when it was backed up, or refuses as a real one does. Run side by side: idevicebackup2 spends most of its time asleep. IBK_TEST_ALL=1: every iOS.
 */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { IosId, SimulatorOptions } from '../../src/sim/index.js';
import { treeHash } from '../support/tree-hash.js';
import { type DebianBench, RESTORE_ALL, restarted, withPhone } from '../support/debian-phone.js';
import { IS_WHOLE, phoneKinds } from '../support/phone-kinds.js';
import { describeWithTools } from '../support/tools.js';

const MODERN = ['12', '15', '17', '26'] as const satisfies readonly IosId[];

async function backedUp(options: SimulatorOptions, work: (bench: DebianBench) => Promise<void>): Promise<void> {
  await withPhone({ files: 60, bytes: 600_000, ...options }, async (bench) => {
    expect((await bench.run('idevicebackup2', 'backup', '--full', bench.root)).exit).toBe(0);
    await work(bench);
  });
}

function restore({ run, root }: DebianBench, ...options: string[]) {
  return run('idevicebackup2', 'restore', ...options, root);
}

/** A payload file of a domain whose files carry a digest. */
function messages({ root, phone }: DebianBench): string {
  const id = '3d0d7e5fb2ce288813306e4d4636395e047a3d28';
  return join(root, phone.udid, phone.profile.layout === 'flat' ? id : `3d/${id}`);
}

describeWithTools('idevicebackup2 restores to the simulated iPhone', ['idevicebackup2', 'idevicepair'], () => {
  for (const { ios, password, name } of phoneKinds(IS_WHOLE ? ['9', ...MODERN] : ['9', '17', '26'], 'encrypted')) {
    test.concurrent(`${name}: all that it held, and no more`, async () => {
      await backedUp({ ios: [ios], ...(password === undefined ? {} : { encryption: { password } }) }, async (bench) => {
        const { phone, root, sim } = bench;
        const before = await phone.content.tree(password !== undefined);
        const folder = treeHash(root);
        await phone.content.mutate({ add: 4, change: 4, remove: 3, rename: 2 });
        const back = restarted(bench);
        const given = password === undefined ? [] : ['--password', password];
        const { text, exit } = await restore(bench, ...RESTORE_ALL, ...given);
        expect(text).toContain('Restore Successful');
        expect(exit).toBe(0);
        await back;
        expect(await phone.content.tree(password !== undefined)).toEqual(before);
        expect(treeHash(root)).toBe(folder);
        expect((await bench.run('idevicebackup2', 'backup', root)).exit).toBe(0);
        expect(sim.violations).toEqual([]);
      });
    });
  }

  test.concurrent('what the backup does not have stays without --remove', async () => {
    await backedUp({}, async (bench) => {
      const { phone } = bench;
      const { added } = await phone.content.mutate({ add: 2, change: 0, remove: 0, rename: 0 });
      const back = restarted(bench);
      expect((await restore(bench, '--system', '--skip-apps')).exit).toBe(0);
      await back;
      expect(Object.keys(await phone.content.tree(false))).toEqual(expect.arrayContaining([...added]));
      expect(phone.backupStats.restoreOptions).toEqual([expect.objectContaining({ RestoreSystemFiles: true })]);
    });
  });

  test.concurrent('a damaged backup or a wrong password is refused, and the phone is as it was', async () => {
    await backedUp({ encryption: { password: 'right' } }, async (bench) => {
      const given = ['--password', 'right'];
      await expectRefusal(bench, 207, ['--password', 'wrong']);
      const file = messages(bench);
      const bytes = readFileSync(file);
      flipByte(file);
      await expectRefusal(bench, 205, given);
      rmSync(file);
      await expectRefusal(bench, 205, given);
      writeFileSync(file, bytes);
      expect((await restore(bench, '--skip-apps', ...given)).exit).toBe(0);
    });
  });

  for (const [scenario, code] of [
    ['find-my', 211],
    ['phone-full', 105],
  ] as const) {
    test.concurrent(`${scenario} ends with ${code}, and the phone is as it was`, async () => {
      await backedUp({ scenarios: [scenario] }, (bench) => expectRefusal(bench, code, []));
    });
  }

  test.concurrent('a second restore without a restart between them ends with 102', async () => {
    await backedUp({}, async (bench) => {
      expect((await restore(bench, '--no-reboot', '--skip-apps')).exit).toBe(0);
      expect((await restore(bench, '--no-reboot', '--skip-apps')).text).toContain('ErrorCode 102');
      expect(bench.sim.violations).toEqual([]);
    });
  });
});

async function expectRefusal(bench: DebianBench, code: number, options: string[]): Promise<void> {
  const { phone, sim } = bench;
  const before = await phone.content.tree(true);
  const { text, exit } = await restore(bench, ...RESTORE_ALL, ...options);
  expect(text).toContain(`ErrorCode ${code}`);
  expect(exit).toBe(256 - code);
  expect(await phone.content.tree(true)).toEqual(before);
  expect(sim.violations).toEqual([]);
}

function flipByte(path: string): void {
  const bytes = readFileSync(path);
  bytes.writeUInt8(bytes.readUInt8(100) ^ 1, 100);
  writeFileSync(path, bytes);
}

describeWithTools(
  'idevicebackup2 changes the password and asks about a backup',
  ['idevicebackup2', 'idevicepair'],
  () => {
    test.concurrent.each<IosId>(IS_WHOLE ? ['9', ...MODERN] : ['26'])(
      'iOS %s: encryption on, backup, another password, off',
      async (ios) => {
        await backedUp({ ios: [ios] }, async ({ run, root, phone, sim }) => {
          const on = await run('idevicebackup2', 'encryption', 'on', 'first', root);
          expect(on.text).toContain('has been enabled successfully');
          expect(phone.encryption?.password).toBe('first');
          expect((await run('idevicebackup2', 'backup', root)).exit).toBe(0);
          expect((await run('idevicebackup2', 'changepw', 'guess', 'second', root)).exit).toBe(256 - 207);
          expect((await run('idevicebackup2', 'changepw', 'first', 'second', root)).exit).toBe(0);
          expect((await run('idevicebackup2', 'backup', root)).exit).toBe(0);
          expect((await run('idevicebackup2', 'encryption', 'off', 'second', root)).exit).toBe(0);
          expect(phone.encryption).toBeUndefined();
          expect(sim.violations).toEqual([]);
        });
      },
    );

    test.concurrent('management that wants encryption refuses to turn it off', async () => {
      const options = { scenarios: ['requires-encryption'], encryption: { password: 'word' } };
      await withPhone({ files: 5, bytes: 5000, ...options }, async ({ run, root, phone }) => {
        expect((await run('idevicebackup2', 'encryption', 'off', 'word', root)).exit).toBe(256 - 209);
        expect(phone.encryption?.password).toBe('word');
      });
    });

    test.concurrent.each<IosId>(IS_WHOLE ? MODERN : ['17'])(
      'iOS %s describes a backup, and cannot list it',
      async (ios) => {
        await backedUp({ ios: [ios] }, async ({ run, root }) => {
          expect((await run('idevicebackup2', 'info', root)).text).toMatch(
            /<MBStatus: version=3\.3, .*snapshotState=finished/,
          );
          expect((await run('idevicebackup2', 'list', root)).text).toContain('ErrorCode 205');
          if (ios !== '12') expect((await run('idevicebackup2', 'unback', root)).exit).toBe(256 - 205);
        });
      },
    );

    test.concurrent('iOS 12 unpacks a part of it', async () => {
      await backedUp({ ios: ['12'] }, async ({ run, root, phone, sim }) => {
        expect((await run('idevicebackup2', 'unback', root)).exit).toBe(0);
        const unpacked = join(root, '_unback_', phone.udid, 'var');
        expect(existsSync(join(unpacked, 'mobile/Library/SMS/sms.db'))).toBe(true);
        expect(existsSync(join(unpacked, 'root'))).toBe(false);
        expect(sim.violations).toEqual([]);
      });
    });

    test.concurrent('iOS 9 describes, lists and unpacks it', async () => {
      await backedUp({ ios: ['9'] }, async ({ run, root, phone, sim }) => {
        expect((await run('idevicebackup2', 'info', root)).text).toMatch(
          /<MBStatus: version=2\.4, .*snapshotState=finished/,
        );
        expect((await run('idevicebackup2', 'list', root)).text).toContain('HomeDomain-Library/SMS/sms.db');
        expect((await run('idevicebackup2', 'unback', root)).exit).toBe(0);
        const unpacked = join(root, '_unback_', phone.udid, 'var');
        expect(existsSync(join(unpacked, 'mobile/Library/SMS/sms.db'))).toBe(true);
        const files = readdirSync(unpacked, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
        expect(files.length).toBe(Object.keys(await phone.content.tree(false)).length);
        expect(sim.violations).toEqual([]);
      });
    });

    test.concurrent('cloud backup on, and an encrypted backup is not described without its password', async () => {
      await backedUp({ encryption: { password: 'word' } }, async ({ run, root, phone }) => {
        expect((await run('idevicebackup2', 'cloud', 'on', root)).exit).toBe(0);
        expect(phone.cloudBackup).toBe(true);
        expect((await run('idevicebackup2', 'info', root)).text).toContain('ErrorCode 207');
      });
    });
  },
);

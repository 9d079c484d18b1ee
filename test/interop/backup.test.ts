/** ibk beside Debian's idevicebackup2: the same phone gives the same folder, and each continues what the other has made. */
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { startSimulator } from '../../src/sim/index.js';
import { readBackup } from '../support/backup-reader.js';
import { differences } from '../support/compare-backups.js';
import { temporaryRoot, tryBackup } from '../support/ibk-backup.js';
import { phoneKinds } from '../support/phone-kinds.js';
import { describeWithTools } from '../support/tools.js';

describeWithTools('ibk and idevicebackup2', ['idevicebackup2'], () => {
  // Side by side: idevicebackup2 spends most of its time asleep.
  for (const { ios, password, name } of phoneKinds(['9', '15', '17', '26'], 'plain')) {
    test.concurrent(`${name}: equal folders, each continues the other's`, async () => {
      const encryption = password === undefined ? {} : { encryption: { password } };
      await using sim = await startSimulator({
        ios: [ios],
        files: 60,
        bytes: 1_000_000,
        scenarios: ['paired'],
        ...encryption,
      });
      const [phone] = sim.phones;
      if (phone === undefined) throw new Error('no phone');
      await using place = await temporaryRoot();
      const [ours, theirs] = [join(place.path, 'ibk'), join(place.path, 'idevicebackup2')];
      const other = (root: string, ...options: string[]) =>
        execa('idevicebackup2', ['backup', ...options, root], {
          env: { USBMUXD_SOCKET_ADDRESS: sim.listen },
          timeout: 55_000,
        });
      const folder = (root: string) => join(root, phone.udid);

      await tryBackup({ listen: sim.listen, root: ours });
      await execa('mkdir', [theirs]);
      await other(theirs, '--full');
      expect(differences(folder(ours), folder(theirs))).toEqual([]);

      await phone.content.mutate({ add: 3, change: 3, remove: 2, rename: 1 });
      const before = phone.backupStats.incrementalBackups;
      await cp(folder(ours), folder(join(place.path, 'continued-by-them')), { recursive: true });
      const { summary } = await tryBackup({ listen: sim.listen, root: theirs });
      expect(summary).toMatchObject({ kind: 'incremental', code: 'ok', filesReceived: 7 });
      await other(join(place.path, 'continued-by-them'));
      expect(phone.backupStats.incrementalBackups).toBe(before + 2);
      expect(differences(folder(theirs), folder(join(place.path, 'continued-by-them')))).toEqual([]);

      const read = readBackup(folder(theirs), password);
      expect(read.problems).toEqual([]);
      expect(read.tree).toEqual({ ...(await phone.content.tree(password !== undefined)) });
      expect(sim.violations).toEqual([]);
    });
  }
});

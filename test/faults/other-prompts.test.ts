/** The phone tells of each prompt of LocalAuthentication; only the backup's own may stop or delay a backup. */
import { expect, test } from 'vitest';
import { backupDevice } from '../../src/operations/backup.js';
import { DEVICE_NOTIFICATION } from '../../src/protocol/services/names.js';
import { temporaryRoot } from '../support/ibk-backup.js';
import { startBench } from '../support/sim-bench.js';

test('an app that asks for Face ID while files arrive is none of our business', async () => {
  await using bench = await startBench({ paired: true, files: 20, bytes: 200_000 });
  await using root = await temporaryRoot();
  const [phone] = bench.sim.phones;
  const ctx: typeof bench.ctx = {
    ...bench.ctx,
    onEvent: (event) => {
      bench.events.push(event);
      if (event.type === 'phase' && event.phase === 'receive')
        phone?.notifications.notify(DEVICE_NOTIFICATION.passcodeShown);
    },
  };
  const summary = await backupDevice(ctx, await bench.select(), { root: root.path, full: false });
  expect(summary.code).toBe('ok');
  const phases = bench.events.flatMap((event) => (event.type === 'phase' ? [event.phase] : []));
  expect(phases.slice(phases.indexOf('receive'))).toEqual(['receive', 'finish', 'check', 'commit']);
});

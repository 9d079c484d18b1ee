import { expect, test } from 'vitest';
import { startSimulator } from '../../src/sim/index.js';
import { temporaryRoot, tryBackup } from '../support/ibk-backup.js';

test.each(['9', '12', '15', '17', '26'] as const)('a first full backup and an incremental one, iOS %s', async (ios) => {
  await using sim = await startSimulator({ ios: [ios], files: 40, bytes: 2_000_000 });
  await using root = await temporaryRoot();
  const first = await tryBackup({ listen: sim.listen, root: root.path });
  expect(first.summary).toMatchObject({ code: 'ok', kind: 'full' });
  const second = await tryBackup({ listen: sim.listen, root: root.path });
  expect(second.summary).toMatchObject({ code: 'ok', kind: 'incremental' });
});

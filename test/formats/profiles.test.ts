/** Backups that ibk makes of each kind of phone: what is read out of them is exactly what the phone holds. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { startSimulator } from '../../src/sim/index.js';
import { IOS_PROFILES, isIosId } from '../../src/sim/profile.js';
import { tryBackup } from '../support/ibk-backup.js';
import { expectAllOf } from '../support/read-everything.js';

const top = mkdtempSync(join(tmpdir(), 'ibk-test-profiles-'));
afterAll(() => rmSync(top, { recursive: true, force: true }));

const PASSWORD = 'correct horse';
const PHONES = Object.keys(IOS_PROFILES)
  .filter(isIosId)
  .flatMap((ios) => [
    { ios, password: undefined },
    { ios, password: PASSWORD },
  ]);

test.each(PHONES)('iOS $ios, password: $password', async ({ ios, password }) => {
  const encryption = password === undefined ? {} : { encryption: { password } };
  await using sim = await startSimulator({
    ios: [ios],
    files: 40,
    bytes: 200_000,
    scenarios: ['paired'],
    ...encryption,
  });
  const [phone] = sim.phones;
  if (phone === undefined) throw new Error('no phone');
  const place = join(top, `${ios} ${password}`);
  const root = join(place, 'root');
  await tryBackup({ listen: sim.listen, root });
  const tree = await phone.content.tree(password !== undefined);
  expect(Object.keys(tree).length).toBeGreaterThanOrEqual(40);
  await expectAllOf({ root, udid: phone.udid, scratch: place, password, tree });
});

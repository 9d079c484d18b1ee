/** `--device-side`: the phone reads the backup and answers, as with idevicebackup2; what ibk reads itself is the measure. */
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { plugIn } from '../support/phone.js';
import { tempHome } from '../support/run-ibk.js';
import { expectValidLines } from '../support/schemas.js';

const home = tempHome();
afterAll(() => rmSync(home, { recursive: true, force: true }));

test('an old phone tells, lists and unpacks the same that ibk finds', async () => {
  const encryption = { password: 'word' };
  await using phone = await plugIn(home, { ios: ['9'], files: 5, bytes: 5000, scenarios: ['paired'], encryption });
  const env = { IBK_PASSWORD: 'word' };
  const ibk = (...args: string[]) => phone.ibk(args, { env });
  expect((await ibk('backup', '-q')).exit).toBe(0);
  const [info] = expectValidLines((await ibk('info', 'latest', '--device-side', '--json')).stdout);
  expect(info).toMatchObject({ type: 'phone_side', request: 'info', path: null });
  expect(String(info?.['content'])).toMatch(
    /^<MBStatus: .*snapshotState=finished.*>\n<MBDriveProperties: .*encrypted=1/,
  );
  const listed = (await ibk('list', 'latest', '--device-side')).stdout.trimEnd().split('\n');
  const paths = (await ibk('list', 'latest')).stdout.trimEnd().split('\n');
  expect(listed[0]).toBe('"Path","Size","FileID"');
  expect(listed.length - 1).toBe(paths.length);
  const to = join(home, 'unpacked');
  const unback = await ibk('unback', '--device-side', '--to', to);
  expect(unback).toMatchObject({ exit: 0 });
  expect(unback.stderr).toMatch(/^✓ Unpacked 5 files, .* to ~\/unpacked\n$/);
  const extracted = join(home, 'extracted');
  expect((await ibk('unback', '--to', extracted, '-q')).exit).toBe(0);
  const contents = (folder: string) =>
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ name, parentPath }) => `${name} ${readFileSync(join(parentPath, name), 'hex')}`);
  expect(contents(to).sort()).toEqual(contents(extracted).sort());
  expect((await ibk('unback', '--device-side', '--to', to)).exit).toBe(2);
  expect(phone.sim.violations).toEqual([]);
});

test('a newer phone refuses, as with other tools; the backup is as it was', async () => {
  await using phone = await plugIn(home, { files: 5, bytes: 5000, scenarios: ['paired'] });
  const root = join(home, 'new');
  expect((await phone.ibk(['backup', '-q', '-o', root])).exit).toBe(0);
  const folder = join(root, phone.sim.phones[0]?.udid ?? '');
  const before = readFileSync(join(folder, 'Manifest.db'));
  expect((await phone.ibk(['info', 'latest', '--device-side', '-o', root])).exit).toBe(0);
  const refused = await phone.ibk(['list', 'latest', '--device-side', '-o', root]);
  expect(refused.exit).toBe(13);
  expect(refused.stderr).toContain('the same line without --device-side');
  expect(readFileSync(join(folder, 'Manifest.db')).equals(before)).toBe(true);
  expect(phone.sim.violations).toEqual([]);
});

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { missingMount } from '../../src/io/missing-mount.js';

const home = mkdtempSync(join(tmpdir(), 'ibk-mounts-'));
afterAll(() => rmSync(home, { recursive: true }));

// proc(5): the fifth field is the mount point, a blank in it is \040.
const mountinfo = [
  '22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw',
  '31 22 8:1 / /srv/a\\040disk rw,relatime shared:9 - ext4 /dev/sda1 rw',
].join('\n');
const fstab = [
  '# /dev/sdz1 /srv/comment ext4 defaults 0 0',
  'UUID=1 / ext4 errors=remount-ro 0 1',
  'UUID=2 none swap sw 0 0',
  'UUID=3\t/srv/a\\040disk ext4 noauto 0 0',
  'UUID=4 /srv/backups/ ext4 nofail 0 2',
].join('\n');

test.each([
  ['/srv/backups', '/srv/backups'],
  ['/srv/backups/phones/new', '/srv/backups'],
  ['/srv/backups-of-phones', undefined],
  ['/srv/a disk/phones', undefined],
  ['/srv/comment', undefined],
  ['/home/anna/backups', undefined],
])('by the table of disks: %s', async (path, missing) => {
  expect(await missingMount(path, { fstab, mountinfo })).toBe(missing);
});

test('an empty folder anywhere else is a folder', async () => {
  mkdirSync(join(home, 'empty'));
  expect(await missingMount(join(home, 'empty'))).toBeUndefined();
  expect(await missingMount(join(home, 'empty', 'new'))).toBeUndefined();
});

/** `listBackups` on folders that cannot be read, or change meanwhile. */
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { listBackups, measureBackup } from '../../src/operations/list-backups.js';
import { temporaryRoot } from '../support/ibk-backup.js';

test('a backup that cannot be read is the fault of the disk, and named', async () => {
  await using root = await temporaryRoot();
  const folder = join(root.path, '00008120-000A1D2E0C88401E');
  await symlink(folder, folder);
  const listing = listBackups({ root: root.path });
  await expect(listing).rejects.toMatchObject({ code: 'destination', exit: 14, reason: 'unreadable' });
  await expect(listing).rejects.toThrow(`The backup in ${folder} cannot be read: ELOOP.`);
});

test('what is gone when it is counted does not count', async () => {
  await using root = await temporaryRoot();
  await mkdir(join(root.path, 'ab'));
  await writeFile(join(root.path, 'ab', 'ab'.repeat(20)), 'four');
  expect(await measureBackup(root.path)).toEqual({ bytes: 4, files: 1 });
  expect(await measureBackup(join(root.path, 'none'))).toEqual({ bytes: 0, files: 0 });
});

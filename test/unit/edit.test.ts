/** `ibk edit` of what lies in the folder of a root, and has no id yet: made by another program, or copied with other times. */
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BackupStore } from '../../src/backup/store.js';
import { systemClock } from '../../src/io/clock.js';
import { chooseVersion } from '../../src/operations/choose-backups.js';
import { editBackup } from '../../src/operations/edit/edit.js';
import { importBackup, lookAtImport } from '../../src/operations/import.js';
import { listBackups } from '../../src/operations/list-backups.js';
import { makeBackup } from '../support/made-backup.js';
import { tempHome } from '../support/run-ibk.js';
import { treeHash } from '../support/tree-hash.js';

const UDID = '0'.repeat(40);
const place = tempHome();
const mine = join(place, 'mine.txt');

beforeAll(() => {
  const folder = join(place, 'root', UDID);
  mkdirSync(folder, { recursive: true });
  const content = Buffer.from('a letter');
  makeBackup(folder, { era: 'db', files: [{ domain: 'HomeDomain', relativePath: 'letter', content }] });
  writeFileSync(mine, 'mine');
});
afterAll(() => rmSync(place, { recursive: true, force: true }));

async function edit(root: string, { word = 'latest', from = root, dryRun = false } = {}) {
  const listing = await listBackups({ root: from });
  const chosen = await chooseVersion(listing, { word, udids: [], command: 'ibk edit', cwd: '/' });
  const put = [{ domain: 'HomeDomain', relativePath: 'mine.txt', from: mine }];
  const made = await editBackup(chosen, { root, put, remove: undefined, clock: systemClock, dryRun });
  return { before: chosen.version.id, made };
}

const versionsIn = (root: string) => new BackupStore(root, UDID).versions();

test('a folder of another program is taken in first, and not for a rehearsal', async () => {
  const root = join(place, 'root');
  expect(await edit(root, { dryRun: true })).toMatchObject({ before: null, made: { version: null, put: 1 } });
  expect(versionsIn(root)).toEqual([]);
  expect(await edit(root)).toMatchObject({ before: null, made: { put: 1, bytes: 4 } });
  const [newest, copy] = versionsIn(root);
  expect(newest).toMatchObject({ current: true, origin: 'foreign' });
  expect(copy).toMatchObject({ origin: 'edit', base: newest?.id, facts: { files: 2 } });
});

test('in a root that was copied with other times the newest is what it was', async () => {
  // Its files have checksums: without them nobody could tell.
  const [from, root] = [join(place, 'taken-in'), join(place, 'copied')];
  const folder = join(place, 'root', UDID);
  await importBackup(await lookAtImport({ folder }), { folder, root: from, dryRun: false, clock: systemClock });
  const copied = treeHash(join(from, UDID));
  cpSync(from, root, { recursive: true, preserveTimestamps: false });
  const [newest] = versionsIn(from);
  expect((await edit(root)).before).toBe(null);
  const versions = versionsIn(root);
  expect(versions[0]).toMatchObject({ id: newest?.id, current: true });
  expect(versions.map(({ base }) => base)).toEqual([null, newest?.id]);
  expect(treeHash(join(root, UDID))).toBe(copied);
});

test('a folder outside the root is to be taken in by name', async () => {
  const word = join(place, 'root', UDID);
  await expect(edit(join(place, 'elsewhere'), { word, from: join(place, 'copied') })).rejects.toMatchObject({
    code: 'usage',
    hint: 'Take the folder in first: ibk import PATH',
  });
});

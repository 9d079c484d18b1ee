/** `ibk edit` of what lies in the folder of a root, and has no id yet: made by another program, or copied with other times; and of old generations. */
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BackupStore } from '../../src/backup/store.js';
import { systemClock } from '../../src/io/clock.js';
import { Secret } from '../../src/io/secret.js';
import { chooseVersion } from '../../src/operations/choose-backups.js';
import { copyToFolder } from '../../src/operations/copy.js';
import { editBackup } from '../../src/operations/edit/edit.js';
import { importBackup, lookAtImport } from '../../src/operations/import.js';
import { listBackups } from '../../src/operations/list-backups.js';
import type { SelectionOptions } from '../../src/operations/selection/selection.js';
import { readBackup } from '../support/backup-reader.js';
import { makeBackup } from '../support/made-backup.js';
import { tempHome } from '../support/run-ibk.js';
import { filesHash, treeHash } from '../support/tree-hash.js';

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

const choose = async (root: string, word: string) =>
  chooseVersion(await listBackups({ root }), { word, udids: [], command: 'ibk edit', cwd: '/' });

interface Asked {
  readonly word?: string;
  readonly from?: string;
  readonly dryRun?: boolean;
  readonly put?: readonly string[];
  readonly remove?: SelectionOptions;
}

async function edit(root: string, asked: Asked = {}) {
  const { word = 'latest', from = root, dryRun = false, put: paths = ['mine.txt'], remove } = asked;
  const chosen = await choose(from, word);
  const put = paths.map((relativePath) => ({ domain: 'HomeDomain', relativePath, from: mine }));
  const password = async () => Secret.of('correct horse');
  const made = await editBackup(chosen, { root, put, remove, clock: systemClock, dryRun, password });
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

test.each([{}, { password: 'correct horse' }])('a backup of iOS 5 to 9: %j', async (options) => {
  const [folder, root] = [mkdtempSync(join(place, 'old-')), mkdtempSync(join(place, 'old-root-'))];
  const files = ['letter', 'Library/SMS/sms.db', 'Library/SMS/sms.db-wal'].map((relativePath) => ({
    ...{ domain: 'HomeDomain', relativePath, content: Buffer.from(`of ${relativePath}`), digest: true },
  }));
  const folders = ['', 'Library', 'Library/SMS'].map((relativePath) => ({
    ...{ domain: 'HomeDomain', relativePath, kind: 'directory' as const },
  }));
  makeBackup(folder, { era: 'mbdb', files: [...folders, ...files], ...options });
  cpSync(folder, join(root, UDID), { recursive: true });
  const original = filesHash(join(root, UDID));
  const { made } = await edit(root, {
    put: ['Library/New/mine.txt', 'Library/SMS/sms.db'],
    remove: { words: ['HomeDomain/letter'] },
  });
  expect(made).toMatchObject({ put: 2, removed: 1, bytes: 8 });
  expect(filesHash(join(root, UDID))).toBe(original);
  // What another program finds in the copy, digests, keys and parents of every record compared.
  const to = join(root, 'copy');
  await copyToFolder(await choose(root, made.version ?? ''), to, { root, dryRun: false });
  const { tree, problems, rows } = readBackup(to, 'correct horse');
  expect(problems).toEqual([]);
  const sha256 = createHash('sha256').update('mine').digest('hex');
  // The log of a database that is replaced goes with it.
  expect(tree).toMatchObject({
    'HomeDomain/Library/New/mine.txt': { sha256 },
    'HomeDomain/Library/SMS/sms.db': { sha256 },
  });
  expect(Object.keys(tree)).toHaveLength(2);
  expect(rows.filter(({ relativePath }) => relativePath === 'Library/New')).toMatchObject([{ mode: 0o040755 }]);
});

test('an index of iOS 4 would lead astray: it is refused', async () => {
  const root = mkdtempSync(join(place, 'four-'));
  mkdirSync(join(root, UDID));
  makeBackup(join(root, UDID), { era: 'mbdb', files: [{ domain: 'HomeDomain', relativePath: 'letter' }] });
  writeFileSync(join(root, UDID, 'Manifest.mbdx'), 'mbdx');
  await expect(edit(root)).rejects.toMatchObject({ code: 'incompatible', reason: 'era' });
});

/** BACKUP and SEL as they stand on a command line, over folders as other tools leave them. */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { type BackupWordOptions, chooseBackup } from '../../src/operations/backup-word.js';
import { chooseVersion } from '../../src/operations/choose-backups.js';
import { parseMoment } from '../../src/operations/moments.js';
import type { BackupListing, ListedVersion } from '../../src/operations/results.js';
import { buildBinaryPlist, buildXmlPlist } from '../../src/plist/codec.js';
import { plistDict } from '../../src/plist/value.js';

const root = mkdtempSync(join(tmpdir(), 'ibk-word-'));
afterAll(() => rm(root, { recursive: true, force: true }));

const UDID = '00008120-000A1D2E0C88401E';

async function makeBackup(folder: string, name: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const status = plistDict({ SnapshotState: 'finished', Date: new Date('2026-11-21T07:06:00Z') });
  await writeFile(join(folder, 'Status.plist'), buildBinaryPlist(status));
  await writeFile(join(folder, 'Manifest.plist'), buildBinaryPlist(plistDict({ Version: '10.0' })));
  await writeFile(
    join(folder, 'Info.plist'),
    buildXmlPlist(plistDict({ 'Display Name': name, 'Target Identifier': UDID })),
  );
  await writeFile(join(folder, 'Manifest.db'), 'SQLite format 3\0');
}

await makeBackup(join(root, UDID), 'Phone: work');
await makeBackup(join(root, 'else:where', 'C'), 'Moved');

const options = { root, udids: [], command: 'ibk list', cwd: root, measure: false } satisfies Omit<
  BackupWordOptions,
  'words'
>;
const choose = async (...words: string[]) => {
  const { chosen, word, selection } = await chooseBackup({ ...options, words });
  return [chosen.backup.name, word, ...selection];
};

test.each<[readonly string[], readonly string[]]>([
  [[], ['Phone: work', 'latest']],
  [['latest'], ['Phone: work', 'latest']],
  [
    ['latest', 'HomeDomain'],
    ['Phone: work', 'latest', 'HomeDomain'],
  ],
  [['latest:HomeDomain'], ['Phone: work', 'latest', 'HomeDomain']],
  [['latest:HomeDomain/Library/SMS/*'], ['Phone: work', 'latest', 'HomeDomain/Library/SMS/*']],
  [['latest:app:com.example'], ['Phone: work', 'latest', 'app:com.example']],
  [
    ['latest:type:photos', 'HomeDomain'],
    ['Phone: work', 'latest', 'type:photos', 'HomeDomain'],
  ],
  // The longest that is a backup: a device's name may hold a colon.
  [['Phone: work'], ['Phone: work', 'Phone: work']],
  [['Phone: work:type:photos'], ['Phone: work', 'Phone: work', 'type:photos']],
  [[`./${UDID}:HomeDomain/Library`], ['Phone: work', `./${UDID}`, 'HomeDomain/Library']],
  [['./else:where/C'], ['Moved', './else:where/C']],
  [['./else:where/C:HomeDomain'], ['Moved', './else:where/C', 'HomeDomain']],
  [['type:photos'], ['Phone: work', 'latest', 'type:photos']],
  [['HomeDomain/Library'], ['Phone: work', 'latest', 'HomeDomain/Library']],
  [['@2026-11-21'], ['Phone: work', '@2026-11-21']],
  [
    [`${UDID}@2026-12-31`, 'HomeDomain'],
    ['Phone: work', `${UDID}@2026-12-31`, 'HomeDomain'],
  ],
])('%j', async (words, expected) => {
  expect(await choose(...words)).toEqual(expected);
});

test('what is no backup is named as it was typed', async () => {
  await expect(choose('lastest:HomeDomain')).rejects.toThrow('No backup matches "lastest".');
  await expect(choose('C:\\backups\\phone')).rejects.toThrow('No backup matches "C:\\backups\\phone".');
  await expect(choose('./nowhere')).rejects.toMatchObject({ exit: 10 });
  await expect(choose('type:photos', 'HomeDomain')).rejects.toMatchObject({ exit: 10 });
  await expect(choose('@2026-13-01')).rejects.toThrow('"@2026-13-01" is no date.');
  await expect(choose('@2026-11-20')).rejects.toThrow('No backup matches "@2026-11-20".');
});

test('the newest at or before a day, a minute, a second', async () => {
  const dates = ['2026-11-21T08:06:30', '2026-11-20T08:05:00', '2026-11-01T08:31:00'];
  const versions = dates.map((date, index): ListedVersion => {
    const facts = {
      version: null,
      ios: null,
      encrypted: null,
      tags: [],
      files: null,
      bytes: null,
      editedFrom: null,
      madeBy: null,
      tookSeconds: null,
      lost: null,
      note: '',
      onlyHereBytes: null,
      first: false,
    };
    const counts = {
      ...{ filesAdded: null, filesChanged: null, filesRemoved: null },
      ...{ bytesAdded: null, bytesChanged: null, bytesRemoved: null },
    };
    const flags = { complete: true, latest: index === 0, pinned: false, foreign: true, unreadable: false, damaged: 0 };
    return { ...facts, ...counts, ...flags, id: `${index}`, version: `kkkk${index}abc`, madeAt: new Date(date) };
  });
  const backup = {
    udid: UDID,
    name: 'Phone',
    model: null,
    productType: null,
    path: '/x',
    bytes: 0,
    state: 'as_left',
    problem: null,
  } as const;
  const listing: BackupListing = { root, bytes: 0, backups: [{ ...backup, versions }] };
  const at = async (word: string) => Number((await chooseVersion(listing, { ...options, word })).version.id);
  expect(await at('@2026-11-21')).toBe(0);
  expect(await at('@2026-11-21 08:06')).toBe(0);
  expect(await at('@2026-11-21T08:06:29')).toBe(1);
  expect(await at('Phone@2026-11-19')).toBe(2);
  expect(await at('kkkk1')).toBe(1);
  await expect(at('kkkk')).rejects.toMatchObject({ exit: 21, reason: 'ambiguous_version' });
  await expect(at('latest~3')).rejects.toMatchObject({ exit: 10 });
  await expect(at('@2026-10-31')).rejects.toMatchObject({
    meaning: 'The oldest backup of Phone was made 2026-11-01 08:31.',
  });
});

test('moments', () => {
  expect(parseMoment('2026-02-28T23:59:59Z')).toEqual({
    from: Date.parse('2026-02-28T23:59:59Z'),
    until: Date.parse('2026-03-01T00:00:00Z'),
  });
  expect(parseMoment('2026-03-01')).toEqual({
    from: new Date(2026, 2, 1).getTime(),
    until: new Date(2026, 2, 2).getTime(),
  });
  for (const text of ['2026-02-30', '2026-1-1', 'yesterday', '2026-01-01 24:00', ''])
    expect(parseMoment(text)).toBeUndefined();
});

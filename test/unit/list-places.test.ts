/** Where Apple's programs keep backups, by platform; what of it is shown; and which backups are too old. */
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { applePlaces } from '../../src/config/platform-paths.js';
import { parseAge, parseSizeRange } from '../../src/config/values.js';
import { listBackups } from '../../src/operations/list-backups.js';
import { listPlaces, olderThan } from '../../src/operations/list-places.js';
import { buildBinaryPlist, buildXmlPlist } from '../../src/plist/codec.js';
import { plistDict } from '../../src/plist/value.js';
import { placeAdvice, placeLines } from '../../src/ui/list-screen.js';
import { fakeTerminal } from '../support/fake-terminal.js';

const home = mkdtempSync(join(tmpdir(), 'ibk-places-'));
afterAll(() => rm(home, { recursive: true, force: true }));
const NOW = Date.parse('2026-11-21T09:06:00Z');

async function makeBackup(folder: string, udid: string, date: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const status = plistDict({ SnapshotState: 'finished', Date: new Date(date) });
  await writeFile(join(folder, 'Status.plist'), buildBinaryPlist(status));
  await writeFile(join(folder, 'Manifest.plist'), buildBinaryPlist(plistDict({ Version: '10.0', IsEncrypted: true })));
  await writeFile(
    join(folder, 'Info.plist'),
    buildXmlPlist(plistDict({ 'Display Name': "Anna's iPhone", 'Target Identifier': udid })),
  );
  await writeFile(join(folder, 'Manifest.db'), '');
}

test('by platform', () => {
  const paths = (platform: NodeJS.Platform, env: Record<string, string>) =>
    applePlaces({ platform, env, home: platform === 'win32' ? 'C:\\Users\\anna' : '/Users/anna' }).map(
      ({ path }) => path,
    );
  expect(paths('darwin', {})).toEqual(['/Users/anna/Library/Application Support/MobileSync/Backup']);
  expect(paths('win32', { APPDATA: 'D:\\Roaming', USERPROFILE: 'D:\\anna' })).toEqual([
    'D:\\Roaming\\Apple Computer\\MobileSync\\Backup',
    'D:\\anna\\Apple\\MobileSync\\Backup',
  ]);
  expect(paths('win32', {})).toEqual([
    'C:\\Users\\anna\\AppData\\Roaming\\Apple Computer\\MobileSync\\Backup',
    'C:\\Users\\anna\\Apple\\MobileSync\\Backup',
  ]);
  expect(paths('linux', {})).toEqual([]);
});

test('what is there is shown under its place, with its path; what cannot be read is told', async () => {
  const udid = '00008120-000A1D2E0C88401E';
  const places = applePlaces({ platform: 'darwin', env: {}, home });
  const [place] = places;
  if (place === undefined) throw new Error('no place');
  const options = { root: join(home, 'root'), udids: [] };
  expect(await listPlaces(places, options)).toEqual([]);
  await makeBackup(join(place.path, udid), udid, '2026-11-21T07:06:00Z');
  const found = await listPlaces(places, options);
  const terminal = fakeTerminal({ env: { HOME: home, LANG: 'C.UTF-8' } });
  const lines = placeLines(found, terminal, NOW).map((line) =>
    line.replace(/2026-11-2\d \d\d:\d\d/, '2026-11-21 hh:mm'),
  );
  expect(lines).toMatchInlineSnapshot(`
    [
      "",
      "Finder and iTunes, in ~/Library/Application Support/MobileSync/Backup",
      "Anna's iPhone · encrypted · 0 B",
      "  Version                                                                    Date              Age  Size  Files  iOS  Took  Notes",
      "  ~/Library/Application Support/MobileSync/Backup/00008120-000A1D2E0C88401E  2026-11-21 hh:mm  2 h   0 B      0  –       –  latest, made by another tool",
    ]
  `);
  // -u of another device; the place is the root itself.
  expect(await listPlaces(places, { ...options, udids: ['somebody'] })).toEqual([]);
  expect(await listPlaces(places, { ...options, root: place.path })).toEqual([]);
  await rm(join(place.path, udid), { recursive: true });
  await symlink(join(place.path, udid), join(place.path, udid));
  const unreadable = await listPlaces(places, options);
  expect(unreadable).toMatchObject([{ place: 'finder', problem: { code: 'destination' } }]);
  expect(placeLines(unreadable, terminal, NOW)).toEqual([]);
  expect(placeAdvice(unreadable, terminal.out).join(' ')).toContain('Full Disk Access');
});

test('too old: the newest complete backup counts', async () => {
  const root = join(home, 'ages');
  const [old, young] = ['0'.repeat(40), '1'.repeat(40)];
  await makeBackup(join(root, old), old, '2026-11-17T09:06:00Z');
  await makeBackup(join(root, young), young, '2026-11-20T09:06:00Z');
  const listing = await listBackups({ root });
  const DAY = 86_400_000;
  const names = (days: number) => olderThan(listing, days * DAY, NOW).backups.map(({ udid }) => udid);
  expect(names(4)).toEqual([]);
  expect(names(3)).toEqual([old]);
  expect(names(0.5)).toEqual([young, old]);
});

test('ages and ranges of sizes', () => {
  expect(parseAge('400d')).toBe(400 * 86_400_000);
  expect(parseAge('3')).toBeUndefined();
  expect(parseSizeRange('+10M')).toEqual({ least: 10_000_000, most: Number.MAX_SAFE_INTEGER });
  expect(parseSizeRange('-1k')).toEqual({ least: 0, most: 1000 });
  expect(parseSizeRange('1M..1.5M')).toEqual({ least: 1_000_000, most: 1_500_000 });
  expect(parseSizeRange('1.5MiB')).toEqual({ least: 1_572_864, most: 1_572_864 });
  for (const text of ['', '+', 'x', '+1M..2M', '1..', '..2', '2M..1x'])
    expect(parseSizeRange(text), text).toBeUndefined();
});

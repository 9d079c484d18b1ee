/** `info BACKUP` of folders whose property lists hold what nobody expects: a value is left out, and nothing breaks. */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { backupFacts } from '../../src/operations/backup-facts.js';
import { chooseBackup } from '../../src/operations/backup-word.js';
import { openSqlite } from '../../src/io/sqlite.js';
import { buildBinaryPlist } from '../../src/plist/codec.js';
import { type PlistDict, type PlistValue, plistDict } from '../../src/plist/value.js';
import { backupInfoDocument } from '../../src/ui/backup-info-document.js';
import { backupInfoLines } from '../../src/ui/backup-info-screen.js';
import { fakeTerminal } from '../support/fake-terminal.js';

const root = mkdtempSync(join(tmpdir(), 'ibk-facts-'));
afterAll(() => rm(root, { recursive: true, force: true }));
const folder = join(root, '00008120-000A1D2E0C88401E');
await mkdir(folder);
const database = openSqlite(join(folder, 'Manifest.db'));
database.exec('CREATE TABLE Files (fileID TEXT PRIMARY KEY, domain TEXT, relativePath TEXT, flags INTEGER, file BLOB)');
database.close();

const INFO = [
  ...[
    'Applications',
    'Build Version',
    'Device Name',
    'Display Name',
    'ICCID',
    'IMEI',
    'IMEI 2',
    'Installed Applications',
  ],
  ...[
    'Last Backup Date',
    'MEID',
    'Phone Number',
    'Product Type',
    'Product Version',
    'Serial Number',
    'Target Identifier',
  ],
  ...['iTunes Version', 'macOS Version', 'ibk Version', 'ibk Files Not Sent'],
];
const STATUS = ['SnapshotState', 'Date', 'UUID', 'BackupState', 'Version', 'IsFullBackup'];
const MANIFEST = [
  'Version',
  'Date',
  'IsEncrypted',
  'WasPasscodeSet',
  'BackupKeyBag',
  'Lockdown',
  'Applications',
  'ManifestKey',
];

async function look(info: PlistDict, status: PlistDict, manifest: PlistDict) {
  const parts = { Info: info, Status: status, Manifest: manifest };
  for (const [name, dict] of Object.entries(parts))
    await writeFile(join(folder, `${name}.plist`), buildBinaryPlist(dict));
  const naming = { root, words: [folder], udids: [], command: 'ibk info', cwd: root, measure: false };
  const { chosen } = await chooseBackup(naming);
  const facts = await backupFacts(chosen, { root });
  const terminal = fakeTerminal({ env: { LANG: 'C.UTF-8' } });
  return { facts, lines: backupInfoLines(facts, terminal), document: backupInfoDocument(facts) };
}

const value: fc.Arbitrary<PlistValue> = fc.oneof(
  fc.constant(true),
  fc.integer(),
  fc.constant('text \u001b[31m\u202e'),
  fc.constant(Buffer.from('data')),
  fc.constant(new Date(Number.NaN)),
  fc.constant<PlistValue>(['a', 7, { b: 'c' }]),
  fc.constant<PlistValue>({ a: { b: 1 }, ContainerContentClass: 7 }),
);
const dictOf = (keys: readonly string[]) =>
  fc.record(Object.fromEntries(keys.map((key) => [key, fc.option(value, { nil: undefined, freq: 6 })]))).map(plistDict);

test('any type at any key', async () => {
  await fc.assert(
    fc.asyncProperty(dictOf(INFO), dictOf(STATUS), dictOf(MANIFEST), async (info, status, manifest) => {
      const { lines, document } = await look(info, status, manifest);
      expect(lines.join('')).not.toMatch(/[\u001b\u202e]/);
      expect(JSON.stringify(document)).toBeTypeOf('string');
    }),
    { numRuns: 60 },
  );
});

test('what the lists tell', async () => {
  const info = plistDict({
    'Display Name': "Anna's iPhone",
    'Product Type': 'iPhone15,4',
    'Phone Number': '+49 151 23456789',
    'Phone Number 2': 7,
    IMEI: '353918112233445',
    'IMEI 2': '353918112233452',
    MEID: '35391811223344',
    ICCID: '8949000000000000001',
    'Installed Applications': ['a.b', 'c.d'],
    'Serial Number': ['F4KXL0Q7PN'],
  });
  const manifest = plistDict({
    Version: '10.0',
    IsEncrypted: false,
    Lockdown: plistDict({ SerialNumber: 'F4KXL0Q7PN', BuildVersion: '23B85', ProductVersion: '26.1' }),
  });
  const { lines } = await look(info, plistDict({ SnapshotState: 'finished' }), manifest);
  expect(lines).toEqual([
    "Anna's iPhone",
    '  Device      iPhone 15 (iPhone15,4), iOS 26.1 (23B85), serial F4KXL0Q7PN',
    '  UDID        00008120-000A1D2E0C88401E',
    '  Phone       +49 151 23456789, IMEI 35 391811 223344 5, IMEI 35 391811 223345 2',
    '  SIM         ICCID 8949000000000000001',
    '  Contents    0 files, 0 B, 0 domains, 2 apps, not encrypted',
    '  Left out    passwords, Health, Wi-Fi networks, HomeKit, Safari tabs',
    '  State       complete · by another tool',
    `  Folder      ${folder}`,
  ]);
});

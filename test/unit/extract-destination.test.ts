/** Where an extraction goes, from what was typed and what is there. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { chooseDestination, type DestinationOptions } from '../../src/operations/extract/destination.js';
import { outputName } from '../../src/operations/extract/output-name.js';
import { probePlace } from '../../src/output/place-probe.js';

const cwd = mkdtempSync(join(tmpdir(), 'ibk-destination-'));
afterAll(() => rmSync(cwd, { recursive: true, force: true }));
for (const name of ['empty', 'used', 'archive.zip', 'backup/ab', 'phone'])
  mkdirSync(join(cwd, name), { recursive: true });
for (const name of ['used/a', 'used/sms.db', 'file', 'old.tar']) writeFileSync(join(cwd, name), 'x');
symlinkSync('backup', join(cwd, 'link'));

function choose(to: string | undefined, options: Partial<DestinationOptions> = {}): string {
  const base = { archive: undefined, overwrite: undefined, named: undefined, name: 'phone', cwd };
  const found = chooseDestination({ ...base, to, closed: [join(cwd, 'backup')], ...options });
  const path = 'path' in found ? ` ${found.path.slice(cwd.length + 1)}` : '';
  const state = found.kind === 'folder' ? ` ${found.state}` : '';
  return `${found.kind}${path}${state}${'format' in found && found.format !== undefined ? ` ${found.format}` : ''}`;
}

test.each([
  [undefined, {}, 'folder phone-2 new'],
  [undefined, { archive: 'tar.gz' }, 'archive phone.tar.gz tar.gz'],
  ['-', {}, 'stream'],
  ['-', { archive: 'zip' }, 'stream zip'],
  ['new', {}, 'folder new new'],
  ['empty', {}, 'folder empty empty'],
  ['used', { overwrite: 'never' }, 'folder used used'],
  ['x.tar', {}, 'archive x.tar tar'],
  ['x.TGZ', {}, 'archive x.TGZ tar.gz'],
  ['x.zip', {}, 'archive x.zip zip'],
  ['x.bin', { archive: 'zip' }, 'archive x.bin zip'],
  ['x.zip/', {}, 'folder x.zip new'],
  ['archive.zip', {}, 'folder archive.zip empty'],
  ['old.tar', { overwrite: 'always' }, 'archive old.tar tar'],
  ['out.db', { named: 'sms.db' }, 'file out.db'],
  ['empty', { named: 'sms.db' }, 'file empty/sms.db'],
  ['new/', { named: 'sms.db' }, 'file new/sms.db'],
  ['used', { named: 'sms.db', overwrite: 'always' }, 'file used/sms.db'],
] as const)('--to %s with %j: %s', (to, options, expected) => expect(choose(to, options)).toBe(expected));

test.each([
  ['', {}, '--to is empty'],
  ['used', {}, 'is not empty'],
  ['file', {}, 'is a file, and several files match'],
  ['old.tar', {}, 'is there already'],
  ['archive.zip', { archive: 'zip' }, 'is a folder; an archive needs a name'],
  ['file', { named: 'sms.db' }, 'is there already'],
  ['used', { named: 'sms.db' }, 'used/sms.db is there already'],
  ['backup/new', {}, 'lies inside the backup'],
  ['backup', { overwrite: 'always' }, 'lies inside the backup'],
  ['backup/ab/x.tar', {}, 'lies inside the backup'],
  ['link/new/deeper', {}, 'lies inside the backup'],
  ['empty/../backup/Manifest.db', { named: 'sms.db' }, 'lies inside the backup'],
] as const)('--to %j with %j is refused: %s', (to, options, words) => {
  expect(() => choose(to, options)).toThrow(
    expect.objectContaining({ code: 'usage', message: expect.stringContaining(words) }),
  );
});

test.each([
  ["Anna's iPhone", 'Annas-iPhone-2026-11-21'],
  ['Anna’s iPhone 📱', 'Annas-iPhone-2026-11-21'],
  ['../../etc/\x1b[2J', 'etc-2J-2026-11-21'],
  ['アンナの iPhone', 'アンナの-iPhone-2026-11-21'],
  ['..', 'backup-2026-11-21'],
  ['x'.repeat(500), `${'x'.repeat(60)}-2026-11-21`],
])('a device called %j: %s', (name, expected) => expect(outputName(name, new Date(2026, 10, 21, 8, 6))).toBe(expected));

test('what a disk can hold is found out without a trace', () => {
  const folder = join(cwd, 'empty');
  expect(probePlace(folder, 'linux')).toEqual({ windows: false, foldsCase: false, foldsUnicode: false });
  expect(probePlace(folder, 'win32').windows).toBe(true);
  expect(readdirSync(folder)).toEqual([]);
});

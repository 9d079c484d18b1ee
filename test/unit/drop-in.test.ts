/** The command line of idevicebackup2, as idevicebackup2 1.3.0 was seen to understand it, and where it is not followed. */
import { expect, test } from 'vitest';
import { type DropInArguments, parseDropIn } from '../../src/commands/drop-in/arguments.js';
import { exitStatusOf } from '../../src/commands/drop-in/result.js';

const run = (line: string): Partial<DropInArguments> => {
  const parsed = parseDropIn(line === '' ? [] : line.split(' '));
  if (parsed.kind !== 'run') throw new Error(`${line}: ${JSON.stringify(parsed)}`);
  return parsed.asked;
};
const wrong = (line: string) => {
  const parsed = parseDropIn(line === '' ? [] : line.split(' '));
  return parsed.kind === 'wrong' ? parsed.message : parsed.kind;
};

test('options stand anywhere', () => {
  expect(run('-u X --full backup /dir')).toMatchObject({ verb: 'backup', udid: 'X', full: true, directory: '/dir' });
  expect(run('/dir backup --udid=X -n -d')).toMatchObject({ udid: 'X', network: true, debug: true, directory: '/dir' });
  expect(run('-uX -sY info .')).toMatchObject({ udid: 'X', source: 'Y', directory: '.' });
  expect(run('backup -- -dir')).toMatchObject({ directory: '-dir' });
});

test('what a restore is asked for', () => {
  const asked = { system: false, settings: false, remove: false, copy: false, reboot: true, skipApps: false };
  expect(run('restore .')).toMatchObject(asked);
  const all = run('restore --system --settings --remove --copy --no-reboot --skip-apps --password p .');
  expect(all).toMatchObject({ system: true, settings: true, remove: true, copy: true, reboot: false, skipApps: true });
  expect(all).toMatchObject({ passwords: ['p'], directory: '.' });
});

test('words after a verb', () => {
  expect(run('encryption on secret')).toMatchObject({ on: true, passwords: ['secret'], directory: undefined });
  expect(run('encryption off secret .')).toMatchObject({ on: false, passwords: ['secret'], directory: '.' });
  expect(run('changepw old new .')).toMatchObject({ passwords: ['old', 'new'], directory: '.' });
  expect(run('cloud off .')).toMatchObject({ on: false, directory: '.' });
  // An option is never a password: idevicebackup2 has set "-i" (libimobiledevice #1200).
  expect(run('encryption on -i')).toMatchObject({ interactive: true, passwords: [] });
});

test('what makes no sense is refused', () => {
  expect(wrong('')).toBe('No command specified.');
  expect(wrong('bogus')).toBe('No command specified.');
  expect(wrong('backup')).toBe('No target backup directory specified.');
  expect(wrong('backup a b')).toContain('more arguments');
  // idevicebackup2 passes over the second command in silence (libimobiledevice #1469).
  expect(wrong('backup . encryption on secret')).toContain('more arguments');
  expect(wrong('encryption')).toContain("takes 'on' or 'off'");
  expect(wrong('cloud bogus')).toContain("not 'bogus'");
  expect(wrong('--bogus backup .')).toBe('Unknown option --bogus.');
  expect(wrong('backup . -u')).toBe('The option -u needs a value.');
  expect(wrong('-u  backup .')).toBe('The option -u needs a value.');
  expect(wrong('backup . --help')).toBe('help');
  expect(wrong('-v')).toBe('version');
});

test('the exit status is the negated number of the device, in eight bits, and never 0', () => {
  expect([undefined, 1, 105, 207, 256].map(exitStatusOf)).toEqual([255, 255, 151, 49, 255]);
});

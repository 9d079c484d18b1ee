/** Backup encryption of a phone in words. */
import type { EncryptionStatus } from '../operations/results.js';
import type { Screen } from './terminal.js';
import { printable } from './text.js';

export function statusLine({ name, noun, encrypted, passcodeSet, forcedByManagement }: EncryptionStatus): string {
  const parts = [`${printable(name)}: backups are ${encrypted ? 'encrypted' : 'not encrypted'}.`];
  if (passcodeSet !== null) parts.push(`The ${noun} has ${passcodeSet ? 'a' : 'no'} passcode.`);
  if (forcedByManagement) parts.push('Management wants them encrypted.');
  return parts.join(' ');
}

export function changedLines(
  { name }: EncryptionStatus,
  action: 'on' | 'off' | 'change',
  { glyphs, style }: Screen,
): string[] {
  const who = printable(name);
  if (action === 'change')
    return [style.done(`${glyphs.ok} Changed. Backups made before still open with the old password.`)];
  if (action === 'off') {
    return [
      style.done(`${glyphs.ok} Backups of ${who} are not encrypted from now on.`),
      '  The next backup sends everything again. Backups made so far stay encrypted.',
    ];
  }
  return [
    style.done(`${glyphs.ok} Backups of ${who} are encrypted from now on.`),
    '  The next backup sends everything again. Backups made so far stay unencrypted.',
    '  Nobody, Apple included, can recover this password. Write it down.',
  ];
}

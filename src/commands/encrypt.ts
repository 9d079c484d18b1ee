import { IbkError } from '../errors.js';
import { type CommandSpec, DEVICE_CODES } from './command.js';

export const encryptCommand: CommandSpec = {
  help: {
    name: 'encrypt',
    sentence:
      'Backup encryption of an iPhone: is it on, turn it on or off, change its password. The password belongs to the iPhone, not to one backup.',
    rows: [
      { flags: 'status', words: 'is it on' },
      { flags: 'on', words: 'from the next backup on; asks for a new password twice' },
      { flags: 'off', words: 'backups then lack passwords, Health and more' },
      { flags: 'change', words: 'another password for backups to come' },
      { flags: 'check BACKUP', words: 'try a password on a backup; no iPhone is needed' },
      { flags: '--new-password-file F', words: 'also -command, -fd; else a prompt' },
    ],
    examples: [
      ['ibk encrypt on', 'the connected iPhone'],
      ['ibk encrypt change -u "Lab iPhone 7"', 'one of several'],
      ['ibk encrypt check latest --password-file guess', 'exit 0 or 12'],
    ],
    note: 'iOS 13 and later asks for the passcode on the iPhone. check: a wrong password costs one key derivation, some seconds; a backup that is not encrypted needs none, that is said, exit 0.',
    more: [
      'Forgotten password? No tool can read it out or reset it in a backup.',
      '  The iPhone can drop it for future backups: Settings > General > Transfer or',
      '  Reset > Reset > Reset All Settings (your data stay; Wi-Fi, layout and privacy',
      '  settings go). Then: ibk encrypt on, ibk backup.',
      '  Older backups keep their old password; keep them in case you recall it:',
      '  ibk encrypt check BACKUP tests a guess without the iPhone.',
    ],
    codes: [
      ...DEVICE_CODES.filter((code) => !['ambiguous_device', 'timeout', 'interrupted'].includes(code)),
      'device_precondition',
      'cancelled',
      'not_found',
      'in_use',
      'password',
      'damaged',
      'destination',
      'unsafe',
      'ambiguous_device',
      'timeout',
      'interrupted',
    ],
  },
  aliases: ['encryption'],
  mostArguments: 2,
  options: [],
  run: async (session, _options, [what, word]) => {
    if (what === 'check') return (await import('./encrypt-check.js')).runEncryptCheck(session, word);
    if (word !== undefined)
      throw new IbkError('usage', `ibk encrypt ${what} takes no "${word}".`, { hint: 'ibk encrypt --help' });
    if (what === 'status') return (await import('./encrypt-device.js')).runEncryptStatus(session);
    if (what === 'on' || what === 'off' || what === 'change')
      return (await import('./encrypt-device.js')).runEncryptChange(session, what);
    throw new IbkError(
      'usage',
      what === undefined ? 'ibk encrypt does nothing by itself.' : `ibk encrypt has no "${what}".`,
      { hint: 'ibk encrypt status' },
    );
  },
};

import { IbkError } from '../errors.js';
import { formatDate } from '../figures.js';
import { checkPassword } from '../operations/check-password.js';
import { passwordCheckDocument } from '../ui/documents.js';
import { hanging } from '../ui/errors.js';
import { jsonLine } from '../ui/ndjson.js';
import { printable } from '../ui/text.js';
import { chooseBackup } from './choose-backup.js';
import type { CommandSpec } from './command.js';
import { password } from './password.js';

export const encryptCommand: CommandSpec = {
  help: {
    name: 'encrypt',
    sentence: 'Does a password open a backup? Without BACKUP: the latest.',
    rows: [
      { flags: 'check', words: 'try a password on a backup; no iPhone is needed' },
      { flags: 'BACKUP', words: 'latest, latest~2, a version id, a device, a folder' },
    ],
    examples: [
      ['ibk encrypt check', 'asks for the password'],
      ['ibk encrypt check latest~2', 'an earlier version'],
      ['ibk encrypt check --password-file guess', 'for scripts: exit 0 or 12'],
    ],
    note: 'A wrong password costs one key derivation, some seconds with the keys of an iPhone. A backup that is not encrypted needs none: that is said, exit 0.',
    more: [
      'Forgotten password? No tool can read it out or reset it in a backup.',
      '  The iPhone can drop it for future backups: Settings > General > Transfer or',
      '  Reset > Reset > Reset All Settings (your data stay; Wi-Fi, layout and privacy',
      '  settings go). Then turn encryption on again, and: ibk backup',
      '  Older backups keep their old password; keep them in case you recall it:',
      '  ibk encrypt check BACKUP tests a guess without the iPhone.',
    ],
    codes: [
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
  mostArguments: 2,
  options: [],
  run: async (session, _options, [what, word]) => {
    const { config, terminal, signal } = session;
    const { root, json, quiet } = config;
    if (what !== 'check')
      throw new IbkError(
        'usage',
        what === undefined ? 'ibk encrypt does nothing by itself.' : `ibk encrypt has no "${what}".`,
        {
          hint: 'ibk encrypt check',
        },
      );
    const chosen = await chooseBackup(session, word, 'ibk encrypt check');
    const found = await checkPassword(chosen, { root, password: password(session), word, signal });
    const { out } = terminal;
    if (json) out.write(jsonLine(passwordCheckDocument(found)));
    else if (!quiet) {
      const of = `${printable(found.name)}${found.madeAt === null ? '' : `, ${formatDate(found.madeAt)}`}`;
      const words = found.encrypted
        ? `The password opens this backup (${of}).`
        : `This backup is not encrypted (${of}).`;
      for (const line of hanging(out.glyphs.ok, words, out.width())) out.line(out.style.done(line));
    }
    return 0;
  },
};

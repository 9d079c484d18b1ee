import { runExtract } from './extract-run.js';
import { BACKUP_CODES, type CommandSpec } from './command.js';
import { REPEATABLE_SELECTION_OPTIONS, SELECTION_OPTIONS, SELECTION_ROWS } from './selection-options.js';

/** Where files go, and how. */
export const OUTPUT_OPTIONS: readonly string[] = [
  '--to <PATH>',
  '--stdout',
  '--archive <FORMAT>',
  '--layout <LAYOUT>',
  '--names <STYLE>',
  '--overwrite <WHEN>',
  '--skip-existing',
];

export const extractCommand: CommandSpec = {
  help: {
    name: 'extract',
    sentence: 'Take files out of a backup, decrypted, with their dates: all of them, or those that you choose.',
    rows: [
      { flags: 'BACKUP', words: 'latest, latest~2, @2026-11-01, a version, device or folder' },
      ...SELECTION_ROWS,
      { flags: '--to PATH', words: 'a folder, a name for a single file, x.tar, x.zip, or -' },
      { flags: '--stdout', words: 'the same as --to -: one file, or an archive' },
      { flags: '--archive F', words: 'tar, tar.gz or zip; else --to tells by its ending' },
      { flags: '--layout L', words: 'domain, device (as on the phone) or flat         [domain]' },
      { flags: '--names N', words: 'auto (what the place can hold), portable or raw    [auto]' },
      { flags: '--overwrite W', words: 'never, if-newer or always: in a folder that is not empty' },
      { flags: '--skip-existing', words: 'the same as --overwrite never: goes on with a stopped run' },
    ],
    examples: [
      ['ibk extract --type photos', 'into a new folder here'],
      ['ibk extract latest --domain HomeDomain --to home', 'one domain'],
      ['ibk extract --path Library/SMS/sms.db --to - > sms.db', 'one file'],
      ['ibk extract --app net.whatsapp.WhatsApp --to wa.zip', 'an app, as an archive'],
      ['ibk extract --archive tar --to - | tar t', 'all, as a stream'],
    ],
    note: 'The backup is only read. Where one domain is asked for, its folder is left out, unless --layout domain is given. Names that the place cannot hold are changed, and listed; a name that is taken gets a number. Links that leave the folder are not kept. What cannot be read is listed, and the exit code is 3.',
    codes: ['partial', ...BACKUP_CODES],
  },
  mostArguments: 2,
  options: [...SELECTION_OPTIONS, ...OUTPUT_OPTIONS],
  repeatable: REPEATABLE_SELECTION_OPTIONS,
  run: (session, options, words) => runExtract(session, options, words, {}),
};

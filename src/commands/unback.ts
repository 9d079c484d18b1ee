/** `unback` of idevicebackup2: everything, as on the phone, to `_unback_/<UDID>` under the backup root. */
import { join } from 'node:path';
import type { CommandSpec } from './command.js';
import { extractCommand } from './extract.js';
import { runExtract } from './extract-run.js';

export const unbackCommand: CommandSpec = {
  ...extractCommand,
  help: {
    ...extractCommand.help,
    name: 'unback',
    sentence: 'The same as ibk extract --layout device: all files of a backup, as they lay on the phone.',
    examples: [
      ['ibk unback', 'to _unback_/<UDID> under the backup root'],
      ['ibk unback latest --to phone', 'to another place'],
    ],
  },
  run: (session, options, words) =>
    runExtract(session, options, words, {
      layout: 'device',
      to: (udid) => join(session.config.root, '_unback_', udid),
    }),
};

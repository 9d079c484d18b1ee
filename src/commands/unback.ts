/** `unback` of idevicebackup2: everything, as on the phone, to `_unback_/<UDID>` under the backup root. */
import { join } from 'node:path';
import { type CommandSpec, DEVICE_SIDE_ROW } from './command.js';
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
    rows: [...extractCommand.help.rows, DEVICE_SIDE_ROW],
  },
  options: [...extractCommand.options, '--device-side'],
  run: async (session, options, words) => {
    const { to } = options;
    if (options['deviceSide'] === true)
      return (await import('./phone-side.js')).runPhoneSide(
        session,
        'Unback',
        words,
        typeof to === 'string' ? to : undefined,
      );
    return runExtract(session, options, words, {
      layout: 'device',
      to: (udid) => join(session.config.root, '_unback_', udid),
    });
  },
};

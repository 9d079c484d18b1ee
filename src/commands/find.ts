import { IbkError } from '../errors.js';
import { TYPES_NOTE } from './selection-options.js';
import type { CommandSpec } from './command.js';

export const findCommand: CommandSpec = {
  help: {
    name: 'find',
    sentence: 'Files in a backup by name, path, size or date. Without BACKUP: the latest.',
    rows: [
      { flags: 'PATTERN', words: "a name (IMG_44*.HEIC), or a path ('Media/**/*.MOV')" },
      { flags: 'BACKUP', words: 'latest, latest~2, @2026-11-01, an id, device or path' },
      { flags: '--regex', words: 'PATTERN is a regular expression over domain/path' },
      { flags: '--size RANGE', words: '+10M, -1k or 1M..10M' },
      { flags: '--newer, --older WHEN', words: 'changed since, or before: 2026-11-01, or 3d ago' },
      { flags: '--domain D, --app ID', words: 'only there; also --type T' },
      { flags: '-i, --ignore-case', words: 'case does not count' },
      { flags: '--dirs', words: 'folders, too' },
      { flags: '--all', words: 'the newest backup of every device under the root' },
      { flags: '--all-versions', words: 'when it appeared, changed, vanished' },
    ],
    examples: [
      ["ibk find 'IMG_44*.HEIC'", 'photos by name'],
      ["ibk find '*' --size +500M --older 365d", 'large and old'],
      ['ibk find sms.db --all', 'of every device'],
      ["ibk find 'IMG_44*' --all-versions", 'which version had it'],
      ["ibk find --regex '\\.(mov|mp4)$' -i --json", 'for scripts'],
    ],
    note: `* and ? do not cross a /, ** does. Nothing found: exit 10, as a search in a script expects. With --json, one object a line. ${TYPES_NOTE}`,
    codes: ['partial', 'not_found', 'password', 'damaged', 'destination', 'ambiguous_device', 'interrupted'],
  },
  mostArguments: 2,
  options: [
    '--regex',
    '--size <RANGE>',
    '--newer <WHEN>',
    '--older <WHEN>',
    '-i, --ignore-case',
    '--dirs',
    '--all',
    '--all-versions',
  ],
  repeatable: ['--domain <D>', '--app <ID>', '--type <T>'],
  run: async (session, options, [pattern, ...words]) => {
    if (pattern === undefined)
      throw new IbkError('usage', 'What is to be found was not said.', { hint: "ibk find 'IMG_44*.HEIC'" });
    const { findIn } = await import('./find-files.js');
    return findIn({ session, options, pattern }, words);
  },
};

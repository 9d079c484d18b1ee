import { chooseBackups } from '../operations/choose-backups.js';
import { listBackups } from '../operations/list-backups.js';
import { listDocument } from '../ui/documents.js';
import { listAdvice, listLines } from '../ui/list-screen.js';
import { jsonLine } from '../ui/ndjson.js';
import type { CommandSpec } from './command.js';

export const listCommand: CommandSpec = {
  help: {
    name: 'list',
    sentence: 'The backups under the backup root: each device, and the versions that are kept of it.',
    rows: [],
    examples: [
      ['ibk list', 'all of them'],
      ['ibk list -u "Anna\'s iPhone" -o /mnt/nas', 'one device, another root'],
      ['ibk list --json | jq .devices[].versions[0]', 'for scripts'],
    ],
    note: 'It reads the disk and asks no device. Backups that idevicebackup2, Finder or iTunes made in the same folder are listed too.',
    codes: ['not_found', 'destination', 'ambiguous_device', 'interrupted'],
  },
  aliases: ['ls'],
  options: [],
  run: async ({ config, terminal, clock, signal }) => {
    const listing = chooseBackups(await listBackups({ root: config.root, signal }), config.udids);
    if (config.json) terminal.out.write(jsonLine(listDocument(listing)));
    else {
      for (const line of listLines(listing, terminal, clock.now())) terminal.out.line(line);
      if (!config.quiet) for (const line of listAdvice(listing, terminal.err)) terminal.err.line(line);
    }
    return 0;
  },
};

import { chooseBackups } from '../operations/choose-backups.js';
import { listBackups } from '../operations/list-backups.js';
import { type DeviceStats, statsOf } from '../operations/retention/stats.js';
import { statsDocument } from '../ui/history-documents.js';
import { jsonLine } from '../ui/ndjson.js';
import { statsLines } from '../ui/stats-screen.js';
import type { CommandSpec } from './command.js';

export const statsCommand: CommandSpec = {
  help: {
    name: 'stats',
    sentence: 'What the backups of each device take on the disk: the newest, what earlier versions add, and both.',
    rows: [],
    examples: [
      ['ibk stats', 'all devices'],
      ['ibk stats -u "Anna\'s iPhone" --json', 'for scripts'],
    ],
    note: 'As full copies: what the versions would take if each were a folder of its own. Manifests, which are part of the newest and of the history, stand in a column of their own from 120 columns on.',
    codes: ['not_found', 'damaged', 'destination', 'incompatible', 'unsafe', 'ambiguous_device', 'interrupted'],
  },
  options: [],
  run: async ({ config: { root, udids, json }, terminal: { out }, signal }) => {
    const { backups } = chooseBackups(await listBackups({ root, signal }), udids);
    const devices: DeviceStats[] = [];
    for (const backup of backups) devices.push(await statsOf(root, backup));
    if (json) out.write(jsonLine(statsDocument(devices)));
    else for (const line of statsLines(devices, out)) out.line(line);
    return 0;
  },
};

import { chooseVersion } from '../operations/choose-backups.js';
import { listBackups } from '../operations/list-backups.js';
import { verify } from '../operations/verify.js';
import { verifyDocument } from '../ui/documents.js';
import { jsonLine } from '../ui/ndjson.js';
import { verifyLines } from '../ui/verify-screen.js';
import { verifyView } from '../ui/verify-view.js';
import type { CommandSpec } from './command.js';

export const verifyCommand: CommandSpec = {
  help: {
    name: 'verify',
    sentence: 'Is a backup complete and undamaged? Without BACKUP: the latest.',
    rows: [
      { flags: 'BACKUP', words: 'latest, latest~2, a version id, a device, or the path of a backup' },
      { flags: '--read-data', words: 'read every file, compare it with its checksum' },
    ],
    examples: [
      ['ibk verify', 'every file is there'],
      ['ibk verify --read-data', 'and as the iPhone sent it'],
      ['ibk verify m2xq8d04', 'an earlier version'],
      ['ibk verify -u "Anna\'s iPhone" --json', 'one of several, for scripts'],
    ],
    note: 'It changes nothing. Checksums are taken while a backup is received; what another tool made has none. Which files the manifest of an encrypted backup names is not checked, since that needs its password; ibk check is the same command.',
    codes: ['not_found', 'in_use', 'damaged', 'destination', 'incompatible', 'ambiguous_device', 'interrupted'],
  },
  aliases: ['check'],
  mostArguments: 1,
  options: ['--read-data'],
  run: async ({ config, terminal, clock, signal }, options, [word]) => {
    const readData = options['readData'] === true;
    const { root, udids, json, quiet } = config;
    // A path need not be under a root at all.
    const isPath = word !== undefined && /[/\\]/.test(word);
    const listing = await listBackups({ root, signal }).catch((error: unknown) => {
      if (isPath) return { root, bytes: 0, backups: [] };
      throw error;
    });
    const chosen = await chooseVersion(listing, { word, udids, command: 'ibk verify', cwd: process.cwd() });
    const total = readData ? (chosen.version.bytes ?? undefined) : undefined;
    const view = verifyView(terminal.err, clock, total, json || quiet);
    const report = await verify(chosen, {
      root,
      readData,
      signal,
      onProgress: (soFar) => view.progress(soFar),
    }).finally(() => view.close());
    if (json) terminal.out.write(jsonLine(verifyDocument(report)));
    else if (!quiet) for (const line of verifyLines(report, terminal.out)) terminal.out.line(line);
    else if (report.code !== 'ok') for (const line of verifyLines(report, terminal.err)) terminal.err.line(line);
    return report.exit;
  },
};

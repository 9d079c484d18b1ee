import { IbkError } from '../errors.js';
import { parseReadSubset, type ReadSubset } from '../operations/read-subset.js';
import { verify } from '../operations/verify.js';
import { verifyDocument } from '../ui/verify-document.js';
import { jsonLine } from '../ui/ndjson.js';
import { verifyLines } from '../ui/verify-screen.js';
import { verifyView } from '../ui/verify-view.js';
import { BACKUP_CODES, type CommandSpec } from './command.js';
import { password } from './password.js';
import { wholeBackup } from './whole-backup.js';

export const verifyCommand: CommandSpec = {
  help: {
    name: 'verify',
    sentence: 'Is a backup complete, undamaged and restorable? Without BACKUP: the latest.',
    rows: [
      { flags: 'BACKUP', words: 'latest, latest~2, a version id, a device, a folder' },
      { flags: '--read-data', words: 'read every file, compare it with its checksum' },
      { flags: '--read-data-subset S', words: '1/7 of them, or 10% (others each day)' },
      { flags: '--adopt', words: 'keep checksums of files that have none' },
    ],
    examples: [
      ['ibk verify', 'every file is there'],
      ['ibk verify --read-data', 'and as the iPhone sent it'],
      ['ibk verify m2xq8d04', 'an earlier version'],
      ['ibk verify --password-file pw --json', 'for scripts'],
    ],
    note: 'It changes nothing; --adopt writes into the catalog of the backup root alone. Checksums are taken while a backup is received; of what another tool made, only the files that carry a digest can be compared. The manifest of an encrypted backup is read with its password; where nobody can be asked for it, the rest is checked, and said so. ibk check is the same command.',
    codes: ['timeout', ...BACKUP_CODES],
  },
  aliases: ['check'],
  mostArguments: 1,
  options: ['--read-data', '--read-data-subset <S>', '--adopt'],
  run: async (session, options, [word]) => {
    const { config, terminal, clock, signal } = session;
    const { root, json, quiet } = config;
    const subset = subsetOf(options['readDataSubset'], new Date(clock.now()));
    const readData = options['readData'] === true || subset !== undefined;
    const { chosen } = await wholeBackup(session, word, { command: 'ibk verify' });
    const view = verifyView(terminal.err, clock, totalOf(readData, subset, chosen.version.bytes), json || quiet);
    const report = await verify(chosen, {
      root,
      readData,
      subset,
      adopt: options['adopt'] === true,
      password: password(session),
      word,
      signal,
      onProgress: (soFar) => view.progress(soFar),
    }).finally(() => view.close());
    if (json) terminal.out.write(jsonLine(verifyDocument(report)));
    else if (!quiet) for (const line of verifyLines(report, terminal.out)) terminal.out.line(line);
    else if (report.code !== 'ok') for (const line of verifyLines(report, terminal.err)) terminal.err.line(line);
    return report.exit;
  },
};

function totalOf(readData: boolean, subset: ReadSubset | undefined, bytes: number | null): number | undefined {
  return readData && subset === undefined ? (bytes ?? undefined) : undefined;
}

function subsetOf(words: unknown, now: Date): ReadSubset | undefined {
  if (typeof words !== 'string') return undefined;
  const subset = parseReadSubset(words, now);
  if (subset !== undefined) return subset;
  throw new IbkError('usage', `--read-data-subset "${words}" is no part of a backup.`, { hint: 'Such as 10% or 1/7' });
}

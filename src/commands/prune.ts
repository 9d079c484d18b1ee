import { KILL_POINT_VARIABLE, killPoint } from '../backup/disk/kill-point.js';
import { countOf, formatBytes } from '../figures.js';
import { chooseBackups } from '../operations/choose-backups.js';
import { listBackups } from '../operations/list-backups.js';
import { prune, type PruneResult } from '../operations/retention/prune.js';
import { hanging } from '../ui/errors.js';
import { pruneDocument } from '../ui/history-documents.js';
import { jsonLine } from '../ui/ndjson.js';
import { printable } from '../ui/text.js';
import { type CommandSpec, STORE_CODES } from './command.js';

export const pruneCommand: CommandSpec = {
  help: {
    name: 'prune',
    sentence: 'Take away what no version needs: leftovers of interrupted runs, and what was set aside 30 days ago.',
    rows: [{ flags: '-y, --yes', words: 'also what ibk did not put into its own folder' }],
    examples: [
      ['ibk prune', 'all devices'],
      ['ibk prune --dry-run', 'what would go'],
    ],
    note: 'Versions are never touched: ibk forget is for those. A backup clears away what an interrupted one left by itself, so this is rarely needed. It works on a full disk.',
    codes: STORE_CODES,
  },
  options: [],
  run: async ({ config, terminal, env, signal }) => {
    const { root, udids, json, quiet, dryRun, yes } = config;
    const { out, err } = terminal;
    const { backups } = chooseBackups(await listBackups({ root, measure: false, signal }), udids);
    const kept = backups.filter(({ versions }) => versions.some(({ id }) => id !== null));
    const beforeChange = killPoint(env[KILL_POINT_VARIABLE]);
    const done = await prune(kept, { root, dryRun, removeUnknown: yes, signal, beforeChange });
    if (json) out.write(jsonLine(pruneDocument(done, dryRun)));
    else if (dryRun) out.line(wouldWords(done));
    else if (!quiet)
      for (const line of hanging(err.glyphs.ok, doneWords(done), err.width())) err.line(err.style.done(line));
    if (!json && !quiet)
      for (const name of done.unknown)
        for (const line of hanging(
          err.glyphs.attention,
          `${printable(name)} is none of ibk's; it stays. To remove it: ibk prune --yes`,
          err.width(),
        ))
          err.line(err.style.attention(line));
    return 0;
  },
};

function doneWords({ files, bytes }: PruneResult): string {
  if (files === 0) return 'Nothing is left over. Versions are untouched.';
  return `Removed ${countOf(files, 'leftover')} of interrupted runs, ${formatBytes(bytes)}. Versions are untouched.`;
}

function wouldWords({ files, bytes }: PruneResult): string {
  if (files === 0) return 'Nothing is left over.';
  return `Would remove ${countOf(files, 'leftover')} of interrupted runs, ${formatBytes(bytes)}. No version was touched.`;
}

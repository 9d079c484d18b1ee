import { prepareRepair } from '../operations/repair.js';
import { jsonLine } from '../ui/ndjson.js';
import { shellWord } from '../ui/paths.js';
import { confirm } from '../ui/prompt.js';
import { repairDocument } from '../ui/repair-document.js';
import { repairedLines, repairPlanLines, repairQuestion } from '../ui/repair-screen.js';
import { BACKUP_CODES, type CommandSpec } from './command.js';
import { password } from './password.js';
import { wholeBackup } from './whole-backup.js';

export const repairCommand: CommandSpec = {
  help: {
    name: 'repair',
    sentence: 'Clear away what other tools left in a backup folder. Says what it will do, and asks first.',
    rows: [{ flags: 'BACKUP', words: 'latest, a device, a folder' }],
    examples: [
      ['ibk repair', 'the newest backup'],
      ['ibk repair ./Backup/00008120 --dry-run', 'a folder anywhere'],
      ['ibk repair --yes', 'without asking'],
    ],
    note: 'An interrupted run of another tool leaves a Snapshot: one that was being moved into place is completed, if the backup is whole then; others are set aside, and so are property lists of no bytes and files that no row of the manifest names. Nothing is deleted: under a backup root it goes to .ibk or stays with the version before, elsewhere to a new folder beside the backup. What is missing or damaged it cannot bring back. How the iPhone goes on from a completed run is not known: verify it, and make a full backup soon.',
    codes: BACKUP_CODES,
  },
  mostArguments: 1,
  options: [],
  run: async (session, _options, [named]) => {
    const { config, terminal, clock, signal } = session;
    const { root, json, quiet, noInput, dryRun } = config;
    const { out, err } = terminal;
    const { chosen, word } = await wholeBackup(session, named, { command: 'ibk repair', measure: false });
    const planned = await prepareRepair(chosen, { root, password: password(session), word, signal });
    const exit = planned.plan.verified.faults.length === 0 ? 0 : 13;
    const isAsked = !planned.nothing && !dryRun && !config.yes;
    if (!json && (!quiet || isAsked)) for (const line of repairPlanLines(planned, out)) out.line(line);
    if (planned.nothing || dryRun) {
      if (json) out.write(jsonLine(repairDocument(planned, undefined)));
      else if (dryRun && !quiet) out.line('Nothing was changed.');
      return exit;
    }
    const answeredBy = `ibk repair ${shellWord(word)} --yes`;
    if (isAsked && !(await confirm(repairQuestion(planned), answeredBy, { terminal, json, noInput, signal }))) {
      if (!quiet) err.line('Nothing was changed.');
      return exit;
    }
    const result = await planned.run(clock.now());
    const isWhole = result.after.verified.faults.length === 0;
    if (json) out.write(jsonLine(repairDocument(planned, result)));
    else if (!quiet || !isWhole) for (const line of repairedLines(planned, result, err)) err.line(line);
    return isWhole ? 0 : 13;
  },
};

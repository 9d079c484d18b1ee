/** `ibk idevicebackup2 …`: the command line of another program, so that scripts move over by one word. The work is that of ibk's own commands. */
import { IbkError } from '../errors.js';
import type { CommandSpec } from './command.js';
import { parseDropIn, type Verb } from './drop-in/arguments.js';
import { runCloud, runEncryption, withoutFolders } from './drop-in/device-verbs.js';
import { dropInFor, type DropIn } from './drop-in/drop-in.js';
import { runInfo, runList, runUnback } from './drop-in/reading-verbs.js';
import { FAILED, tellFailure } from './drop-in/result.js';
import { runBackup, runRestore } from './drop-in/transfer-verbs.js';
import { DROP_IN_USAGE, DROP_IN_VERSION } from './drop-in/usage.js';
import type { Session } from './session.js';

/** `what`: in the line that tells of a failure. */
const RUNS: Readonly<Record<Verb, { readonly run: (drop: DropIn) => Promise<void>; readonly what?: string }>> = {
  backup: { run: runBackup, what: 'Backup' },
  restore: { run: runRestore, what: 'Restore' },
  info: { run: runInfo },
  list: { run: runList },
  unback: { run: runUnback },
  encryption: { run: runEncryption },
  changepw: { run: runEncryption },
  cloud: { run: runCloud },
};

export const idevicebackup2Command: CommandSpec = {
  help: {
    name: 'idevicebackup2',
    sentence: 'The command line of idevicebackup2, for scripts.',
    rows: [],
    examples: [],
    note: '',
    codes: [],
  },
  options: [],
  passThrough: true,
  run: runDropIn,
};

async function runDropIn(session: Session, _options: unknown, args: readonly string[]): Promise<number> {
  const { terminal } = session;
  const { out } = terminal;
  const parsed = parseDropIn(args);
  switch (parsed.kind) {
    case 'version':
      out.line(DROP_IN_VERSION);
      return 0;
    case 'wrong':
      out.line(parsed.message);
      for (const line of DROP_IN_USAGE) out.line(line);
      return FAILED;
    case 'help':
      for (const line of DROP_IN_USAGE) out.line(line);
      return 0;
    case 'run': {
      const passwords = await withoutFolders(parsed.asked.passwords);
      if (passwords.length > 0) warnOfArguments(session);
      const { run, what } = RUNS[parsed.asked.verb];
      const drop = dropInFor(session, { ...parsed.asked, passwords }, process.cwd());
      try {
        await run(drop);
        return 0;
      } catch (error) {
        // What stopped the run is the cause of whatever failed then.
        const { signal } = session;
        return tellFailure(signal.aborted && signal.reason instanceof IbkError ? signal.reason : error, terminal, what);
      }
    }
  }
}

/** From now on the list of processes shows them no more, where the system lets a program change what it shows. */
function warnOfArguments({ terminal: { err } }: Session): void {
  process.title = 'ibk idevicebackup2';
  err.line(
    err.style.attention(`${err.glyphs.attention} A password was given as an argument: other users could read it.`),
  );
  err.line(`${err.glyphs.next} Set BACKUP_PASSWORD and BACKUP_PASSWORD_NEW, or use -i.`);
}

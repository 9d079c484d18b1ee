/** `ibk info BACKUP`. */
import { backupFacts } from '../operations/backup-facts.js';
import { backupInfoDocument } from '../ui/backup-info-document.js';
import { backupInfoLines, missingLines } from '../ui/backup-info-screen.js';
import { jsonLine } from '../ui/ndjson.js';
import { password } from './password.js';
import type { Session } from './session.js';
import { wholeBackup } from './whole-backup.js';

export async function infoOfBackup(session: Session, named: string | undefined, missing: boolean): Promise<number> {
  const { config, terminal, signal } = session;
  const { root } = config;
  const { chosen, word } = await wholeBackup(session, named, { command: 'ibk info latest', measure: false });
  // Nobody is asked: a password is used where it is at hand.
  const asking = config.password === undefined ? undefined : password(session);
  const facts = await backupFacts(chosen, { root, password: asking, word, missing, signal });
  if (config.json) terminal.out.write(jsonLine(backupInfoDocument(facts)));
  else {
    for (const line of backupInfoLines(facts, terminal)) terminal.out.line(line);
    if (facts.missing !== null) for (const line of missingLines(facts.missing, terminal)) terminal.out.line(line);
  }
  return 0;
}

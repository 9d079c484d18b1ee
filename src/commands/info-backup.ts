/** `ibk info BACKUP`. */
import { IbkError } from '../errors.js';
import { chooseBackup } from '../operations/backup-word.js';
import { backupFacts } from '../operations/backup-facts.js';
import { backupInfoDocument } from '../ui/backup-info-document.js';
import { backupInfoLines, missingLines } from '../ui/backup-info-screen.js';
import { jsonLine } from '../ui/ndjson.js';
import { password } from './password.js';
import type { Session } from './session.js';

export async function infoOfBackup(session: Session, words: readonly string[], missing: boolean): Promise<number> {
  const { config, terminal, signal } = session;
  const { root, udids } = config;
  const naming = { root, words, udids, command: 'ibk info latest', cwd: process.cwd(), measure: false, signal };
  const { chosen, word, selection } = await chooseBackup(naming);
  if (selection.length > 0)
    throw new IbkError('usage', 'ibk info is about a whole backup, not about some of its files.', {
      hint: `ibk list ${word} "${selection[0]}" --long`,
    });
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

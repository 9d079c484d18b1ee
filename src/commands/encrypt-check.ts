/** `ibk encrypt check`: does a password open a backup? Needs no phone. */
import { formatDate } from '../figures.js';
import { checkPassword } from '../operations/check-password.js';
import { passwordCheckDocument } from '../ui/documents.js';
import { hanging } from '../ui/errors.js';
import { jsonLine } from '../ui/ndjson.js';
import { printable } from '../ui/text.js';
import { password } from './password.js';
import type { Session } from './session.js';
import { wholeBackup } from './whole-backup.js';

export async function runEncryptCheck(session: Session, word: string | undefined): Promise<number> {
  const { config, terminal, signal } = session;
  const { root, json, quiet } = config;
  const { chosen } = await wholeBackup(session, word, { command: 'ibk encrypt check' });
  const found = await checkPassword(chosen, { root, password: password(session), word, signal });
  const { out } = terminal;
  if (json) out.write(jsonLine(passwordCheckDocument(found)));
  else if (!quiet) {
    const of = `${printable(found.name)}${found.madeAt === null ? '' : `, ${formatDate(found.madeAt)}`}`;
    const words = found.encrypted ? `The password opens this backup (${of}).` : `This backup is not encrypted (${of}).`;
    for (const line of hanging(out.glyphs.ok, words, out.width())) out.line(out.style.done(line));
  }
  return 0;
}

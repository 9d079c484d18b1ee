/** The password of a backup, for whoever needs it: from where the options say, else typed by the person at the terminal. */
import { IbkError } from '../errors.js';
import type { Secret } from '../io/secret.js';
import { canAsk } from '../ui/prompt.js';
import { askSecret } from '../ui/secret-prompt.js';
import { fetchPassword } from './password-source.js';
import type { Session } from './session.js';

/** A slip of the finger is forgiven twice. */
const MOST_TRIES = 3;

/**
 * Asked again after a wrong password: at a terminal it may be typed three times, from elsewhere it comes once.
 * What is given belongs to the caller, who wipes it. Undefined: there is no (other) password to be had.
 */
export type AskPassword = (question: string) => Promise<Secret | undefined>;

/** `question` as in `Password of the backup of Anna's iPhone:`; each has tries of its own. */
export function password(session: Session): AskPassword {
  const { config, terminal, signal } = session;
  const { password: source, json, noInput } = config;
  const tries = new Map<string, number>();
  let fetched: Promise<Secret> | undefined;
  return async (question) => {
    const before = tries.get(question) ?? 0;
    tries.set(question, before + 1);
    if (source !== undefined) {
      if (before > 0) return undefined;
      fetched ??= fetchPassword(source, session);
      return (await fetched).copy();
    }
    const asking = { terminal, json, noInput, signal };
    if (!canAsk(asking) || before >= MOST_TRIES) return undefined;
    if (before > 0)
      terminal.err.line(terminal.err.style.attention(`${terminal.err.glyphs.attention} It does not open this backup.`));
    return askSecret(question, asking);
  };
}

/** What opens an encrypted backup is missing, and nobody can be asked. */
export function passwordMissing(): IbkError {
  return new IbkError('password', 'This backup is encrypted, and there is no password.', {
    reason: 'no_password',
    meaning: 'Nobody could be asked: this is no terminal, or --json or --no-input was given.',
  });
}

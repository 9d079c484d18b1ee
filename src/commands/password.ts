/** The password of a backup, for whoever needs it: from where the options say, else typed by the person at the terminal. */
import type { AskPassword } from '../operations/open-backup.js';
import type { Secret } from '../io/secret.js';
import { canAsk } from '../ui/prompt.js';
import { askSecret } from '../ui/secret-prompt.js';
import { fetchPassword } from './password-source.js';
import type { Session } from './session.js';

/** A slip of the finger is forgiven twice. */
const MOST_TRIES = 3;

/** Asked again after a wrong password: at a terminal it may be typed three times, from elsewhere it comes once. Each question has tries of its own. */
export function password(session: Session, wrong = 'It does not open this backup.'): AskPassword {
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
    if (before > 0) terminal.err.line(terminal.err.style.attention(`${terminal.err.glyphs.attention} ${wrong}`));
    return askSecret(question, asking);
  };
}

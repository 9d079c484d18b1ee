/** The password of a backup, for whoever needs it: from where the options say, else typed by the person at the terminal. */
import { IbkError } from '../errors.js';
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
  return async (question, udid) => {
    const before = tries.get(question) ?? 0;
    tries.set(question, before + 1);
    const asking = { terminal, json, noInput, signal };
    if (source?.from === 'keychain') {
      const kept = before > 0 || udid === undefined ? undefined : await session.passwords.of(udid);
      if (kept !== undefined) return kept;
      if (before === 0 && !canAsk(asking)) throw notInKeychain();
    } else if (source !== undefined) {
      if (before > 0) return undefined;
      fetched ??= fetchPassword(source, session);
      const secret = (await fetched).copy();
      session.passwords.note(udid, secret);
      return secret;
    }
    if (!canAsk(asking) || before >= MOST_TRIES) return undefined;
    if (before > 0) terminal.err.line(terminal.err.style.attention(`${terminal.err.glyphs.attention} ${wrong}`));
    const secret = await askSecret(question, asking);
    if (secret !== undefined) session.passwords.note(udid, secret);
    return secret;
  };
}

/** At a terminal the person is asked instead. */
function notInKeychain(): IbkError {
  return new IbkError('password', 'The keychain of this computer has no password for this device.', {
    reason: 'not_in_keychain',
    hint: 'To save it, at a terminal: ibk encrypt check BACKUP --save-password',
  });
}

/** A password that is to be set: from where the options say, else typed twice. */
import { IbkError } from '../errors.js';
import type { Secret } from '../io/secret.js';
import { canAsk } from '../ui/prompt.js';
import { askSecret } from '../ui/secret-prompt.js';
import { fetchPassword } from './password-source.js';
import type { Session } from './session.js';

const SHORT_CHARACTERS = 8;
/** The first guesses of everybody; any other rule would be a guess of ours. */
const COMMON = /^(?:password|passwort|passw0rd|qwert[yz]|abc|iloveyou|letmein|admin|apple|iphone|welcome)[0-9!]*$/i;
const ONE_CHARACTER = /^(.)\1*$/su;
const DIGITS = /^[0-9]+$/;

/** @throws IbkError `password`: there is none, or it is empty; `usage`: the two differ */
export async function newPassword(session: Session, question: string, udid: string): Promise<Secret> {
  const { config, terminal, signal } = session;
  const { newPassword: source, json, noInput } = config;
  const asking = { terminal, json, noInput, signal };
  const given = source === undefined ? await typedTwice(question, asking) : await fetchPassword(source, session);
  session.passwords.note(udid, given);
  if (isEasy(given.bytes().toString('utf8')) && !config.quiet) {
    const { err } = terminal;
    err.line(err.style.attention(`${err.glyphs.attention} Easy to guess.`));
  }
  return given;
}

async function typedTwice(question: string, asking: Parameters<typeof askSecret>[1]): Promise<Secret> {
  if (!canAsk(asking)) {
    throw new IbkError('password', 'A new password is needed, and nobody can be asked.', {
      reason: 'no_password',
      meaning: 'Nothing was changed.',
      hint: 'Use --new-password-file, --new-password-command or IBK_NEW_PASSWORD, or run it at a terminal.',
    });
  }
  const first = await askSecret(question, asking);
  if (first === undefined) {
    throw new IbkError('password', 'The new password is empty.', {
      reason: 'no_password',
      meaning: 'Nothing was changed.',
      hint: 'To turn encryption off: ibk encrypt off',
    });
  }
  const again = await askSecret('Again:', asking);
  const same = again !== undefined && first.equals(again);
  again?.wipe();
  if (same) return first;
  first.wipe();
  throw new IbkError('usage', 'The two passwords differ.', {
    reason: 'passwords_differ',
    meaning: 'Nothing was changed.',
  });
}

function isEasy(text: string): boolean {
  return [...text].length < SHORT_CHARACTERS || COMMON.test(text) || ONE_CHARACTER.test(text) || DIGITS.test(text);
}

/** The exit status of idevicebackup2, and how it words a failure: `ErrorCode 207: …` and 256 - 207, or `ERROR: …` and 255. */
import { asIbkError, IbkError } from '../../errors.js';
import type { RestoreCheck, RestorePlan } from '../../operations/restore/results.js';
import { hanging } from '../../ui/errors.js';
import type { Terminal } from '../../ui/terminal.js';
import { printableSentence } from '../../ui/text.js';

export const FAILED = 255;

/** Reasons that are not the device's, in its number all the same: what it would have answered. */
const NUMBER_OF_CHECK: Readonly<Partial<Record<RestoreCheck['check'], number>>> = {
  backup: 205,
  password: 207,
  ios: 203,
  find_my: 211,
  space: 105,
};

/** Refused by us before the device could: its number. */
const NUMBER_OF_REASON: Readonly<Record<string, number>> = { forced_by_management: 209, wrong_password: 207 };

/** Never 0 (seen: the process ends with the negated number, of which the shell sees eight bits). */
export function exitStatusOf(deviceErrorCode: number | undefined): number {
  const status = deviceErrorCode === undefined ? FAILED : -deviceErrorCode & 0xff;
  return status === 0 ? FAILED : status;
}

/**
 * @param what `Backup`, `Restore`: what failed, in the last line
 * @returns the exit status
 */
export function tellFailure(thrown: unknown, { out, err }: Terminal, what: string | undefined): number {
  const error = asIbkError(thrown);
  const { message, meaning, hint } = error;
  const number = error.deviceErrorCode ?? NUMBER_OF_REASON[error.reason ?? ''];
  const told = error.details['device_description'];
  const words = typeof told === 'string' && told !== '' ? told : message;
  out.line(
    number === undefined ? `ERROR: ${printableSentence(message)}` : `ErrorCode ${number}: ${printableSentence(words)}`,
  );
  if (what !== undefined)
    out.line(number === undefined ? `${what} Aborted.` : `${what} Failed (Error Code ${number}).`);
  // What the original never said. Advice to use a command or an option of ibk's would miss DIRECTORY.
  const more = [words === message ? undefined : message, meaning, /\bibk |--/.test(hint) ? undefined : hint];
  for (const line of more.flatMap((text) => (text === undefined ? [] : hanging('', text, err.width())))) err.line(line);
  return exitStatusOf(number);
}

/** What stood in the way of a restore: all of it is told, the first decides. */
export function refusal(plans: readonly RestorePlan[]): IbkError {
  const failed = plans.flatMap(({ checks }) => checks).filter(({ state }) => state === 'fail');
  const [first] = failed;
  const number = first === undefined || first.hint === null ? undefined : numberOf(first);
  const sentences = failed.map(({ check, message }) => `${check.replaceAll('_', ' ')}: ${message}`);
  return new IbkError(first?.code ?? 'error', `The restore was not begun: ${sentences.join('; ')}.`, {
    meaning: 'Nothing was sent to the device.',
    ...(first?.hint ? { hint: first.hint } : {}),
    ...(number === undefined ? {} : { deviceErrorCode: number }),
  });
}

/** A password that nobody gave is no answer of the device's. */
function numberOf({ check, message }: RestoreCheck): number | undefined {
  return check === 'password' && message === 'missing' ? undefined : NUMBER_OF_CHECK[check];
}

/** The supervision identity of `--p12`, opened: without a password where it has none, else with the one from where the options say. */
import { IbkError } from '../errors.js';
import { readSmallFile } from '../io/small-files.js';
import { readIdentity, type SupervisionIdentity, WRONG_P12_PASSWORD } from '../protocol/lockdown/supervision.js';
import { password } from './password.js';
import type { Session } from './session.js';

const MOST_BYTES = 1024 * 1024;

/** @throws IbkError `usage` for a file that is none, `password` */
export async function supervisionIdentity(session: Session, path: string): Promise<SupervisionIdentity> {
  const p12 = await readSmallFile(path, MOST_BYTES);
  if (p12 === undefined)
    throw new IbkError('usage', `The identity ${path} cannot be read.`, { reason: 'p12', hint: 'ibk pair --help' });
  let failure: unknown;
  try {
    return await readIdentity(p12, undefined, path);
  } catch (error) {
    if (!isWrongPassword(error)) throw error;
    failure = error;
  }
  const ask = password(session, 'It does not open this file.');
  for (;;) {
    const secret = await ask(`Password of ${path}:`);
    if (secret === undefined) throw failure;
    try {
      return await readIdentity(p12, secret, path);
    } catch (error) {
      if (!isWrongPassword(error)) throw error;
      failure = error;
    } finally {
      secret.wipe();
    }
  }
}

function isWrongPassword(error: unknown): boolean {
  return error instanceof IbkError && error.reason === WRONG_P12_PASSWORD;
}

/** Finding the password that opens a backup: asked for only when it is needed, tried in the forms in which keyboards write it. */
import { IbkError } from '../../errors.js';
import { formatDate } from '../../figures.js';
import type { Secret } from '../../io/secret.js';

/**
 * Gives the password; asked again after a wrong one. What it gives belongs to the asker, who wipes it.
 * Undefined: there is none, or no other. `question` as in `Password of the backup of Anna's iPhone:`; `udid` is that of the device, where it is known.
 */
export interface AskPassword {
  (question: string, udid?: string): Promise<Secret | undefined>;
  /** Told the form that opened the backup: which of the two it is, only trying shows. Valid during the call. */
  readonly opened?: (form: Buffer) => void;
}

export interface BackupName {
  readonly device: string;
  readonly udid?: string | undefined;
  readonly madeAt: Date | undefined;
  /** As a person names it to ibk: `latest`. */
  readonly word: string;
}

/** A slip of the finger is forgiven twice. */
const MOST_TRIES = 3;

/**
 * @param attempt what the password opens; undefined: it does not. Takes as long as the backup's key derivation
 * @throws IbkError `password`: wrong, or there is none; what `attempt` throws
 */
export async function withPassword<T>(
  ask: AskPassword | undefined,
  name: BackupName,
  attempt: (password: Buffer) => Promise<T | undefined>,
): Promise<T> {
  let last: Secret | undefined;
  try {
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const secret = await ask?.(`Password of the backup of ${name.device}:`, name.udid);
      // A source that has only one gives the same again.
      if (secret === undefined || last?.equals(secret) === true) {
        secret?.wipe();
        break;
      }
      last?.wipe();
      last = secret;
      for (const form of formsOf(secret)) {
        const opened = await attempt(form);
        if (opened === undefined) continue;
        ask?.opened?.(form);
        return opened;
      }
    }
    throw last === undefined ? missingPassword(name) : wrongPassword(name);
  } finally {
    last?.wipe();
  }
}

/** As typed; then composed and decomposed, where that differs: macOS and Windows write `ä` in different ways. */
function* formsOf(secret: Secret): Generator<Buffer, void> {
  const typed = secret.bytes();
  yield typed;
  const text = typed.toString('utf8');
  if (!Buffer.from(text, 'utf8').equals(typed)) return;
  for (const form of ['NFC', 'NFD']) {
    const normal = Buffer.from(text.normalize(form), 'utf8');
    if (!normal.equals(typed)) yield normal;
  }
}

function wrongPassword(name: BackupName): IbkError {
  return new IbkError('password', `The password does not open this backup (${described(name)}).`, {
    reason: 'wrong_password',
    meaning: 'It was chosen when encryption was turned on and is not the passcode.',
    hint: `Try again: ibk encrypt check ${name.word} · Forgotten: ibk encrypt --help`,
  });
}

function missingPassword(name: BackupName): IbkError {
  return new IbkError('password', `This backup is encrypted, and there is no password (${described(name)}).`, {
    reason: 'no_password',
    meaning: 'Nobody could be asked: this is no terminal, or --json or --no-input was given.',
  });
}

function described({ device, madeAt }: BackupName): string {
  return madeAt === undefined ? device : `${device}, ${formatDate(madeAt)}`;
}

/**
 * Every error name of lockdownd, with code, words and advice. Names and meanings: libimobiledevice's table and pymobiledevice3's
 * exceptions agree on them; the exit codes are ibk's contract.
 */
import { type ErrorCode, IbkError } from '../../errors.js';

interface LockdownErrorEntry {
  readonly code: ErrorCode;
  /** `%` stands for iPhone, iPad or device. */
  readonly message: string;
  readonly meaning?: string;
  readonly hint?: string;
  /** The answer of a session that has gone stale: reconnect, start a session, ask once more. */
  readonly stale?: true;
}

const internal = (message: string): LockdownErrorEntry => ({ code: 'device_error', message });

const UNLOCK = 'Unlock it, keep it unlocked, then run the same command again.';
const PAIR_AGAIN = 'ibk pair';

export const LOCKDOWN_ERRORS: Readonly<Record<string, LockdownErrorEntry>> = {
  PasswordProtected: { code: 'device_locked', message: 'The % is locked.', hint: UNLOCK },
  EscrowLocked: {
    code: 'device_locked',
    message: 'The % is locked and could not be opened by its pair record.',
    hint: UNLOCK,
  },
  PairingDialogResponsePending: {
    code: 'not_paired',
    message: 'The Trust dialog on the % has not been answered.',
    hint: 'Tap Trust on it and enter its passcode, then run: ibk pair',
  },
  UserDeniedPairing: {
    code: 'not_paired',
    message: 'Trust was refused on the %.',
    meaning: 'Without it no backup is possible. Nothing was changed.',
    hint: 'Unplug it, plug it in again, tap Trust, then run: ibk pair',
  },
  InvalidHostID: {
    code: 'not_paired',
    message: 'The % no longer knows this computer.',
    meaning: 'It was restored, or its trust settings were reset. Backups that were made stay as they are.',
    hint: PAIR_AGAIN,
  },
  MissingHostID: { code: 'not_paired', message: 'The pair record lacks its host ID.', hint: PAIR_AGAIN },
  MissingPairRecord: { code: 'not_paired', message: 'The % has no pair record of this computer.', hint: PAIR_AGAIN },
  InvalidPairRecord: { code: 'not_paired', message: 'The % did not accept the pair record.', hint: PAIR_AGAIN },
  SavePairRecordFailed: {
    code: 'not_paired',
    message: 'The % could not store the pair record.',
    hint: 'Restart it, then run: ibk pair',
  },
  PairingProhibitedOverThisConnection: {
    code: 'not_paired',
    message: 'The first pairing needs the cable.',
    meaning: 'iOS does not allow it over Wi-Fi.',
    hint: 'Connect the cable, then run: ibk pair',
  },
  MCProtected: {
    code: 'device_precondition',
    message: 'The management profile of the % forbids pairing.',
    hint: 'Ask whoever manages it to allow pairing, or for its supervision identity: ibk pair --p12 FILE',
  },
  MCChallengeRequired: {
    code: 'not_paired',
    message: 'The % is supervised and pairs only with computers of its organization.',
    hint: 'With the supervision identity of the organization: ibk pair --p12 FILE',
  },
  FMiPProtected: {
    code: 'device_precondition',
    message: 'Find My is on, and the % does not allow this while it is.',
    hint: 'Turn off Find My: Settings > (your name) > Find My, then run the same command again.',
  },
  ServiceProhibited: {
    code: 'device_precondition',
    message: 'The % does not allow this service.',
    meaning: 'A management profile forbids it, or it is not available over Wi-Fi.',
    hint: 'Try it with the cable; otherwise ask whoever manages the device.',
  },
  ServiceLimit: {
    code: 'device_busy',
    message: 'Too many programs use this service of the % at once.',
    hint: 'Close Finder, iTunes and other such programs, then run the same command again.',
  },
  InvalidActivationRecord: {
    code: 'device_busy',
    message: 'The % is not activated.',
    hint: 'Finish setting it up, then run the same command again.',
  },
  MissingActivationRecord: {
    code: 'device_busy',
    message: 'The % is not activated.',
    hint: 'Finish setting it up, then run the same command again.',
  },
  InvalidService: {
    code: 'incompatible',
    message: 'The iOS version of the % does not offer this service.',
    hint: 'Update the device, or ibk.',
  },
  SessionActive: internal('The % says that a session is open already.'),
  SessionInactive: { ...internal('The % ended the session.'), stale: true },
  MissingSessionID: { ...internal('The % missed the session.'), stale: true },
  InvalidSessionID: { ...internal('The % does not know the session.'), stale: true },
  InvalidConnection: { ...internal('The % says that the connection is in a bad state.'), stale: true },
  MissingService: internal('The % missed the name of the service.'),
  MissingKey: internal('The % missed the name of a value.'),
  MissingValue: internal('The % has no such value.'),
  GetProhibited: internal('The % does not allow that value to be read.'),
  SetProhibited: internal('The % does not allow that value to be set.'),
  RemoveProhibited: internal('The % does not allow that value to be removed.'),
  ImmutableValue: internal('The % says that the value cannot be changed.'),
  InvalidResponse: internal('The % could not make sense of an answer.'),
};

/** MissingValue to StartService with an escrow bag: seen on devices that were restarted and not unlocked since. */
const NOT_UNLOCKED_SINCE_START: LockdownErrorEntry = {
  code: 'device_locked',
  message: 'The % has not been unlocked since it started.',
  meaning: 'Until then nothing on it can be read.',
  hint: 'Unlock it once, then run the same command again.',
};

export interface LockdownErrorContext {
  /** The request that failed, and for StartService the service. */
  readonly request: string;
  readonly service?: string | undefined;
  /** iPhone, iPad …; default: device. */
  readonly noun?: string | undefined;
}

/** The error for a name that lockdownd answered with; `reason` is the name in snake_case, the name itself is in `details`. */
export function lockdownError(name: string, { request, service, noun = 'device' }: LockdownErrorContext): IbkError {
  const sinceStart = request === 'StartService' && name === 'MissingValue';
  const known = Object.hasOwn(LOCKDOWN_ERRORS, name) ? LOCKDOWN_ERRORS[name] : undefined;
  const entry = sinceStart
    ? NOT_UNLOCKED_SINCE_START
    : (known ?? internal(`The % answered with an error: ${plain(name)}.`));
  return new IbkError(entry.code, entry.message.replaceAll('%', noun), {
    ...(entry.meaning === undefined ? {} : { meaning: entry.meaning.replaceAll('%', noun) }),
    ...(entry.hint === undefined ? {} : { hint: entry.hint }),
    reason: sinceStart ? 'not_unlocked_since_start' : snakeCase(plain(name)),
    details: { lockdown_error: plain(name), request, service: service ?? null },
  });
}

/** A session that has gone stale is opened anew and the request repeated, once. */
export function isStaleSession(error: unknown): boolean {
  if (!(error instanceof IbkError)) return false;
  if (error.code === 'connection_lost') return error.reason !== 'detached';
  const name = error.details.lockdown_error;
  return typeof name === 'string' && LOCKDOWN_ERRORS[name]?.stale === true;
}

/** Was this error lockdownd's answer of that name? */
export function isLockdownError(error: unknown, name: string): error is IbkError {
  return error instanceof IbkError && error.details.lockdown_error === name;
}

/** The names are Apple's identifiers; anything else from a device is cut to what can be printed. */
function plain(name: string): string {
  return name.replace(/[^\w .-]/g, '?').slice(0, 80);
}

function snakeCase(name: string): string {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/([A-Z]+)([A-Z][a-z])/g, '$1_$2')
    .replace(/\W+/g, '_')
    .toLowerCase();
}

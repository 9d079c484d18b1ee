/**
 * The final answers of mobilebackup2 that are not 0, in words.
 *
 * The numbers are MBErrorDomain's, with the meanings that logs show (libimobiledevice #153, #630, #1257, #1380, #1384, #1582 and others). What the phone
 * itself said is kept word for word in `details.device_description`.
 */
import { type ErrorCode, IbkError } from '../../errors.js';
import { asInteger, field, optionalString } from '../../plist/fields.js';
import type { PlistDict } from '../../plist/value.js';

interface KnownAnswer {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string;
  readonly meaning?: string;
  readonly retryable?: boolean;
}

const RESTART = 'Restart the iPhone, then run: ibk backup';

const KNOWN: Readonly<Record<number, KnownAnswer>> = {
  1: {
    code: 'device_error',
    message: 'The iPhone could not make the backup and gave no better reason.',
    meaning: 'A locked iPhone does this, and one whose backup service has got stuck.',
    hint: 'Unlock the iPhone and run: ibk backup. Again: restart the iPhone first.',
  },
  2: { code: 'device_error', message: 'The iPhone found an argument invalid.', hint: RESTART },
  3: {
    code: 'device_error',
    message: 'The iPhone could not make a snapshot of its files.',
    meaning: 'One from an earlier, interrupted backup is in its way until it restarts.',
    hint: RESTART,
  },
  4: { code: 'device_error', message: 'The iPhone did not find a file that it needs.', hint: 'ibk backup --full' },
  9: {
    code: 'device_error',
    message: 'Files changed on the iPhone while it read them.',
    hint: 'Leave the iPhone alone for a while, then run: ibk backup',
    retryable: true,
  },
  11: {
    code: 'device_error',
    message: 'The iPhone could not read a property list of the backup.',
    hint: 'ibk backup --full',
  },
  100: { code: 'device_error', message: 'The iPhone met an error of its file system.', hint: RESTART },
  102: {
    code: 'device_error',
    message: 'The iPhone has a restore that has not ended.',
    meaning: 'It ends when the iPhone restarts.',
    hint: RESTART,
  },
  103: {
    code: 'device_error',
    message: 'The iPhone could not read the state of the earlier backup.',
    hint: 'ibk backup --full',
  },
  104: {
    code: 'device_error',
    message: 'The iPhone gave up: several of its files could not be sent.',
    meaning: 'Usually a photo or a database that it cannot read itself; Finder stops at it too.',
    hint: RESTART,
  },
  105: {
    code: 'destination',
    message: 'Not enough space for this backup.',
    hint: 'Free space there, or choose another disk: ibk backup -o DIR',
  },
  203: {
    code: 'device_error',
    message: 'The iPhone does not know the version of the earlier backup.',
    hint: 'Back up into another folder: ibk backup -o DIR',
  },
  205: {
    code: 'damaged',
    message: 'The iPhone found the earlier backup, or what it had just sent, damaged.',
    hint: 'Send everything again: ibk backup --full',
  },
  207: {
    code: 'password',
    message: 'The iPhone refused the password of the backup.',
    hint: 'It is the one chosen when encryption was turned on, not the passcode.',
  },
  208: {
    code: 'device_locked',
    message: 'The passcode was not entered on the iPhone in time.',
    meaning: 'iOS asks at each backup.',
    hint: 'Have the iPhone at hand, then: ibk backup',
  },
  209: {
    code: 'device_precondition',
    message: 'The iPhone is not allowed to be backed up to this computer.',
    hint: 'Ask whoever manages the iPhone.',
  },
  211: {
    code: 'device_precondition',
    message: 'Find My is on, and this iPhone allows no backup or restore with it.',
    hint: 'Turn off Find My: Settings, your name, Find My. Then run the same line again.',
  },
  212: {
    code: 'device_busy',
    message: 'The iPhone is busy with another backup, restore or sync.',
    hint: 'Wait until it has finished, then run: ibk backup',
  },
};

export interface FinalAnswer {
  readonly errorCode: number;
  /** As the phone wrote it; absent or empty on success. */
  readonly description: string | undefined;
  /** The text of Info and List. */
  readonly content?: string | undefined;
}

/** @throws IbkError `device_error` when it is no answer */
export function readFinalAnswer(content: PlistDict): FinalAnswer {
  return {
    errorCode: asInteger(field(content, 'ErrorCode'), "ErrorCode of the iPhone's answer"),
    description: optionalString(content, 'ErrorDescription'),
    content: optionalString(content, 'Content'),
  };
}

/** The error that belongs to an answer other than 0. What it means for the last good backup is added by the operation. */
export function answerError({ errorCode, description }: FinalAnswer): IbkError {
  const known = KNOWN[errorCode];
  const details = { device_description: description ?? null };
  if (known === undefined) {
    const words = description === undefined ? '' : `: ${description}`;
    return new IbkError('device_error', `The iPhone stopped with error ${errorCode}${words}.`, {
      reason: 'device_answer',
      deviceErrorCode: errorCode,
      hint: RESTART,
      details,
    });
  }
  return new IbkError(known.code, known.message, {
    reason: errorCode === 105 ? 'no_space' : 'device_answer',
    deviceErrorCode: errorCode,
    hint: known.hint,
    details,
    ...(known.meaning === undefined ? {} : { meaning: known.meaning }),
    ...(known.retryable === undefined ? {} : { retryable: known.retryable }),
  });
}

/** What the device asks the host to free holds this margin (measured: pymobiledevice3 #1879, #1886, libimobiledevice #1384). */
const PURGE_MARGIN_BYTES = 2 * 1024 ** 3;

/** Bytes that the backup needs in all, from a purge request: what it asks for + the free space we had reported - 2 GiB. */
export function neededBytes(purgeBytes: number, reportedFreeBytes: number): number {
  return Math.max(0, purgeBytes + reportedFreeBytes - PURGE_MARGIN_BYTES);
}

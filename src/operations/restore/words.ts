/** The errors of a restore as a person needs them: what happened, in what state the phone is, that the backup is safe, what to do. */
import { diskFailure } from '../../backup/disk/disk-errors.js';
import { IbkError, type IbkErrorInit, type Phase } from '../../errors.js';
import type { Link } from '../../events.js';
import { formatBytes, formatDuration, formatLimit, formatPercent } from '../../figures.js';

/** What is known when a restore fails. */
export interface RestoreCircumstances {
  readonly noun: string;
  readonly link: Link;
  readonly phase: Phase;
  readonly percent: number | null;
  readonly bytes: number;
  /** Every byte of the backup had been sent. */
  readonly hasEverything: boolean;
  readonly elapsedSeconds: number;
  readonly stallMs: number;
  /** The command that begins it again: `ibk restore m2xq8d04`. */
  readonly again: string;
}

const UNTOUCHED = 'The backup is untouched.';

/** Anything that is not foreseen is passed on as it is. */
export function explainRestoreFailure(error: unknown, now: RestoreCircumstances): unknown {
  const failure = diskFailure(error instanceof IbkError && error.code === 'destination' ? error.cause : error);
  if (failure !== undefined) {
    return new IbkError('destination', `${failure.words} while the backup was read.`, {
      reason: failure.reason,
      phase: now.phase,
      meaning: stateOfPhone(now, false),
      hint: `See to the disk, then: ${now.again}`,
      cause: error,
    });
  }
  if (!(error instanceof IbkError)) return error;
  const said = retold(error, now);
  const meaning = [said.meaning, stateOfPhone(now, isOpenEnd(error)), UNTOUCHED].filter(
    (text) => text !== undefined && text !== '',
  );
  return new IbkError(error.code, (said.message ?? error.message).replaceAll('iPhone', now.noun), {
    ...initOf(error),
    phase: error.phase ?? now.phase,
    meaning: meaning.join(' ').replaceAll('iPhone', now.noun),
    hint: (said.hint ?? error.hint.replace(/ibk backup.*$/, now.again)).replaceAll('iPhone', now.noun),
  });
}

/** Ended without the phone's last word; it may have said it to nobody (clients tell of links that drop with the restart). */
function isOpenEnd({ code, reason, deviceErrorCode }: IbkError): boolean {
  if (deviceErrorCode !== undefined) return false;
  return reason === 'no_answer' || ['connection_lost', 'timeout', 'interrupted', 'terminated'].includes(code);
}

/** A phone puts what it has received in place when it restarts, and not before (seen). */
function stateOfPhone({ noun, phase, bytes, hasEverything }: RestoreCircumstances, isOpen: boolean): string {
  if (phase !== 'send' && phase !== 'finish') return `Nothing was sent to the ${noun}.`;
  if (bytes === 0) return `The ${noun} is as it was.`;
  if (isOpen && hasEverything)
    return `The ${noun} had everything, and did not say that it accepts it: if it restarts by itself now, with a bar, it is restoring; if not, it is as it was.`;
  return `The ${noun} puts nothing in place before a restore is complete: it is as it was, and drops what it had received when it restarts.`;
}

function retold(error: IbkError, now: RestoreCircumstances): { message?: string; meaning?: string; hint?: string } {
  const at = now.percent === null || now.phase !== 'send' ? '' : ` at ${formatPercent(now.percent)}`;
  const restart = `Restart the ${now.noun}, then: ${now.again}`;
  switch (error.code) {
    case 'connection_lost': {
      const lost = now.link === 'network' ? `The ${now.noun} left the network` : 'The cable came out';
      return {
        message: `${lost} during the restore${at === '' ? '' : `,${at}`}.`,
        meaning: now.bytes > 0 ? `${formatBytes(now.bytes)} had been sent.` : '',
        hint: `Plug it in, restart the ${now.noun}, then: ${now.again}`,
      };
    }
    case 'device_error':
      if (error.reason !== 'no_answer') return deviceWords(error, now, at, restart);
      return { message: `The ${now.noun} ended the restore without an answer${at}.`, hint: restart };
    case 'timeout':
      if (error.reason !== 'stall') return {};
      return {
        message: `The ${now.noun} was silent for ${formatLimit(now.stallMs / 1000)} during the restore (--stall-timeout).`,
        hint: restart,
      };
    case 'interrupted':
    case 'terminated':
      return {
        message: `${error.message.replace(/\.$/, '')} during the restore${at}, after ${formatDuration(now.elapsedSeconds)}.`,
        hint: restart,
      };
    case 'unsafe': {
      const { path } = error.details;
      const named = typeof path === 'string' ? `It named ${JSON.stringify(path)}. It got nothing.` : 'It got nothing.';
      return {
        message: `Refused: the ${now.noun} asked for something outside its backup.`,
        meaning: named,
      };
    }
    case 'cancelled':
      return { hint: now.again };
    default:
      return deviceWords(error, now, at, restart);
  }
}

const BY_NUMBER: Readonly<
  Record<number, { readonly words: string; readonly meaning?: string; readonly hint?: string }>
> = {
  102: { words: 'an earlier one has not ended', meaning: 'It ends when the iPhone restarts.' },
  203: {
    words: 'it does not take a backup of this version of iOS',
    hint: 'Update the iPhone, or choose an older backup: ibk list',
  },
  205: { words: 'it found the backup damaged', hint: 'ibk verify --read-data' },
};

function deviceWords(error: IbkError, now: RestoreCircumstances, at: string, restart: string) {
  const { deviceErrorCode } = error;
  if (deviceErrorCode === undefined) return {};
  if (deviceErrorCode === 105) {
    return {
      message: `There is not enough space on the ${now.noun} for this backup.`,
      hint: `Free space on the ${now.noun}, then: ${now.again}`,
    };
  }
  const known = BY_NUMBER[deviceErrorCode];
  if (known !== undefined) {
    return {
      message: `The ${now.noun} stopped the restore${at}: ${known.words}.`,
      hint: known.hint ?? restart,
      ...(known.meaning === undefined ? {} : { meaning: known.meaning }),
    };
  }
  const told = error.details['device_description'];
  const words = typeof told === 'string' && told !== '' ? `: ${told}` : '';
  if (error.code === 'device_error')
    return {
      message: `The ${now.noun} stopped the restore${at} with error ${deviceErrorCode}${words}.`,
      hint: restart,
    };
  return {};
}

function initOf(error: IbkError): IbkErrorInit {
  const { reason, deviceErrorCode, retryable, details, cause } = error;
  const all = { reason, deviceErrorCode, retryable, details, cause };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

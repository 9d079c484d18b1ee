/** The errors of a backup as a person needs them: what happened and when, whether the last good backup is safe, what to do. */
import { diskFailure } from '../backup/disk/disk-errors.js';
import type { EarlierBackup } from '../backup/earlier.js';
import { IbkError, type IbkErrorInit, type Phase } from '../errors.js';
import type { Link } from '../events.js';
import { formatBytes, formatDate, formatDuration, formatLimit, formatPercent, groupThousands } from '../figures.js';

const DOING: Readonly<Record<Phase, string>> = {
  connect: 'connecting',
  pair: 'pairing',
  passcode: 'waiting for the passcode',
  scan: 'scanning',
  receive: 'receiving',
  finish: 'finishing',
  check: 'checking',
  commit: 'saving',
  verify: 'looking through the backup',
  send: 'sending',
};

/** What is known when a backup fails. */
export interface Circumstances {
  readonly noun: string;
  /** The device's. */
  readonly name: string;
  readonly nowMs: number;
  readonly link: Link;
  readonly phase: Phase;
  readonly percent: number | null;
  readonly bytes: number;
  readonly elapsedSeconds: number;
  readonly stallMs: number;
  readonly earlier: LastGood;
}

export type LastGood =
  | { readonly kind: 'none' }
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'damaged' }
  | { readonly kind: 'complete'; readonly madeAt: Date };

export function lastGoodOf(earlier: EarlierBackup): LastGood {
  const { state, madeAt } = earlier;
  if (state === 'none' || state === 'damaged') return { kind: state };
  return state === 'finished' && madeAt !== undefined ? { kind: 'complete', madeAt } : { kind: 'incomplete' };
}

/** The sentence that matters most. */
export function lastGoodWords(earlier: LastGood, noun: string): string {
  if (earlier.kind === 'none') return `There is no earlier backup of this ${noun}.`;
  if (earlier.kind === 'incomplete') return `What an unfinished run had left of this ${noun} is as it was.`;
  if (earlier.kind === 'damaged') return `The damaged backup of this ${noun} is as it was; earlier versions are whole.`;
  return `The last good backup (${formatDate(earlier.madeAt)}) is as it was.`;
}

/** Adds to any failure of a backup what only the operation knows. Anything that is not foreseen is passed on as it is. */
export function explainFailure(error: unknown, now: Circumstances): unknown {
  const system = systemError(error, now);
  if (system !== undefined) return system;
  if (!(error instanceof IbkError)) return error;
  // The earlier backup has made way; the error itself says what becomes of the new one.
  if (error.reason === 'commit_interrupted') return error.with({ phase: 'commit' });
  const said = retold(error, now);
  const meaning = said.meaning ?? error.meaning;
  const words = lastGoodWords(now.earlier, now.noun);
  const told = [meaning ?? ''];
  if (said.lastGood !== 'left_out') told.splice(said.lastGood === 'first' ? 0 : 1, 0, words);
  const all = told.filter((sentence) => sentence !== '').join(' ');
  return new IbkError(error.code, said.message ?? error.message.replaceAll('iPhone', now.noun), {
    ...initOf(error),
    phase: error.phase ?? now.phase,
    hint: said.hint ?? error.hint.replaceAll('iPhone', now.noun),
    meaning: all.replaceAll('iPhone', now.noun),
  });
}

interface Retold {
  readonly message?: string;
  readonly meaning?: string;
  readonly hint?: string;
  /** Where the word about the last good backup stands; by default at the end. */
  readonly lastGood?: 'first' | 'left_out';
}

function retold(error: IbkError, now: Circumstances): Retold {
  const { noun } = now;
  const doing = DOING[now.phase];
  const at = now.percent === null || now.phase !== 'receive' ? '' : `, at ${formatPercent(now.percent)}`;
  const arrived = now.bytes > 0 ? `${formatBytes(now.bytes)} had arrived` : undefined;
  switch (error.code) {
    case 'connection_lost':
      return {
        message: `${lostWords(error, now)} while ${doing}${at}.`,
        hint: now.link === 'usb' ? 'Plug it in, then: ibk backup' : 'Bring it back into the network, then: ibk backup',
        ...(arrived
          ? { meaning: `${arrived} and are not a backup yet; iOS decides whether it sends them again.` }
          : {}),
      };
    case 'timeout':
      if (error.reason !== 'stall') return {};
      return {
        message: `The ${noun} was silent for ${formatLimit(now.stallMs / 1000)} while ${doing} (--stall-timeout).`,
        meaning: `A full ${noun} can need longer.`,
        hint: `Restart the ${noun}, or: ibk backup --stall-timeout ${Math.ceil((3 * now.stallMs) / 60_000)}m`,
      };
    case 'interrupted':
    case 'terminated':
      return {
        message: `${error.message.replace(/\.$/, '')} while ${doing}, after ${formatDuration(now.elapsedSeconds)}.`,
        hint: 'ibk backup',
        lastGood: 'first',
        ...(arrived ? { meaning: `${arrived}; iOS decides whether it sends them again.` } : {}),
      };
    case 'destination':
      // The one that was there lies on the disk that is missing, if it was there.
      return error.reason === 'not_mounted' ? { lastGood: 'left_out' } : {};
    case 'in_use':
      return inUseWords(error, now);
    case 'unsafe': {
      const { path } = error.details;
      return typeof path === 'string' ? { meaning: `It named ${JSON.stringify(path)}. Nothing was written.` } : {};
    }
    case 'device_error':
      return deviceErrorWords(error, noun, doing);
    default:
      return {};
  }
}

function deviceErrorWords(error: IbkError, noun: string, doing: string): Retold {
  if (error.reason === 'no_answer')
    return { message: `The ${noun} ended the backup without an answer, while ${doing}.` };
  const unreadable = error.reason === 'protocol' || error.reason === 'plist';
  if (!unreadable || error.message.startsWith('The iPhone')) return {};
  const why = error.message.charAt(0).toLowerCase() + error.message.slice(1);
  return { message: `The ${noun} sent something that cannot be read: ${why}` };
}

const DATE_LENGTH = '2026-11-21'.length;

function inUseWords({ details }: IbkError, now: Circumstances): Retold {
  const { host, pid, since } = details;
  if (typeof host !== 'string' || typeof pid !== 'number' || typeof since !== 'string') return { lastGood: 'left_out' };
  const begun = new Date(since);
  const at = Number.isNaN(begun.getTime()) ? since : formatDate(begun);
  const time = at.startsWith(formatDate(new Date(now.nowMs)).slice(0, DATE_LENGTH)) ? at.slice(DATE_LENGTH).trim() : at;
  return {
    message: `Another ibk is writing to the backup of ${now.name}.`,
    meaning: `It runs on host ${host}, process ${pid}, since ${time}. Nothing was changed.`,
    // Of the last good backup only the other ibk could tell.
    lastGood: 'left_out',
  };
}

function lostWords(error: IbkError, now: Circumstances): string {
  if (now.link === 'network') return `The ${now.noun} left the network`;
  return error.reason === 'detached' ? 'The cable came out' : `The connection to the ${now.noun} was lost`;
}

function initOf(error: IbkError): IbkErrorInit {
  const { meaning, hint, reason, phase, deviceErrorCode, retryable, details, cause } = error;
  const all = { meaning, hint, reason, phase, deviceErrorCode, retryable, details, cause };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

/** A failure of this computer's disk. */
function systemError(error: unknown, now: Circumstances): IbkError | undefined {
  const known = error instanceof IbkError && error.code === 'destination';
  const failure = diskFailure(known ? error.cause : error);
  if (failure === undefined || (known && error.reason === 'commit_interrupted')) return undefined;
  const { reason, words, errno } = failure;
  // Before the backup has begun there is nothing that was going on.
  const doing = now.phase === 'connect' ? '' : ` while ${DOING[now.phase]}`;
  return new IbkError('destination', `${words}${doing}.`, {
    reason,
    phase: now.phase,
    meaning: lastGoodWords(now.earlier, now.noun),
    cause: error,
    details: { errno },
    ...(reason === 'no_space' ? { hint: 'Free space there, or choose another disk: ibk backup -o DIR' } : {}),
  });
}

/** The phone's own arithmetic, told by what it asked to be freed. */
export function noSpaceError(
  error: IbkError,
  neededBytes: number | undefined,
  freeBytes: number | undefined,
): IbkError {
  if (neededBytes === undefined || freeBytes === undefined || neededBytes <= freeBytes) return error;
  const missing = neededBytes - freeBytes;
  const need = formatBytes(neededBytes, 'up');
  return new IbkError(
    error.code,
    `Not enough space: this backup needs ${need}, ${formatBytes(freeBytes, 'down')} are free.`,
    {
      ...initOf(error),
      meaning: `${groupThousands(missing)} bytes are missing.`,
      hint: `Free ${formatBytes(missing, 'up')} there, or choose another disk: ibk backup -o DIR`,
      details: { ...error.details, needed_bytes: neededBytes, free_bytes: freeBytes },
    },
  );
}

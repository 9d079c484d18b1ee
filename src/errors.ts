/**
 * The one error class of ibk and the catalogue of its codes.
 *
 * A code is the slug that text and JSON print; its exit status is a promise to scripts (README, "Exit codes").
 * README, each command's help and the JSON schemas are generated from, or tested against, this table: `short` is the
 * word or two that help has room for, `title` the line of a table.
 */
import { VERSION } from './version.js';

export const ERROR_CATALOG = {
  error: {
    exit: 1,
    short: 'failed',
    title: 'another failure',
    hint: 'Run the same command again with --debug, and report what it prints.',
  },
  usage: { exit: 2, short: 'usage', title: 'bad option or config', hint: 'ibk --help' },
  partial: {
    exit: 3,
    short: 'some files missing',
    title: 'finished, some items failed',
    hint: 'The items are listed above.',
  },
  condition: { exit: 4, short: 'condition', title: 'a condition asked for was not met', hint: 'ibk list' },
  not_found: { exit: 10, short: 'not found', title: 'no such backup', hint: 'ibk list' },
  in_use: {
    exit: 11,
    short: 'in use',
    title: 'in use by another program',
    hint: 'Wait for it, then run the same line again.',
  },
  password: {
    exit: 12,
    short: 'password',
    title: 'wrong or missing password',
    hint: 'Use --password-file or --password-command, or run it at a terminal.',
  },
  damaged: { exit: 13, short: 'damaged', title: 'incomplete or damaged backup', hint: 'ibk backup --full' },
  destination: {
    exit: 14,
    short: 'disk',
    title: 'disk: no space, read-only, not mounted',
    hint: 'Choose another disk: ibk backup -o DIR',
  },
  incompatible: { exit: 15, short: 'incompatible', title: 'incompatible versions', hint: 'Update the device or ibk.' },
  unsafe: {
    exit: 16,
    short: 'unsafe',
    title: 'refused as unsafe',
    hint: 'An ordinary iPhone does not do this: do not connect this device again.',
  },
  no_device: {
    exit: 20,
    short: 'no device',
    title: 'no device found',
    hint: 'Plug it in with a data cable and unlock it. Still nothing: ibk doctor',
  },
  ambiguous_device: {
    exit: 21,
    short: 'several',
    title: 'several devices, none chosen',
    hint: 'Choose one with -u, or all with -u all',
  },
  not_paired: { exit: 22, short: 'not trusted', title: 'not trusted', hint: 'ibk pair' },
  device_locked: {
    exit: 23,
    short: 'locked',
    title: 'locked',
    hint: 'Unlock the device, then run the same command again.',
  },
  connection_lost: {
    exit: 24,
    short: 'cable',
    title: 'connection lost',
    hint: 'Check the cable, then run the same command again.',
  },
  device_error: {
    exit: 25,
    short: 'device',
    title: 'another error of the device',
    hint: 'Run it again with --trace FILE and report the file.',
  },
  timeout: {
    exit: 26,
    short: 'timeout',
    title: 'out of time',
    hint: 'Restart the device, or give it more time: --stall-timeout 45m',
  },
  device_busy: {
    exit: 27,
    short: 'busy',
    title: 'device busy',
    hint: 'Wait until it has finished, then run the same command again.',
  },
  device_precondition: {
    exit: 28,
    short: 'forbidden',
    title: 'forbidden by a setting or by management',
    hint: 'Change the setting on the device, then run the same command again.',
  },
  usbmuxd: { exit: 29, short: 'usbmuxd', title: 'usbmuxd cannot be reached', hint: 'ibk doctor' },
  cancelled: {
    exit: 30,
    short: 'cancelled on the device',
    title: 'cancelled on the device',
    hint: 'Run the same command again when it suits.',
  },
  bug: {
    exit: 70,
    short: 'bug',
    title: 'a bug in ibk',
    hint: 'Report it with the file that this makes: ibk doctor --bundle FILE',
  },
  interrupted: { exit: 130, short: 'stopped', title: 'stopped by you', hint: 'Run the same command again.' },
  terminated: { exit: 143, short: 'terminated', title: 'stopped by SIGTERM', hint: 'Run the same command again.' },
} as const satisfies Record<string, { exit: number; short: string; title: string; hint: string }>;

export type ErrorCode = keyof typeof ERROR_CATALOG;

/**
 * What a job was doing. A backup: connect pair passcode scan receive finish check commit; a restore: verify connect passcode send finish. `pair` and `passcode`
 * appear only when the device waits for a person.
 */
export type Phase =
  | 'connect'
  | 'pair'
  | 'passcode'
  | 'scan'
  | 'receive'
  | 'finish'
  | 'check'
  | 'commit'
  | 'verify'
  | 'send';

export interface IbkErrorInit {
  /** What it means, above all whether the last good backup is safe. One or more whole sentences. */
  readonly meaning?: string;
  /** What to do next; a line to paste where there is one. Default: the catalogue's. */
  readonly hint?: string;
  /** A finer code in snake_case, for JSON (`no_space`, `invalid_host_id`, `protocol`). */
  readonly reason?: string;
  readonly phase?: Phase;
  /** The device's own number, as it sent it (MBErrorDomain). */
  readonly deviceErrorCode?: number;
  /** May the very same command succeed when it is run again, with nothing else changed by a person? */
  readonly retryable?: boolean;
  /** Facts for --debug and JSON. Never a secret. */
  readonly details?: Readonly<Record<string, string | number | boolean | null>>;
  readonly cause?: unknown;
}

/** Every failure that ibk foresees. Anything else that reaches the command line is a bug of ours (exit 70). */
export class IbkError extends Error {
  readonly code: ErrorCode;
  readonly meaning: string | undefined;
  readonly hint: string;
  readonly reason: string | undefined;
  readonly phase: Phase | undefined;
  readonly deviceErrorCode: number | undefined;
  readonly retryable: boolean;
  readonly details: Readonly<Record<string, string | number | boolean | null>>;

  constructor(code: ErrorCode, message: string, init: IbkErrorInit = {}) {
    super(message, init.cause === undefined ? undefined : { cause: init.cause });
    this.name = 'IbkError';
    this.code = code;
    this.meaning = init.meaning;
    this.hint = init.hint ?? ERROR_CATALOG[code].hint;
    this.reason = init.reason;
    this.phase = init.phase;
    this.deviceErrorCode = init.deviceErrorCode;
    this.retryable = init.retryable ?? RETRYABLE.has(code);
    this.details = init.details ?? {};
  }

  /** The process exit status that belongs to the code. */
  get exit(): number {
    return ERROR_CATALOG[this.code].exit;
  }

  /** The same error with facts added that only an outer layer knows. Wrap once, add later. */
  with(init: IbkErrorInit): IbkError {
    const { meaning, hint, reason, phase, deviceErrorCode, retryable, details, cause } = this;
    const known = { meaning, hint, reason, phase, deviceErrorCode, retryable, cause };
    const kept = Object.fromEntries(Object.entries({ ...known, ...init }).filter(([, value]) => value !== undefined));
    const error = new IbkError(this.code, this.message, { ...kept, details: { ...details, ...init.details } });
    if (this.stack !== undefined) error.stack = this.stack;
    return error;
  }
}

/** Wraps what nobody foresaw, so that text, JSON and a run over several devices say the same. */
export function asIbkError(error: unknown): IbkError {
  if (error instanceof IbkError) return error;
  const words = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return new IbkError('bug', `This is a bug in ibk ${VERSION}: ${words}`, {
    meaning: 'Finished backups are not touched by it.',
    hint: 'Report it with the file that this makes: ibk doctor --bundle FILE',
    cause: error,
  });
}

const RETRYABLE: ReadonlySet<ErrorCode> = new Set([
  'in_use',
  'no_device',
  'device_locked',
  'connection_lost',
  'timeout',
  'device_busy',
  'usbmuxd',
  'cancelled',
  'interrupted',
  'terminated',
]);

/** For the `default` branch of a switch over a union: a member that was forgotten is a compile error. */
export function assertNever(value: never): never {
  throw new TypeError(`unexpected value: ${JSON.stringify(value)}`);
}

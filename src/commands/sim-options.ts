/** What `ibk sim` and `ibk sim ctl` share: the parts of a process that they touch, and the reading of options. */
import { parseCount } from '../config/values.js';
import { IbkError } from '../errors.js';

export interface SimStreams {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Resolves when SIGINT, SIGTERM or SIGHUP arrives. */
  ended(): Promise<void>;
}

export function processStreams(): SimStreams {
  return {
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    ended: () =>
      new Promise((resolve) => {
        for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve());
      }),
  };
}

/** @throws IbkError `usage` */
export function countOption(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = parseCount(text);
  if (value === undefined) throw wrongUse(`${option} ${text}`, 'It needs a whole number, at most 1,000,000.');
  return value;
}

export function wrongUse(what: string, why: string): IbkError {
  return new IbkError('usage', `ibk sim ${what} is not understood. ${why}`, { hint: 'ibk sim --help' });
}

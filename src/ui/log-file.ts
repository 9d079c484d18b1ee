/** `--log-file`: dated lines, appended; a file that only its owner can read. */
import { createWriteStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { IbkError } from '../errors.js';
import { formatDate, formatTimeOfDay } from '../figures.js';
import { printable } from './text.js';

export interface LogFile {
  /** Why the log ended before its time; undefined while nothing has failed. */
  readonly failure: Error | undefined;
  /** A line that has its date already. */
  write(line: string): void;
  /** Adds the date and time. */
  note(words: string, now: Date): void;
  close(): Promise<void>;
}

/** Should the disk fail later, the log ends and the job goes on. @throws IbkError `destination` */
export async function openLogFile(path: string): Promise<LogFile> {
  const file = await open(path, 'a', 0o600).catch((cause) => {
    throw new IbkError('destination', `The log cannot be written to ${path}.`, {
      hint: 'Choose another file: --log-file FILE',
      cause,
    });
  });
  // A umask of 0777 would shut its owner out. A log that was there keeps the mode that somebody gave it.
  if ((await file.stat()).size === 0) await file.chmod(0o600).catch(() => undefined);
  const out = createWriteStream(path, { fd: file, autoClose: true });
  let failure: Error | undefined;
  out.on('error', (error) => {
    failure ??= error;
  });
  const write = (line: string) => {
    if (failure === undefined) out.write(`${line}\n`);
  };
  return {
    get failure() {
      return failure;
    },
    write,
    note: (words, now) => write(`${formatDate(now).slice(0, 10)} ${formatTimeOfDay(now)} ${printable(words)}`),
    close: () => new Promise((resolve) => (failure === undefined ? out.end(() => resolve()) : resolve())),
  };
}

/** `--log-file`: dated lines, appended; a file that only its owner can read. */
import { createWriteStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { IbkError } from '../errors.js';
import { formatDate, formatTimeOfDay } from '../figures.js';
import { printable } from './text.js';

export interface LogFile {
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
  const out = createWriteStream(path, { fd: file, autoClose: true });
  let broken = false;
  out.on('error', () => {
    broken = true;
  });
  const write = (line: string) => {
    if (!broken) out.write(`${line}\n`);
  };
  return {
    write,
    note: (words, now) => write(`${formatDate(now).slice(0, 10)} ${formatTimeOfDay(now)} ${printable(words)}`),
    close: () => new Promise((resolve) => (broken ? resolve() : out.end(resolve))),
  };
}

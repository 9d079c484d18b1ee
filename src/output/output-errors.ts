/** Failures of the place that is written to: those of one file, and those after which nothing more can be written. */
import { IbkError } from '../errors.js';
import { codeOf } from '../io/system-code.js';

/** One entry cannot be written; the others can. */
export class EntryRefused extends Error {
  /** snake_case, for JSON. */
  readonly reason: string;

  /** @param words as they are listed: `refused: a folder is in its place` */
  constructor(reason: string, words: string) {
    super(words);
    this.name = 'EntryRefused';
    this.reason = reason;
  }
}

/** The reader of our output has gone: the end of the work, and no failure. */
export class OutputClosed extends Error {
  constructor() {
    super('The output was closed.');
    this.name = 'OutputClosed';
  }
}

type Fatal = readonly [reason: string, words: string, hint: string];

const ANOTHER = 'Choose another place with --to.';
const FATAL: Readonly<Record<string, Fatal>> = {
  ENOSPC: ['no_space', 'The disk is full', 'Free some space, or choose another place with --to.'],
  EDQUOT: ['no_space', 'The quota of the disk is used up', 'Free some space, or choose another place with --to.'],
  EROFS: ['read_only', 'The disk is read-only', ANOTHER],
  EIO: ['disk_error', 'The disk has an error', ANOTHER],
  ENODEV: ['not_mounted', 'The disk is gone', ANOTHER],
  ENXIO: ['not_mounted', 'The disk is gone', ANOTHER],
  ESTALE: ['not_mounted', 'The share is gone', ANOTHER],
  ENOTCONN: ['not_mounted', 'The disk is gone', ANOTHER],
  EMFILE: ['too_many_open', 'Too many files are open', 'Raise the limit: ulimit -n 4096'],
};

const REFUSED: Readonly<Record<string, Fatal>> = {
  EACCES: ['no_permission', 'may not be written', ANOTHER],
  EPERM: ['no_permission', 'may not be written', ANOTHER],
  ENAMETOOLONG: ['name_too_long', 'its path is too long', ANOTHER],
  EILSEQ: ['name', 'its name cannot be kept here', ANOTHER],
  EINVAL: ['name', 'its name cannot be kept here', ANOTHER],
  EFBIG: ['too_large', 'too large for this disk', ANOTHER],
  EISDIR: ['in_the_way', 'a folder is in its place', ANOTHER],
  ENOTEMPTY: ['in_the_way', 'a folder is in its place', ANOTHER],
  EEXIST: ['in_the_way', 'something else is in its place', ANOTHER],
  ENOTDIR: ['in_the_way', 'a file is in the place of its folder', ANOTHER],
};

/** What a failed call to the system means for one entry. @throws EntryRefused, IbkError `destination` */
export function throwOutputError(error: unknown): never {
  const code = codeOf(error);
  if (code === undefined || error instanceof IbkError || error instanceof EntryRefused) throw error;
  if (code === 'EPIPE') throw new OutputClosed();
  if (code in FATAL || !(code in REFUSED)) throw placeError(error);
  const [reason, words] = REFUSED[code] ?? [code, code];
  throw new EntryRefused(reason, `cannot be written: ${words}`);
}

/** What it means for the place as a whole. */
export function placeError(error: unknown, what = 'The output'): IbkError {
  const code = codeOf(error) ?? 'unknown error';
  const [reason, words, hint] = FATAL[code] ?? ['write_error', wordsOf(code, what), ANOTHER];
  return new IbkError('destination', `${words}.`, { reason, hint, cause: error, details: { errno: code } });
}

function wordsOf(code: string, what: string): string {
  const why = REFUSED[code]?.[1];
  if (code === 'EACCES' || code === 'EPERM') return `${what} may not be written`;
  if (code === 'ENOENT') return `${what} cannot be made: its folder is not there`;
  return `${what} cannot be written (${why ?? code})`;
}

/** Runs calls that write. @throws EntryRefused, OutputClosed, IbkError `destination` */
export function writing<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    return throwOutputError(error);
  }
}

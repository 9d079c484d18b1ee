/** Failures of a disk, in words and with the code that scripts see. */
import { IbkError } from '../../errors.js';
import { codeOf } from '../../io/system-code.js';

export interface DiskFailure {
  readonly reason:
    | 'no_space'
    | 'read_only'
    | 'no_permission'
    | 'disk_error'
    | 'not_mounted'
    | 'not_a_folder'
    | 'write_error';
  /** A sentence without its full stop. */
  readonly words: string;
  /** The system's name: `ENOSPC`. */
  readonly errno: string;
}

const WORDS: Readonly<Record<string, readonly [DiskFailure['reason'], string]>> = {
  ENOSPC: ['no_space', 'The disk of the backup is full'],
  EDQUOT: ['no_space', 'The quota of the disk is used up'],
  EROFS: ['read_only', 'The disk of the backup is read-only'],
  EACCES: ['no_permission', 'The backup folder may not be written'],
  EPERM: ['no_permission', 'The backup folder may not be written'],
  EIO: ['disk_error', 'The disk of the backup has an error'],
  // What ext4 says where it cannot read its own tables.
  ENOMEM: ['disk_error', 'The disk of the backup has an error'],
  ENODEV: ['not_mounted', 'The disk of the backup is gone'],
  ENXIO: ['not_mounted', 'The disk of the backup is gone'],
  ESTALE: ['not_mounted', 'The share of the backup is gone'],
  ENOTCONN: ['not_mounted', 'The disk of the backup is gone'],
  ENOTDIR: ['not_a_folder', 'A part of the path of the backup is not a folder'],
};

/** SQLite's own names of a disk's failures. */
function errnoOf(error: unknown): string | undefined {
  const code = codeOf(error) ?? '';
  if (code === 'SQLITE_FULL') return 'ENOSPC';
  if (code.startsWith('SQLITE_CANTOPEN') || code.startsWith('SQLITE_READONLY')) return 'EACCES';
  if (code.startsWith('SQLITE_IOERR')) return 'EIO';
  return /^E[A-Z0-9]+$/.test(code) && !code.startsWith('ERR_') ? code : undefined;
}

/** What a failed call to the system or to SQLite says about the disk; nothing for other errors. */
export function diskFailure(error: unknown): DiskFailure | undefined {
  if (error instanceof IbkError) return undefined;
  const errno = errnoOf(error);
  if (errno === undefined) return undefined;
  const [reason, words] = WORDS[errno] ?? ['write_error', `The backup could not be written (${errno})`];
  return { reason, words, errno };
}

/** Failures of the disk become `destination`; everything else stays what it is. */
export async function onDisk<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const failure = diskFailure(error);
    if (failure === undefined) throw error;
    const { reason, words, errno } = failure;
    throw new IbkError('destination', `${words}.`, { reason, cause: error, details: { errno } });
  }
}

/** The index is SQLite's: its failures of a disk under the system's names, which the device can be told. */
export function plain<T>(work: () => T): T {
  try {
    const result = work();
    return result instanceof Promise ? (result.catch(throwPlain) as T) : result;
  } catch (error) {
    return throwPlain(error);
  }
}

function throwPlain(error: unknown): never {
  const code = codeOf(error) ?? '';
  const errno = errnoOf(error);
  if (!code.startsWith('SQLITE_') || errno === undefined) throw error;
  throw Object.assign(new Error(`${errno}: index of the overlay`, { cause: error }), { code: errno });
}

/** Failures of a disk, in words and with the code that scripts see. */
import { IbkError } from '../../errors.js';
import { codeOf } from './disk-file-system.js';

const DISK_WORDS: Readonly<Record<string, readonly [reason: string, words: string]>> = {
  ENOSPC: ['no_space', 'The disk is full.'],
  EDQUOT: ['no_space', 'The disk quota is used up.'],
  EROFS: ['read_only', 'The disk is read-only.'],
  EACCES: ['no_permission', 'No permission to write there.'],
  EPERM: ['no_permission', 'No permission to write there.'],
  EIO: ['io_error', 'The disk failed.'],
  ENODEV: ['not_mounted', 'The disk is gone.'],
  ENXIO: ['not_mounted', 'The disk is gone.'],
  SQLITE_FULL: ['no_space', 'The disk is full.'],
};

/** Failures of the disk become `destination`; everything else stays what it is. */
export async function onDisk<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const code = codeOf(error) ?? '';
    const known = DISK_WORDS[code] ?? (code.startsWith('SQLITE_IOERR') ? DISK_WORDS['EIO'] : undefined);
    if (error instanceof IbkError || known === undefined) throw error;
    throw new IbkError('destination', known[1], { reason: known[0], cause: error });
  }
}

/** The index is SQLite's: its failures of a disk under the system's names, which the device can be told. */
export function plain<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    const code = codeOf(error) ?? '';
    if (code === 'SQLITE_FULL')
      throw Object.assign(new Error('The disk is full.', { cause: error }), { code: 'ENOSPC' });
    if (code.startsWith('SQLITE_IOERR'))
      throw Object.assign(new Error('The disk failed.', { cause: error }), { code: 'EIO' });
    throw error;
  }
}

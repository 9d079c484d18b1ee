/** Finding the payload of a record: `ab/abcd…` from iOS 10 on, `abcd…` before; tools that rewrite backups mix the two. */
import { IbkError } from '../../errors.js';
import { diskFailure } from '../disk/disk-errors.js';
import type { ReadableFile } from '../disk/file-system.js';
import type { BackupSource } from './backup-source.js';
import type { FileRecord, StoredFile } from './types.js';

export function payloadPaths(fileId: string, isFlat: boolean): readonly string[] {
  const inFolder = `${fileId.slice(0, 2)}/${fileId}`;
  return isFlat ? [fileId, inFolder] : [inFolder, fileId];
}

/**
 * The first of these paths that is there; undefined: none.
 * @throws IbkError `damaged`, reason `lost`, or `no_permission`, `disk_error`: it cannot be opened; `unsafe`: a link, a pipe or a device in its place, which is never opened
 */
export function openPayload(
  source: BackupSource,
  record: Pick<FileRecord, 'domain' | 'relativePath'>,
  paths: readonly string[],
): StoredFile | undefined {
  for (const path of paths) {
    const file = opened(source, path);
    if (file !== undefined) return { path, file };
  }
  for (const path of paths) {
    const why = source.whyNot(path);
    const details = { path, domain: record.domain, relative_path: record.relativePath };
    if (why === 'irregular')
      throw new IbkError('unsafe', 'Refused: a file of the backup is no file.', {
        reason: 'not_a_file',
        meaning: 'A link, a pipe, a device or a folder is in its place. It was not opened.',
        hint: 'ibk verify',
        details,
      });
    if (why === 'lost')
      throw new IbkError('damaged', 'A file of this version was overwritten by another program.', {
        reason: 'lost',
        hint: 'ibk verify',
        details,
      });
  }
  return undefined;
}

/** One file that the disk does not give harms none of the others. */
function opened(source: BackupSource, path: string): ReadableFile | undefined {
  try {
    return source.open(path);
  } catch (error) {
    const failure = diskFailure(error);
    if (failure === undefined) throw error;
    const { reason, errno } = failure;
    throw new IbkError('damaged', `A file of the backup could not be opened (${errno}).`, {
      reason,
      cause: error,
      details: { path, errno },
    });
  }
}

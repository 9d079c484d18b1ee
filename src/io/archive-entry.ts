/** What is found in an archive, one entry after the other. Nothing of it is to be believed: names lead anywhere, and sizes lie. */
import { IbkError } from '../errors.js';

export interface ArchiveEntry {
  /** As the archive says it, with `/`. */
  readonly path: string;
  /** `other`: a link, a device, a pipe, or what the format has besides. */
  readonly kind: 'file' | 'folder' | 'other';
  /** As the archive says. */
  readonly sizeBytes: number;
}

/**
 * What is done with an entry before the next one is looked for. `pieces` may be asked for once; each is done with when the next is asked for.
 * They throw where the archive ends too early or does not hold what it says.
 */
export type TakeEntry = (entry: ArchiveEntry, pieces: AsyncIterable<Buffer>) => Promise<void>;

export function damagedArchive(why: string, cause?: unknown): IbkError {
  return new IbkError('damaged', `The archive is damaged: ${why}.`, {
    reason: 'archive',
    meaning: 'Nothing was taken in.',
    hint: 'Make the archive again, or fetch it again.',
    cause,
  });
}

export function unsafeArchive(why: string, path: string): IbkError {
  return new IbkError('unsafe', `Refused: ${why}.`, {
    reason: 'archive',
    meaning: 'No program that makes backups writes such an archive. Nothing was taken in.',
    hint: 'Take in the folder that the archive was made of: ibk import DIR',
    details: { path: path.slice(0, 200) },
  });
}

/** What a device is served with, and what is said of a commit that stopped half way. */
import { IbkError } from '../errors.js';
import { diskFailure } from './disk-errors.js';
import type { ReadableFile } from './file-system.js';
import type { OverlayNode } from './overlay.js';

const READ_BYTES = 256 * 1024;

/** A promise means: wait for it before the next call. */
export interface LeaseSink {
  write(chunk: Buffer): Promise<void> | undefined;
  /** The file is whole: it takes the place of what was there, at the latest with `settle`. */
  commit(): Promise<void> | undefined;
  /** Never throws: what it cannot remove goes away with the run. */
  discard(): Promise<void> | undefined;
}

export interface LeaseSource {
  read(): Promise<Buffer>;
  close(): void;
}

export interface LeaseEntry {
  readonly name: string;
  readonly type: OverlayNode['type'];
  readonly sizeBytes: number;
  readonly modified: Date;
}

/** @param cause what stopped the second half of a commit, which the next start completes */
export function interrupted(cause: unknown): unknown {
  const failure = diskFailure(cause);
  if (failure === undefined) return cause;
  return new IbkError(
    'destination',
    `The backup is whole, but putting it in place stopped half way (${failure.errno}).`,
    {
      reason: 'commit_interrupted',
      meaning: 'Nothing is lost: the next ibk backup to this folder completes it first.',
      hint: 'See to the disk, then run: ibk backup',
      cause,
    },
  );
}

export function sourceOf(file: ReadableFile): LeaseSource {
  const { sizeBytes } = file.stat();
  let at = 0;
  return {
    read: async () => {
      // Of the size that is needed: memory that was never used costs more to get than a small file to read.
      const into = Buffer.allocUnsafe(Math.min(READ_BYTES, sizeBytes - at));
      const count = into.length === 0 ? 0 : file.read(into, at);
      at += count;
      return into.subarray(0, count);
    },
    close: () => file.close(),
  };
}

export function entryOf({ name, type, sizeBytes, modifiedMs }: OverlayNode): LeaseEntry {
  return { name, type, sizeBytes, modified: new Date(modifiedMs) };
}

/** What a device is served with, and what is said of a commit that stopped half way. */
import { IbkError } from '../errors.js';
import { diskFailure } from './disk/disk-errors.js';
import type { ReadableFile } from './disk/file-system.js';
import type { OverlayNode } from './receive/overlay.js';

/** A promise means: wait for it before the next call. */
export interface LeaseSink {
  write(chunk: Buffer): Promise<void> | undefined;
  /** The file is whole: it takes the place of what was there, at the latest with `settle`. */
  commit(): Promise<void> | undefined;
  /** Never throws: what it cannot remove goes away with the run. */
  discard(): Promise<void> | undefined;
}

export interface LeaseSource {
  /** Fills `into` with the next bytes; returns how many there were, 0 at the end. */
  read(into: Buffer): number;
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

/** @param cause what stopped the forgetting of the newest before anything was decided */
export function withoutRoom(cause: unknown): unknown {
  const failure = diskFailure(cause);
  if (failure?.reason !== 'no_space') return cause;
  return new IbkError('destination', `${failure.words}.`, {
    reason: failure.reason,
    meaning: 'Nothing was changed. The version before the newest needs some room to take its place.',
    hint: 'Make room first; forgetting an older version does: ibk list',
    cause,
    details: { errno: failure.errno },
  });
}

/** From its start to the size that it had when it was opened. */
export function sourceOf(file: ReadableFile): LeaseSource {
  const { sizeBytes } = file.stat();
  let at = 0;
  return {
    read: (into) => {
      const count = at < sizeBytes ? file.read(into, at) : 0;
      at += count;
      return count;
    },
    close: () => file.close(),
  };
}

export function entryOf({ name, type, sizeBytes, modifiedMs }: OverlayNode): LeaseEntry {
  return { name, type, sizeBytes, modified: new Date(modifiedMs) };
}

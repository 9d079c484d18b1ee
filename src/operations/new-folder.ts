/** A folder that appears whole or not at all: it is made as `<name>.partial`, and gets its name at the end. */
import { lstat, mkdir, readdir, readFile, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { IbkError } from '../errors.js';
import { formatBytes } from '../figures.js';
import { freeBytes } from '../io/disk-space.js';
import { makePrivateFolder, syncFolder } from '../io/private-files.js';

export interface NewFolderOptions {
  /** Absolute path of a folder that is not there yet, or empty. */
  readonly to: string;
  /** Nothing may be made in there. */
  readonly backup: string;
  /** For hints: `ibk copy`. */
  readonly command: string;
  /** What it needs; null: nobody knows. */
  readonly bytes: number | null;
  readonly dryRun: boolean;
}

/** What marks a folder as half a copy of ours: the next run to the same place removes it. */
const MARK = '.ibk-partial';

/**
 * @returns what `work` gave; undefined for a rehearsal. What a failed run has made is taken away; only a kill leaves `<to>.partial`
 * @throws IbkError `usage`, `destination`; system errors of the disk; what `work` throws
 */
export async function inNewFolder<T>(
  options: NewFolderOptions,
  work: (partial: string) => Promise<T>,
): Promise<T | undefined> {
  const { to, dryRun } = options;
  await refuseTaken(options);
  await checkSpace(options);
  if (dryRun) return undefined;
  const partial = `${to}.partial`;
  await clearPartial(partial);
  await makePrivateFolder(dirname(to));
  await mkdir(partial, { mode: 0o700 });
  try {
    await writeFile(join(partial, MARK), '', { mode: 0o600, flag: 'wx' });
    const done = await work(partial);
    await rm(join(partial, MARK));
    await rmdir(to).catch(() => undefined);
    await rename(partial, to);
    await syncFolder(dirname(to));
    return done;
  } catch (error) {
    // No run goes on with it, and it may be decrypted.
    await rm(partial, { recursive: true, force: true }).catch(() => undefined);
    throw error;
  }
}

async function refuseTaken({ to, backup, command }: NewFolderOptions): Promise<void> {
  const inside = relative(backup, to);
  if (inside === '' || !inside.startsWith('..'))
    throw new IbkError('usage', 'A copy cannot lie in the backup itself.', { hint: `${command} --to DIR` });
  const there = await lstat(to).catch(() => undefined);
  if (there === undefined || (there.isDirectory() && (await readdir(to)).length === 0)) return;
  throw new IbkError('destination', `${to} is there already.`, {
    hint: 'Choose a folder that is not there yet: --to DIR',
  });
}

async function checkSpace({ to, bytes, command }: NewFolderOptions): Promise<void> {
  const free = await freeBytes(to);
  if (bytes === null || bytes <= free) return;
  throw new IbkError(
    'destination',
    `Not enough space: the copy needs ${formatBytes(bytes)}, ${formatBytes(free)} are free.`,
    {
      reason: 'no_space',
      hint: `Choose another disk: ${command} --to DIR`,
    },
  );
}

async function clearPartial(partial: string): Promise<void> {
  const there = await lstat(partial).catch(() => undefined);
  if (there === undefined) return;
  const isOurs = there.isDirectory() && (await readFile(join(partial, MARK)).catch(() => undefined)) !== undefined;
  if (isOurs) return rm(partial, { recursive: true });
  throw new IbkError('destination', `${partial} is in the way.`, {
    hint: 'Move it away, then run the same line again.',
  });
}

/** `ibk decrypt`: a plain copy of an encrypted backup. The backup itself is only read. */
import { lstat, mkdir, readdir, readFile, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { type Decrypted, decryptBackup, type DecryptOptions } from '../backup/decrypt-backup.js';
import { onDisk } from '../backup/disk-errors.js';
import { filesNotSentIn } from '../backup/format/info-plist.js';
import { IbkError } from '../errors.js';
import { formatBytes } from '../figures.js';
import { freeBytes } from '../io/disk-space.js';
import { makePrivateFolder, syncFolder } from '../io/private-files.js';
import type { ChosenBackup } from './choose-backups.js';
import { withBackup, type WithBackupOptions } from './open-backup.js';

export interface DecryptBackupOptions
  extends Omit<WithBackupOptions, 'unlock'>,
    Omit<DecryptOptions, 'notSent' | 'signal'> {
  /** Absolute path of a folder that is not there yet, or empty. */
  readonly to: string;
  readonly dryRun: boolean;
}

/** What marks a folder as half a copy of ours: the next run to the same place removes it. */
const MARK = '.ibk-decrypting';

/** @throws IbkError `usage`: not encrypted; `password`; `destination`; as `withBackup`. What was begun lies in `<to>.partial` */
export function decrypt(chosen: ChosenBackup, options: DecryptBackupOptions): Promise<Decrypted | undefined> {
  const { to, dryRun } = options;
  return withBackup(chosen, { ...options, unlock: true }, async (opened, source) => {
    if (!opened.encrypted)
      throw new IbkError('usage', 'This backup is not encrypted: it is plain already.', {
        hint: 'Its files: ibk extract',
      });
    return onDisk(async () => {
      await refuseTaken(to, chosen.backup.path);
      await checkSpace(to, chosen.version.bytes);
      if (dryRun) return undefined;
      const partial = `${to}.partial`;
      await clearPartial(partial);
      await makePrivateFolder(dirname(to));
      await mkdir(partial, { mode: 0o700 });
      await writeFile(join(partial, MARK), '', { mode: 0o600, flag: 'wx' });
      const notSent = opened.info === undefined ? new Set<string>() : filesNotSentIn(opened.info);
      const done = await decryptBackup(opened, source, partial, { ...options, notSent });
      await rm(join(partial, MARK));
      await rmdir(to).catch(() => undefined);
      await rename(partial, to);
      await syncFolder(dirname(to));
      return done;
    });
  });
}

async function refuseTaken(to: string, backup: string): Promise<void> {
  const inside = relative(backup, to);
  if (inside === '' || !inside.startsWith('..'))
    throw new IbkError('usage', 'A copy cannot lie in the backup itself.', { hint: 'ibk decrypt --to DIR' });
  const there = await lstat(to).catch(() => undefined);
  if (there === undefined || (there.isDirectory() && (await readdir(to)).length === 0)) return;
  throw new IbkError('destination', `${to} is there already.`, {
    hint: 'Choose a folder that is not there yet: --to DIR',
  });
}

async function checkSpace(to: string, bytes: number | null): Promise<void> {
  const free = await freeBytes(to);
  if (bytes === null || bytes <= free) return;
  throw new IbkError(
    'destination',
    `Not enough space: the copy needs ${formatBytes(bytes)}, ${formatBytes(free)} are free.`,
    {
      reason: 'no_space',
      hint: 'Choose another disk: ibk decrypt --to DIR',
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

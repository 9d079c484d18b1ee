/** For programs: files of a chosen backup into a folder or an archive, with what a command line would have filled in. */
import { platform as thisPlatform } from 'node:os';
import { resolve } from 'node:path';
import { PassThrough } from 'node:stream';
import { systemClock } from '../../io/clock.js';
import type { ChosenBackup } from '../choose-backups.js';
import { withBackup, type WithBackupOptions } from '../open-backup.js';
import { appsOf } from '../selection/records.js';
import { select, type SelectionOptions } from '../selection/selection.js';
import { extractBackup, type ExtractBackupOptions, type ExtractResult, recordedOf } from './extract-backup.js';

/** Only the owner of the process reads what it extracts. */
const PRIVATE_UMASK = 0o077;

export interface ExtractFilesOptions
  extends Omit<WithBackupOptions, 'unlock'>,
    Partial<Pick<ExtractBackupOptions, 'archive' | 'layout' | 'names' | 'overwrite' | 'umask' | 'sink'>> {
  /** Absolute path: a folder, which is made, or an archive. */
  readonly to: string;
  /** None: all files. */
  readonly selection?: SelectionOptions | undefined;
}

/** @throws IbkError as `withBackup` and `extractBackup`. What could not be had is in the result, which then has `exit` 3 */
export function extractFiles(chosen: ChosenBackup, options: ExtractFilesOptions): Promise<ExtractResult> {
  const { backup, version } = chosen;
  const { root, to, archive, layout, names = 'auto', overwrite, umask = PRIVATE_UMASK, sink, signal } = options;
  return withBackup(chosen, { ...options, unlock: true }, (opened) =>
    extractBackup(opened, {
      deviceName: backup.name,
      madeAt: version.madeAt,
      closed: [backup.path, `${root}/.ibk`],
      selection: select(options.selection ?? {}, appsOf(opened)),
      literalPaths: [],
      recorded: recordedOf(version),
      to: resolve('/', to),
      archive,
      layout,
      names,
      overwrite,
      cwd: '/',
      platform: thisPlatform(),
      umask,
      stdout: new PassThrough(),
      now: systemClock.now(),
      signal,
      ...(sink === undefined ? {} : { sink }),
    }),
  );
}

/** Opens the backup that a person means, for reading: a version of a store, or the folder of another tool. */
import { folderSource, versionSource, type BackupSource } from '../backup/reader/backup-source.js';
import { onDisk } from '../backup/disk/disk-errors.js';
import { openBackup } from '../backup/reader/open-backup.js';
import type { AskPassword } from '../backup/reader/password.js';
import type { OpenedBackup } from '../backup/reader/types.js';
import { BackupStore } from '../backup/store.js';
import { type ChosenBackup, chooseVersion } from './choose-backups.js';
import { listBackups } from './list-backups.js';

export type { AskPassword } from '../backup/reader/password.js';

export interface WithBackupOptions {
  readonly root: string;
  /** Asked when something encrypted is needed, and not before. None: what is encrypted stays closed. */
  readonly password?: AskPassword | undefined;
  /** Files will be read: asks for the password of an encrypted backup at once. */
  readonly unlock?: boolean;
  /** As it was typed, for hints. */
  readonly word?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The backup is open for as long as `work` runs, and reads as it was at its beginning also while a new one is made.
 * @throws IbkError as `openBackup`; `destination`: the disk failed while it was opened; what `work` throws
 */
export async function withBackup<T>(
  chosen: ChosenBackup,
  options: WithBackupOptions,
  work: (opened: OpenedBackup, source: BackupSource) => Promise<T>,
): Promise<T> {
  const { root, password, signal, word } = options;
  return withSource(chosen, root, async (source) => {
    await using opened = await onDisk(() => openBackup(source, { password, signal, word }));
    if (options.unlock === true) await opened.unlock();
    // Awaited: the backup is closed when this scope ends.
    return await work(opened, source);
  });
}

/** The files of a backup as they are stored, for as long as `work` runs; nothing is opened or decrypted. @throws what `work` throws */
export async function withSource<T>(
  { backup, version: { id } }: ChosenBackup,
  root: string,
  work: (source: BackupSource) => Promise<T>,
): Promise<T> {
  if (id === null) return work(folderSource(backup.path));
  return new BackupStore(root, backup.udid).reading((ctx, reader) => work(versionSource(ctx, reader, id)));
}

export interface OpenBackupAtOptions extends WithBackupOptions {
  /** `latest`, `latest~2`, a version id, a device's name or UDID, or the path of any Apple backup folder (with a slash). Default `latest`. */
  readonly backup?: string | undefined;
  /** Against which a path is understood. Default `/`. */
  readonly cwd?: string | undefined;
}

/**
 * For programs: the same without a callback. To be disposed (`await using`).
 * @throws IbkError as `withBackup`; `not_found`, `ambiguous_device`, `usage`
 */
export async function openBackupAt(options: OpenBackupAtOptions): Promise<OpenedBackup> {
  const { root, backup: word, cwd = '/', signal } = options;
  const isPath = word !== undefined && /[/\\]/.test(word);
  const listing = await listBackups({ root, signal }).catch((error: unknown) => {
    // A path need not be under a root at all.
    if (isPath) return { root, bytes: 0, backups: [] };
    throw error;
  });
  const chosen = await chooseVersion(listing, { word, udids: [], command: 'ibk list', cwd });
  const { promise: closed, resolve: close } = deferred();
  return new Promise((resolve, reject) => {
    const reading = withBackup(chosen, options, async (opened) => {
      resolve(
        kept(opened, async () => {
          close();
          await reading;
        }),
      );
      await closed;
    });
    reading.catch(reject);
  });
}

function deferred(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => {};
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

/** The same backup, which ends differently. */
function kept(opened: OpenedBackup, end: () => Promise<void>): OpenedBackup {
  return {
    get era() {
      return opened.era;
    },
    get encrypted() {
      return opened.encrypted;
    },
    get info() {
      return opened.info;
    },
    get manifest() {
      return opened.manifest;
    },
    get status() {
      return opened.status;
    },
    unlock: () => opened.unlock(),
    records: (query, signal) => opened.records(query, signal),
    ordered: async (query, signal) => opened.ordered?.(query, signal),
    find: (domain, relativePath) => opened.find(domain, relativePath),
    content: (record) => opened.content(record),
    locate: (records) => opened.locate?.(records),
    stored: (record) => opened.stored(record),
    editManifest: (signal) => opened.editManifest(signal),
    copyManifest: (path) => opened.copyManifest(path),
    [Symbol.asyncDispose]: end,
  };
}

/**
 * `ibk import`: takes a backup in: the folder of another program, a copy, or an archive of one, becomes a version under a root, with checksums from now on.
 */
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import type { BackupSource } from '../backup/reader/backup-source.js';
import { folderSource } from '../backup/reader/backup-source.js';
import { describeBackup } from '../backup/reader/describe.js';
import { onDisk } from '../backup/disk/disk-errors.js';
import { udidOfFolder } from '../backup/records/layout.js';
import type { AskPassword } from '../backup/reader/password.js';
import { BackupStore, type StoreOptions } from '../backup/store.js';
import { withUnpackedFolder } from '../backup/lock/unpacked.js';
import { verifyBackup } from '../backup/verify/verify-backup.js';
import { shortIdOf } from '../backup/records/version-id.js';
import { IbkError } from '../errors.js';
import { countOf, formatDate } from '../figures.js';
import type { Clock } from '../io/clock.js';
import { codeOf } from '../io/system-code.js';
import { archiveKind, unpackArchive } from './unpack-archive.js';

export interface ImportOptions extends Pick<StoreOptions, 'beforeChange' | 'onWarning'> {
  /** Absolute path of a folder in Apple's layout. */
  readonly folder: string;
  readonly root: string;
  readonly dryRun: boolean;
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
  /** Of an encrypted backup: with it every file that the manifest names is looked for. */
  readonly password?: AskPassword | undefined;
  readonly onFile?: ((bytes: number, kept: boolean) => void) | undefined;
}

export interface ImportableBackup {
  readonly udid: string;
  readonly name: string;
  readonly madeAt: Date | null;
  readonly encrypted: boolean;
  readonly ios: string | null;
  readonly madeBy: string | null;
  readonly files: number;
  readonly bytes: number;
}

export interface Imported {
  /** The short id; null for a rehearsal. */
  readonly version: string | null;
  /** It is the newest now. */
  readonly isNewest: boolean;
}

/**
 * @param path absolute, of a folder or an archive, which is unpacked under `root` for as long as `work` lasts
 * @throws IbkError `not_found`: it is neither; as `unpackArchive`; what `work` throws
 */
export async function withImportFolder<T>(
  { path, root, signal }: { readonly path: string; readonly root: string; readonly signal?: AbortSignal | undefined },
  work: (folder: string) => Promise<T>,
): Promise<T> {
  const there = await onDisk(() => stat(path).catch(unlessMissing));
  if (there?.isFile() !== true) return work(path);
  const kind = await onDisk(() => archiveKind(path));
  if (kind === undefined)
    throw new IbkError('not_found', 'That is neither a folder nor an archive that ibk can read.', {
      reason: 'no_archive',
      hint: 'It reads .tar, .tar.gz and .zip.',
    });
  return withUnpackedFolder(root, async (into) => work(await onDisk(() => unpackArchive(path, kind, into, signal))));
}

function unlessMissing(error: unknown): undefined {
  const code = codeOf(error);
  if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error;
}

/**
 * Looks whether it is one, and whole. @throws IbkError `not_found`: no backup is there; `damaged`: unfinished, or files are missing; `unsafe`: it gives itself
 * a name that is no UDID
 */
export async function lookAtImport({
  folder,
  signal,
  path = folder,
}: Pick<ImportOptions, 'folder' | 'signal'> & { readonly path?: string }): Promise<ImportableBackup> {
  const name = basename(folder);
  const found = await onDisk(() => describeBackup(folder, name));
  if (found === undefined)
    throw new IbkError(
      'not_found',
      path === folder ? 'That folder holds no backup.' : 'That archive holds no backup.',
      { reason: 'no_backup', hint: 'ibk import --help' },
    );
  const { udid } = found;
  if (udidOfFolder(udid) !== udid)
    throw new IbkError('unsafe', 'Refused: this backup does not say which device it is of.', {
      reason: 'udid',
      meaning: 'Its Info.plist and Manifest.plist name no UDID, and neither does its folder.',
      hint: 'Give the folder the UDID as its name.',
    });
  const checked = await verifyBackup(folderSource(folder), { signal });
  const [first] = checked.faults;
  if (first !== undefined)
    throw new IbkError('damaged', `This backup is not whole: ${countOf(checked.faults.length, 'problem')}.`, {
      reason: 'incomplete',
      meaning: 'Nothing was taken in.',
      hint: path === folder ? `ibk verify ${folder}` : 'Unpack the archive, then: ibk verify DIR',
      details: { first: first.path },
    });
  return {
    udid,
    name: found.name ?? udid,
    madeAt: found.madeAt ?? null,
    encrypted: found.encrypted === true,
    ios: found.ios ?? null,
    madeBy: found.madeBy ?? null,
    files: checked.present,
    bytes: checked.bytes,
  };
}

/**
 * As the newest version where it is newer than all, else as the oldest. A killed run leaves what was there as it was, and the next start mends the rest.
 * @throws IbkError `usage`: it is there already; as `lease`
 */
export async function importBackup(found: ImportableBackup, options: ImportOptions): Promise<Imported> {
  const { folder, root, clock, signal, dryRun, beforeChange, onWarning } = options;
  const store = new BackupStore(root, found.udid, {
    clock,
    beforeChange,
    ...(onWarning === undefined ? {} : { onWarning }),
  });
  const date = found.madeAt?.getTime() ?? clock.now();
  if (dryRun) return { version: null, isNewest: isNewestIn(store, date) };
  using lease = await store.lease({ command: 'ibk import', signal });
  // Under the lock: what an earlier run had decided is in its place now.
  const isNewest = isNewestIn(store, date);
  const source: BackupSource = folderSource(folder);
  const origin = found.madeBy === null ? 'foreign' : 'ibk';
  const facts = { date, ios: found.ios, encrypted: found.encrypted, record: { origin } } as const;
  const version = await lease.takeIn(source, facts, { signal, onFile: options.onFile });
  return { version: shortIdOf(version.id), isNewest };
}

/** @throws IbkError `usage`: it is there already */
function isNewestIn(store: BackupStore, date: number): boolean {
  const versions = store.versions();
  const there = versions.find((version) => version.date === date && version.base === null);
  if (there !== undefined)
    throw new IbkError('usage', `This backup is there already, as ${shortIdOf(there.id)}.`, {
      reason: 'already_there',
      hint: 'ibk list',
    });
  const current = versions.find((version) => version.current);
  return current === undefined || date >= current.date;
}

/** `Anna's iPhone, 2026-11-01 08:31` */
export const importedName = ({ name, madeAt }: ImportableBackup): string =>
  madeAt === null ? name : `${name}, ${formatDate(madeAt)}`;

/** The files of a backup, as `ibk list BACKUP` and `ibk find` show them: one by one in the order of the manifest, sorted, or summed by domain or app. */
import type { BackupSource } from '../backup/reader/backup-source.js';
import { payloadPaths } from '../backup/reader/payload.js';
import type { FileDetails, FileRecord, OpenedBackup } from '../backup/reader/types.js';
import { IbkError } from '../errors.js';
import { appsOf, selectedRecords } from './selection/records.js';
import type { Selection } from './selection/selection.js';
import { type SortOrder, sortFiles } from './sort-files.js';

export interface ListedFile {
  readonly domain: string;
  /** In the domain; empty for its root. */
  readonly path: string;
  readonly fileId: string;
  readonly kind: FileRecord['kind'];
  /** Null: they were not asked for, or the record is damaged. */
  readonly facts: FileFacts | null;
  /** Of its content. Null: it was not asked for, it lies there encrypted, or nobody took one. */
  readonly sha256: string | null;
}

export interface FileFacts {
  /** As the device counted them when it scanned; null for what has no content. */
  readonly bytes: number | null;
  readonly mode: number;
  /** Unix seconds. */
  readonly mtime: number | null;
  readonly btime: number | null;
  readonly target: string | null;
}

export interface ListFilesOptions {
  readonly selection: Selection;
  /** Folders, too. */
  readonly directories?: boolean | undefined;
  /** Sizes, dates, modes: each costs the decoding of a record. */
  readonly facts?: boolean | undefined;
  /** Where the checksums are that were taken when the files came. */
  readonly checksums?: Pick<BackupSource, 'checksums'> | undefined;
  readonly sort?: SortOrder | undefined;
  readonly reverse?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** In pages. @throws IbkError as `records` */
export async function* listFiles(
  backup: OpenedBackup,
  options: ListFilesOptions,
): AsyncGenerator<readonly ListedFile[], void> {
  const { sort, reverse = false, signal } = options;
  const pages = filesOf(backup, { ...options, facts: options.facts === true || (sort ?? 'name') !== 'name' });
  if (sort === undefined && !reverse) yield* pages;
  else yield* sortFiles(pages, { order: sort ?? 'name', reverse, signal });
}

async function* filesOf(
  backup: OpenedBackup,
  { selection, directories = false, facts = false, checksums, signal }: ListFilesOptions,
): AsyncGenerator<readonly ListedFile[], void> {
  for await (const page of selectedRecords(backup, selection, signal)) {
    const records = directories ? page : page.filter(({ kind }) => kind !== 'directory');
    const sums = backup.encrypted
      ? undefined
      : checksums?.checksums?.(records.map((record) => payloadOf(backup, record)));
    yield records.map((record, at) => {
      const { domain, relativePath: path, fileId, kind } = record;
      const sha256 = kind === 'file' ? (sums?.[at] ?? null) : null;
      return { domain, path, fileId, kind, facts: facts ? factsOf(record) : null, sha256 };
    });
  }
}

/** Where ibk, and every phone, puts it. */
function payloadOf({ era }: OpenedBackup, { fileId }: FileRecord): string {
  return payloadPaths(fileId, era !== 'db')[0] ?? fileId;
}

/** One damaged record harms nobody else. */
export function factsOf(record: FileRecord): FileFacts | null {
  const details = detailsOf(record);
  if (details === undefined) return null;
  const { mode, mtime, btime, target, sizeBytes } = details;
  return { bytes: record.kind === 'file' ? sizeBytes : null, mode, mtime, btime, target };
}

export function detailsOf(record: FileRecord): FileDetails | undefined {
  try {
    return record.details();
  } catch (error) {
    if (error instanceof IbkError && error.code === 'damaged') return undefined;
    throw error;
  }
}

export interface Sum {
  readonly files: number;
  readonly bytes: number;
}

export interface DomainSum extends Sum {
  readonly domain: string;
}

export interface AppSum extends Sum {
  readonly bundleId: string;
  /** Null: the backup does not tell. */
  readonly name: string | null;
}

/** The largest first. Domains without a file have zeros. */
export async function sumDomains(
  backup: OpenedBackup,
  selection: Selection,
  signal?: AbortSignal,
): Promise<readonly DomainSum[]> {
  const sums = new Map<string, { files: number; bytes: number }>();
  for await (const page of selectedRecords(backup, selection, signal)) {
    for (const record of page) {
      const sum = sums.get(record.domain) ?? { files: 0, bytes: 0 };
      sums.set(record.domain, sum);
      if (record.kind !== 'file') continue;
      sum.files++;
      sum.bytes += detailsOf(record)?.sizeBytes ?? 0;
    }
  }
  return [...sums]
    .map(([domain, sum]) => ({ domain, ...sum }))
    .sort((a, b) => b.bytes - a.bytes || b.files - a.files || compare(a.domain, b.domain));
}

/** All domains of an app together; a group that several apps share counts for each of them. */
export async function sumApps(
  backup: OpenedBackup,
  selection: Selection,
  signal?: AbortSignal,
): Promise<readonly AppSum[]> {
  const apps = appsOf(backup);
  const sums = new Map<string, { files: number; bytes: number }>();
  for (const { domain, files, bytes } of await sumDomains(backup, selection, signal)) {
    for (const id of apps.ownersOf(domain)) {
      const sum = sums.get(id) ?? { files: 0, bytes: 0 };
      sums.set(id, { files: sum.files + files, bytes: sum.bytes + bytes });
    }
  }
  return [...sums]
    .map(([bundleId, sum]) => ({ bundleId, name: apps.nameOf(bundleId), ...sum }))
    .sort((a, b) => b.bytes - a.bytes || b.files - a.files || compare(a.bundleId, b.bundleId));
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

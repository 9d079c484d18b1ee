/** What the generations of the format differ in, seen from an opened backup. */
import type { ManifestCopy } from './manifest-copy.js';
import type { ManifestEdit } from './manifest-edit.js';
import type {
  BackupEra,
  FileContent,
  FileRecord,
  LocatedContent,
  RecordPages,
  RecordQuery,
  StoredFile,
} from './types.js';

export interface OpenedManifest {
  readonly era: BackupEra;
  readonly encrypted: boolean;
  /** As of `OpenedBackup`. */
  unlock(): Promise<void>;
  pages(query: RecordQuery, signal: AbortSignal | undefined): AsyncGenerator<readonly FileRecord[], void>;
  /** As of `OpenedBackup`. */
  ordered?(query: RecordQuery, signal?: AbortSignal): Promise<RecordPages | undefined>;
  find(domain: string, relativePath: string): Promise<FileRecord | undefined>;
  /** As of `OpenedBackup`; of a record that is a file. */
  content(record: FileRecord): FileContent | undefined;
  locate?(records: readonly FileRecord[]): LocatedContent | undefined;
  stored(record: FileRecord): StoredFile | undefined;
  /** As of `OpenedBackup`. */
  edit?(signal?: AbortSignal): Promise<ManifestEdit | undefined>;
  copyTo(path: string): Promise<ManifestCopy>;
  close(): void;
}

/** Does a record belong to the answer? Also where an index already saw to it: a database may lie. */
export function matchesQuery(
  { domains, below, matches }: RecordQuery,
  record: Pick<FileRecord, 'domain' | 'relativePath'>,
): boolean {
  const { domain, relativePath } = record;
  if (domains !== undefined && !domains.includes(domain)) return false;
  if (below !== undefined && !isBelow(below, relativePath)) return false;
  return matches === undefined || matches(domain, relativePath);
}

function isBelow(above: string, path: string): boolean {
  return above === '' || path === above || path.startsWith(`${above}/`);
}

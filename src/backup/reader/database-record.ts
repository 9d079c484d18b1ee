/** A row of Manifest.db as a record. */
import { damagedRecord, type MbFile, parseMbFile } from '../format/mbfile.js';
import { FILE_ID } from '../records/names.js';
import type { RawRow } from './manifest-rows.js';
import type { FileDetails, FileRecord, UnusableRow } from './types.js';

/** `flags` of the table. 16 is a placeholder of iOS 10.0 and 10.1, with null in all other columns. */
const KINDS: Readonly<Record<number, FileRecord['kind']>> = { 1: 'file', 2: 'directory', 4: 'symlink' };
const DEFAULT_MODES: Readonly<Record<FileRecord['kind'], number>> = { file: 0o644, directory: 0o755, symlink: 0o755 };

/** Opens a record that is encrypted by itself. */
export type OpenRecord = (text: string) => Buffer;

class DatabaseRecord implements FileRecord {
  #stored: unknown;
  #details: FileDetails | undefined;
  readonly #open: OpenRecord;

  constructor(
    readonly fileId: string,
    readonly domain: string,
    readonly relativePath: string,
    readonly kind: FileRecord['kind'],
    stored: unknown,
    open: OpenRecord,
  ) {
    this.#stored = stored;
    this.#open = open;
  }

  isLike(other: FileRecord): boolean {
    if (!(other instanceof DatabaseRecord) || other.kind !== this.kind) return false;
    const [mine, theirs] = [this.#stored, other.#stored];
    return Buffer.isBuffer(mine) && Buffer.isBuffer(theirs) && mine.equals(theirs);
  }

  details(): FileDetails {
    this.#details ??= detailsOf(parseMbFile(this.#bytes()), this.kind);
    this.#stored = undefined;
    return this.#details;
  }

  #bytes(): Buffer {
    const stored = this.#stored;
    if (Buffer.isBuffer(stored)) return stored;
    if (typeof stored === 'string')
      return stored.startsWith('bplist00') ? Buffer.from(stored, 'latin1') : this.#open(stored);
    throw damagedRecord('it is empty or too long');
  }
}

/** The record; why there is none; undefined for a placeholder, which stands for nothing. */
export function recordOf(row: RawRow, open: OpenRecord): FileRecord | UnusableRow | undefined {
  const [, fileId, domain, relativePath, flags, stored] = row;
  if (fileId === null && domain === null && relativePath === null) return undefined;
  if (flags === 16 && domain === null && relativePath === null) return undefined;
  const kind = typeof flags === 'number' ? KINDS[flags] : undefined;
  if (typeof fileId !== 'string' || !FILE_ID.test(fileId)) return unusable(row, 'file_id');
  if (typeof domain !== 'string' || domain === '' || typeof relativePath !== 'string') return unusable(row, 'name');
  if (kind === undefined) return unusable(row, 'kind');
  return new DatabaseRecord(fileId, domain, relativePath, kind, stored, open);
}

export function isRecord(found: FileRecord | UnusableRow): found is FileRecord {
  return 'kind' in found;
}

function unusable([, fileId, domain, relativePath]: RawRow, why: UnusableRow['why']): UnusableRow {
  const text = (value: unknown) => (typeof value === 'string' ? value : null);
  return { fileId: text(fileId), domain: text(domain), relativePath: text(relativePath), why };
}

function detailsOf(file: MbFile, kind: FileRecord['kind']): FileDetails {
  const { sizeBytes = 0 } = file;
  return {
    mode: (file.mode ?? DEFAULT_MODES[kind]) & 0o7777,
    sizeBytes: sizeBytes >= 0 ? sizeBytes : 0,
    mtime: file.mtime ?? null,
    ctime: file.ctime ?? null,
    btime: file.btime ?? null,
    target: file.target ?? null,
    userId: file.userId ?? null,
    groupId: file.groupId ?? null,
    inode: file.inode ?? null,
    protectionClass: file.protectionClass ?? null,
    wrappedKey: file.wrappedKey ?? null,
    digest: file.digest ?? null,
    extendedAttributes: file.extendedAttributes ?? null,
  };
}

/** Backups of iOS 4-9: Manifest.mbdb, read from the file each time, since it has no index. Manifest.mbdx (iOS 4) says nothing that is not in it. */
import { IbkError } from '../../errors.js';
import { throwIfAborted } from '../../io/abort.js';
import { turnTaker } from '../../io/turns.js';
import { buildBinaryPlist } from '../../plist/codec.js';
import { plistDict } from '../../plist/value.js';
import type { ReadableFile } from '../disk/file-system.js';
import {
  checkMbdbStart,
  endsEarly,
  fileIdFor,
  LONGEST_RECORD,
  MBDB_MAGIC,
  type MbdbRecord,
  parseMbdbRecord,
} from '../format/mbdb.js';
import { fill } from '../format/stored-bytes.js';
import { type BackupSource, readPart } from './backup-source.js';
import { contentOf } from './content.js';
import type { BackupKeys } from './keys.js';
import { matchesQuery, type OpenedManifest } from './manifest.js';
import { copyMbdb, type ManifestCopy } from './manifest-copy.js';
import type { ManifestEdit } from './manifest-edit.js';
import { openPayload, payloadPaths } from './payload.js';
import type { FileContent, FileDetails, FileRecord, RecordQuery, StoredFile, UnusableRow } from './types.js';

const NAME = 'Manifest.mbdb';
const INDEX = 'Manifest.mbdx';
const WINDOW_BYTES = 256 * 1024;
/** The first records come at once. */
const FIRST_PAGE = 100;
const LARGEST_PAGE = 2000;
const LARGEST_COPY = 512 * 1024 * 1024;
const KINDS: Readonly<Record<number, FileRecord['kind']>> = { 32768: 'file', 16384: 'directory', 40960: 'symlink' };

export class MbdbManifest implements OpenedManifest {
  readonly era = 'mbdb';
  readonly #source: BackupSource;
  readonly #keys: BackupKeys | undefined;

  constructor(source: BackupSource, keys: BackupKeys | undefined) {
    this.#source = source;
    this.#keys = keys;
  }

  get encrypted(): boolean {
    return this.#keys !== undefined;
  }

  async unlock(): Promise<void> {
    await this.#keys?.unlock();
  }

  async *pages(query: RecordQuery, signal: AbortSignal | undefined): AsyncGenerator<readonly FileRecord[], void> {
    const pause = turnTaker();
    let page: FileRecord[] = [];
    let size = FIRST_PAGE;
    let seen = 0;
    for (const record of this.#records(query)) {
      if (record !== undefined) page.push(record);
      if (page.length === size) {
        yield page;
        page = [];
        size = LARGEST_PAGE;
      }
      seen += 1;
      if (seen % FIRST_PAGE === 0) {
        throwIfAborted(signal);
        await pause();
      }
    }
    if (page.length > 0) yield page;
  }

  async find(domain: string, relativePath: string): Promise<FileRecord | undefined> {
    const query = { domains: [domain], matches: (_: string, path: string) => path === relativePath };
    for await (const [record] of this.pages(query, undefined)) return record;
    return undefined;
  }

  content(record: FileRecord): FileContent | undefined {
    return contentOf(record, this.#keys, () => this.stored(record));
  }

  stored(record: FileRecord): StoredFile | undefined {
    return openPayload(this.#source, record, payloadPaths(record.fileId, true));
  }

  async copyTo(path: string): Promise<ManifestCopy> {
    return copyMbdb(this.#whole(), path);
  }

  /** Undefined where an index names the records by their places (iOS 4). */
  async edit(): Promise<ManifestEdit | undefined> {
    if (this.#hasIndex()) return undefined;
    await this.unlock();
    const { editMbdbManifest } = await import('./mbdb-manifest-edit.js');
    return editMbdbManifest(this.#whole(), (protectionClass) => this.#keys?.newKey(protectionClass));
  }

  #hasIndex(): boolean {
    const file = this.#source.open(INDEX);
    file?.close();
    return file !== undefined;
  }

  #whole(): Buffer {
    const bytes = readPart(this.#source, NAME, LARGEST_COPY);
    if (bytes === undefined) throw new IbkError('damaged', `There is no ${NAME}.`, { reason: 'manifest' });
    return bytes;
  }

  close(): void {}

  /** Undefined for each that the query does not ask for. */
  *#records(query: RecordQuery): Generator<FileRecord | undefined, void> {
    const file = this.#source.open(NAME);
    if (file === undefined) throw new IbkError('damaged', `There is no ${NAME}.`, { reason: 'manifest' });
    try {
      for (const stored of streamMbdb(file)) {
        const kind = KINDS[stored.mode & 0xf000];
        if (kind === undefined || stored.domain === '') {
          query.onUnusable?.(unusable(stored, kind === undefined ? 'kind' : 'name'));
          yield undefined;
          continue;
        }
        const record = new MbdbFileRecord(stored, kind);
        yield matchesQuery(query, record) ? record : undefined;
      }
    } finally {
      file.close();
    }
  }
}

/** Through a window that slides over the file, and that grows only as far as one record may. @throws IbkError `damaged`, reason `manifest` */
export function* streamMbdb(file: ReadableFile): Generator<MbdbRecord, void> {
  let wanted = WINDOW_BYTES;
  let start = MBDB_MAGIC.length;
  const magic = Buffer.alloc(MBDB_MAGIC.length);
  fill(file, magic, 0);
  checkMbdbStart(magic);
  for (;;) {
    // A new one each time: records keep views on it.
    const window = Buffer.allocUnsafeSlow(wanted);
    const bytes = window.subarray(0, fill(file, window, start));
    if (bytes.length === 0) return;
    let at = 0;
    for (let found = parseMbdbRecord(bytes, at); found !== undefined; found = parseMbdbRecord(bytes, at)) {
      yield found.record;
      at = found.end;
      if (at === bytes.length) break;
    }
    const isLast = bytes.length < wanted;
    if (isLast && at === bytes.length) return;
    if (isLast || (at === 0 && wanted >= LONGEST_RECORD)) endsEarly();
    wanted = at === 0 ? Math.min(wanted * 8, LONGEST_RECORD) : WINDOW_BYTES;
    start += at;
  }
}

class MbdbFileRecord implements FileRecord {
  readonly #stored: MbdbRecord;
  #fileId: string | undefined;

  constructor(
    stored: MbdbRecord,
    readonly kind: FileRecord['kind'],
  ) {
    this.#stored = stored;
  }

  get fileId(): string {
    this.#fileId ??= fileIdFor(this.domain, this.relativePath);
    return this.#fileId;
  }

  get domain(): string {
    return this.#stored.domain;
  }

  get relativePath(): string {
    return this.#stored.relativePath;
  }

  details(): FileDetails {
    const { attributes, sizeBytes, mode, target, digest, wrappedKey, ...others } = this.#stored;
    return {
      mode: mode & 0o7777,
      sizeBytes: sizeBytes > BigInt(Number.MAX_SAFE_INTEGER) ? 0 : Number(sizeBytes),
      mtime: others.mtime,
      ctime: others.ctime,
      btime: others.btime,
      target: target ?? null,
      userId: others.userId,
      groupId: others.groupId,
      inode: others.inode,
      protectionClass: others.protectionClass,
      wrappedKey: wrappedKey ?? null,
      digest: digest ?? null,
      extendedAttributes: attributes.length === 0 ? null : buildBinaryPlist(plistDict(Object.fromEntries(attributes))),
    };
  }
}

function unusable({ domain, relativePath }: MbdbRecord, why: UnusableRow['why']): UnusableRow {
  return { fileId: fileIdFor(domain, relativePath), domain, relativePath, why };
}

/** Backups of iPhone OS 1-3: each file has its own description beside it (mdinfo, mddata), or in it (mdbackup). */
import { IbkError } from '../../errors.js';
import { codeOf } from '../../io/system-code.js';
import { fileIdFor } from '../format/mbdb.js';
import { damagedRecord } from '../format/mbfile.js';
import { openAuthData, openSealed, parseMdBackup, parseMdInfo, SEALED_HEADER_BYTES } from '../format/mdinfo.js';
import { fill } from '../format/stored-bytes.js';
import type { BackupSource } from './backup-source.js';
import { readPart } from './backup-source.js';
import { EncryptedContent, PlainContent } from './content.js';
import { matchesQuery, type OpenedManifest } from './manifest.js';
import type { ManifestCopy } from './manifest-copy.js';
import { type AskPassword, type BackupName, withPassword } from './password.js';
import { openPayload } from './payload.js';
import type { FileContent, FileDetails, FileRecord, RecordQuery, StoredFile } from './types.js';

const PAGE = 100;
const MDINFO_LIMIT = 4 * 1024 * 1024;
/** The content is in it, and a property list is read as a whole. */
const MDBACKUP_LIMIT = 64 * 1024 * 1024;
/** The description says nothing of modes. */
const MODE = 0o644;

/** The key of an encrypted backup of iPhone OS 2 and 3: locked until the password was asked for, once. */
export class MdKeys {
  readonly #auth: Buffer | undefined;
  readonly #ask: AskPassword | undefined;
  readonly #name: () => BackupName;
  #opening: Promise<Buffer> | undefined;
  #key: Buffer | undefined;

  constructor(auth: Buffer | undefined, ask: AskPassword | undefined, name: () => BackupName) {
    this.#auth = auth;
    this.#ask = ask;
    this.#name = name;
  }

  /** @throws IbkError `password`, `damaged` (keybag) */
  async unlock(): Promise<void> {
    const auth = this.#auth;
    if (auth === undefined)
      throw new IbkError('damaged', 'The backup is encrypted and has no keys (AuthData).', { reason: 'keybag' });
    this.#opening ??= withPassword(this.#ask, this.#name(), (password) => openAuthData(auth, password));
    this.#key = await this.#opening;
  }

  /** @throws IbkError `password`: not unlocked */
  key(): Buffer {
    if (this.#key !== undefined) return this.#key;
    throw new IbkError('password', 'This backup is encrypted and was not unlocked.', { reason: 'locked' });
  }
}

export class MdManifest implements OpenedManifest {
  readonly #source: BackupSource;
  readonly #keys: MdKeys | undefined;

  constructor(
    source: BackupSource,
    readonly era: 'mdinfo' | 'mdbackup',
    keys: MdKeys | undefined,
  ) {
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
    await this.unlock();
    let page: FileRecord[] = [];
    for await (const { path } of this.#source.files({ signal })) {
      if (!path.endsWith(`.${this.era}`)) continue;
      const record = this.#record(path.slice(0, -this.era.length - 1), query);
      if (record === undefined || !matchesQuery(query, record)) continue;
      page.push(record);
      if (page.length < PAGE) continue;
      yield page;
      page = [];
    }
    if (page.length > 0) yield page;
  }

  /** The name of an mdinfo file follows from what it describes; that of an mdbackup file is not known to. */
  async find(domain: string, relativePath: string): Promise<FileRecord | undefined> {
    const query = { domains: [domain], matches: (_: string, path: string) => path === relativePath };
    if (this.era === 'mdbackup') {
      for await (const [record] of this.pages(query, undefined)) return record;
      return undefined;
    }
    await this.unlock();
    const record = this.#record(fileIdFor(domain, relativePath), query);
    return record !== undefined && matchesQuery(query, record) ? record : undefined;
  }

  content(record: FileRecord): FileContent | undefined {
    if (this.era === 'mdbackup') {
      const bytes = readPart(this.#source, `${record.fileId}.mdbackup`, MDBACKUP_LIMIT);
      return bytes === undefined ? undefined : contentInMemory(parseMdBackup(bytes).content);
    }
    const stored = this.stored(record);
    if (stored === undefined) return undefined;
    if (!(record instanceof MdRecord) || !record.isSealed || this.#keys === undefined)
      return new PlainContent(stored.file);
    try {
      const header = Buffer.alloc(SEALED_HEADER_BYTES);
      const cipher = openSealed(header.subarray(0, fill(stored.file, header, 0)), this.#keys.key());
      return new EncryptedContent(stored.file, { ...cipher, from: SEALED_HEADER_BYTES });
    } catch (error) {
      stored.file.close();
      throw error;
    }
  }

  stored(record: FileRecord): StoredFile | undefined {
    const suffix = this.era === 'mdinfo' ? 'mddata' : 'mdbackup';
    return openPayload(this.#source, record, [`${record.fileId}.${suffix}`]);
  }

  async copyTo(): Promise<ManifestCopy> {
    throw new IbkError('incompatible', 'A backup of iPhone OS 3 or before has no manifest to copy.');
  }

  close(): void {}

  /** Undefined where there is none, and for one that tells no name: that is told to the query. */
  #record(fileId: string, query: RecordQuery): MdRecord | undefined {
    try {
      return this.era === 'mdinfo' ? this.#fromMdInfo(fileId) : this.#fromMdBackup(fileId);
    } catch (error) {
      if (!isDamage(error)) throw error;
      query.onUnusable?.({ fileId, domain: null, relativePath: null, why: 'name' });
      return undefined;
    }
  }

  #fromMdInfo(fileId: string): MdRecord | undefined {
    const bytes = readPart(this.#source, `${fileId}.mdinfo`, MDINFO_LIMIT);
    if (bytes === undefined) return undefined;
    const { domain, relativePath, isSealed } = parseMdInfo(bytes, () => {
      if (this.#keys === undefined) throw damagedRecord('it is encrypted, and the backup is not');
      return this.#keys.key();
    });
    return new MdRecord(fileId, domain, relativePath, isSealed, () => this.#sizeOf(fileId, isSealed));
  }

  #fromMdBackup(fileId: string): MdRecord | undefined {
    const bytes = readPart(this.#source, `${fileId}.mdbackup`, MDBACKUP_LIMIT);
    if (bytes === undefined) return undefined;
    const { domain, relativePath, content } = parseMdBackup(bytes);
    const { length } = content;
    return new MdRecord(fileId, domain, relativePath, false, () => length);
  }

  /** With its padding, where it is encrypted. */
  #sizeOf(fileId: string, isSealed: boolean): number {
    const file = this.#source.open(`${fileId}.mddata`);
    if (file === undefined) return 0;
    try {
      return Math.max(0, file.stat().sizeBytes - (isSealed ? SEALED_HEADER_BYTES : 0));
    } finally {
      file.close();
    }
  }
}

class MdRecord implements FileRecord {
  readonly kind = 'file';

  constructor(
    readonly fileId: string,
    readonly domain: string,
    readonly relativePath: string,
    readonly isSealed: boolean,
    readonly sizeBytes: () => number,
  ) {}

  details(): FileDetails {
    return {
      mode: MODE,
      sizeBytes: this.sizeBytes(),
      mtime: null,
      ctime: null,
      btime: null,
      target: null,
      userId: null,
      groupId: null,
      inode: null,
      protectionClass: null,
      wrappedKey: null,
      digest: null,
      extendedAttributes: null,
    };
  }
}

function contentInMemory(bytes: Buffer): FileContent {
  return {
    storedBytes: bytes.length,
    plainBytes: () => bytes.length,
    readWhole: () => bytes,
    async *pieces() {
      if (bytes.length > 0) yield bytes;
    },
    close: () => {},
  };
}

/** A description that is damaged, or larger than any is. */
function isDamage(error: unknown): boolean {
  if (error instanceof IbkError) return error.code === 'damaged';
  return codeOf(error) === 'EFBIG';
}

/** Opens a backup of any generation for reading, wherever it lies, encrypted or not. Nothing is written into it or beside it. */
import { IbkError } from '../../errors.js';
import type { PlistDict } from '../../plist/value.js';
import type { BackupSource } from '../backup-source.js';
import type { BackupManifest } from '../format/manifest-plist.js';
import type { BackupStatus } from '../format/status-plist.js';
import { DatabaseManifest } from './database-manifest.js';
import { BackupKeys } from './keys.js';
import type { OpenedManifest } from './manifest.js';
import { isManifestPlain } from './manifest-image.js';
import type { AskPassword } from './password.js';
import { BackupPlists } from './plists.js';
import type { BackupEra, FileContent, FileRecord, OpenedBackup, RecordQuery, StoredFile } from './types.js';

export interface OpenBackupOptions {
  /** Asked when something encrypted is needed, and not before. None: what is encrypted stays closed. */
  readonly password?: AskPassword | undefined;
  /** What a person calls this backup, for hints. Default `latest`. */
  readonly word?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** @throws IbkError `not_found`: no backup is there; `damaged`: it has no manifest; the signal's reason */
export async function openBackup(source: BackupSource, options: OpenBackupOptions = {}): Promise<OpenedBackup> {
  const plists = new BackupPlists(source);
  const isEncrypted = plists.manifest?.encrypted === true;
  const isPlain = isManifestPlain(source);
  if (isPlain === undefined) throw noManifest(plists);
  const manifestKey = isPlain ? undefined : plists.manifest?.manifestKey;
  if (!isPlain && !(isEncrypted && manifestKey !== undefined)) throw noDatabase(plists);
  // A copy that other tools decrypted keeps its Manifest.plist, and the keys in its records; iOS 10.0 and 10.1 know no key of the manifest.
  const isDecryptedCopy = isPlain && plists.manifest?.manifestKey !== undefined;
  const keys =
    isEncrypted && !isDecryptedCopy
      ? new BackupKeys(plists.manifest?.keybag, options.password, () => plists.name(options.word ?? 'latest'))
      : undefined;
  const manifest = new DatabaseManifest(source, { content: keys, database: manifestKey });
  return new Opened(plists, manifest, keys !== undefined);
}

class Opened implements OpenedBackup {
  readonly #plists: BackupPlists;
  readonly #manifest: OpenedManifest;
  readonly encrypted: boolean;

  constructor(plists: BackupPlists, manifest: OpenedManifest, encrypted: boolean) {
    this.#plists = plists;
    this.encrypted = encrypted;
    this.#manifest = manifest;
  }

  get era(): BackupEra {
    return this.#manifest.era;
  }

  get info(): PlistDict | undefined {
    return this.#plists.info;
  }

  get manifest(): BackupManifest | undefined {
    return this.#plists.manifest;
  }

  get status(): BackupStatus | undefined {
    return this.#plists.status;
  }

  unlock(): Promise<void> {
    return this.#manifest.unlock();
  }

  records(query: RecordQuery = {}, signal?: AbortSignal): AsyncGenerator<readonly FileRecord[], void> {
    return this.#manifest.pages(query, signal);
  }

  find(domain: string, relativePath: string): Promise<FileRecord | undefined> {
    return this.#manifest.find(domain, relativePath);
  }

  content(record: FileRecord): FileContent | undefined {
    return record.kind === 'file' ? this.#manifest.content(record) : undefined;
  }

  stored(record: FileRecord): StoredFile | undefined {
    return record.kind === 'file' ? this.#manifest.stored(record) : undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#manifest.close();
  }
}

function noManifest({ manifest, info }: BackupPlists): IbkError {
  if (manifest === undefined && info === undefined)
    return new IbkError('not_found', 'That folder holds no backup.', { reason: 'no_backup', hint: 'ibk list' });
  return new IbkError('damaged', 'This backup has no list of its files (Manifest.db).', {
    reason: 'manifest',
    hint: 'ibk verify',
  });
}

function noDatabase({ manifest }: BackupPlists): IbkError {
  const meaning =
    manifest === undefined
      ? 'Its Manifest.plist is missing or cannot be read: the keys of an encrypted backup are in it.'
      : 'It does not begin as a database, and Manifest.plist names no key for it.';
  return new IbkError('damaged', 'Manifest.db cannot be read.', { reason: 'manifest', meaning, hint: 'ibk verify' });
}

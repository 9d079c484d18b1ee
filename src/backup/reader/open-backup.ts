/** Opens a backup of any generation for reading, wherever it lies, encrypted or not. Nothing is written into it or beside it. */
import { IbkError } from '../../errors.js';
import type { PlistDict } from '../../plist/value.js';
import type { BackupManifest } from '../format/manifest-plist.js';
import type { BackupStatus } from '../format/status-plist.js';
import type { BackupSource } from './backup-source.js';
import { DatabaseManifest } from './database-manifest.js';
import { BackupKeys } from './keys.js';
import type { OpenedManifest } from './manifest.js';
import type { ManifestCopy } from './manifest-copy.js';
import type { ManifestEdit } from './manifest-edit.js';
import { isManifestPlain } from './manifest-image.js';
import type { AskPassword, BackupName } from './password.js';
import { BackupPlists } from './plists.js';
import type {
  BackupEra,
  FileContent,
  FileRecord,
  LocatedContent,
  OpenedBackup,
  RecordPages,
  RecordQuery,
  StoredFile,
} from './types.js';

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
  const { password, word = 'latest', signal } = options;
  const opening = { source, plists, password, name: () => plists.name(word) };
  const manifest =
    openDatabase(opening) ??
    (await openMbdb(opening)) ??
    (await openFilesOfTheirOwn(opening, signal)) ??
    noManifest(plists);
  return new Opened(plists, manifest);
}

interface Opening {
  readonly source: BackupSource;
  readonly plists: BackupPlists;
  readonly password: AskPassword | undefined;
  readonly name: () => BackupName;
}

function openDatabase(opening: Opening): OpenedManifest | undefined {
  const { source, plists } = opening;
  const isPlain = isManifestPlain(source);
  if (isPlain === undefined) return undefined;
  const { manifestKey, encrypted = false } = plists.manifest ?? {};
  if (!isPlain && (!encrypted || manifestKey === undefined)) throw noDatabase(plists);
  // A copy that other tools decrypted keeps its Manifest.plist, and the keys in its records; iOS 10.0 and 10.1 know no key of the manifest.
  const isDecryptedCopy = isPlain && manifestKey !== undefined;
  const content = encrypted && !isDecryptedCopy ? keysOf(opening) : undefined;
  return new DatabaseManifest(source, { content, database: isPlain ? undefined : manifestKey });
}

async function openMbdb(opening: Opening): Promise<OpenedManifest | undefined> {
  const { source, plists } = opening;
  const file = source.open('Manifest.mbdb');
  file?.close();
  if (file === undefined) return undefined;
  const { MbdbManifest } = await import('./mbdb-manifest.js');
  return new MbdbManifest(source, plists.manifest?.encrypted === true ? keysOf(opening) : undefined);
}

async function openFilesOfTheirOwn(opening: Opening, signal?: AbortSignal): Promise<OpenedManifest | undefined> {
  const { source, plists, password, name } = opening;
  const { manifest } = plists;
  const [{ authDataOf }, { MdKeys, MdManifest }] = await Promise.all([
    import('../format/mdinfo.js'),
    import('./md-manifest.js'),
  ]);
  const keys = manifest?.encrypted === true ? new MdKeys(authDataOf(manifest.dict), password, name) : undefined;
  for (const era of ['mdinfo', 'mdbackup'] as const)
    for await (const { path } of source.files({ signal }))
      if (path.endsWith(`.${era}`)) return new MdManifest(source, era, keys);
  return undefined;
}

function keysOf({ plists, password, name }: Opening): BackupKeys {
  return new BackupKeys(plists.manifest?.keybag, password, name);
}

class Opened implements OpenedBackup {
  readonly #plists: BackupPlists;
  readonly #manifest: OpenedManifest;

  constructor(plists: BackupPlists, manifest: OpenedManifest) {
    this.#plists = plists;
    this.#manifest = manifest;
  }

  get era(): BackupEra {
    return this.#manifest.era;
  }

  get encrypted(): boolean {
    return this.#manifest.encrypted;
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

  records(query: RecordQuery = {}, signal?: AbortSignal): RecordPages {
    return this.#manifest.pages(query, signal);
  }

  async ordered(query: RecordQuery = {}, signal?: AbortSignal): Promise<RecordPages | undefined> {
    return this.#manifest.ordered?.(query, signal);
  }

  find(domain: string, relativePath: string): Promise<FileRecord | undefined> {
    return this.#manifest.find(domain, relativePath);
  }

  content(record: FileRecord): FileContent | undefined {
    return record.kind === 'file' ? this.#manifest.content(record) : undefined;
  }

  locate(records: readonly FileRecord[]): LocatedContent | undefined {
    return this.#manifest.locate?.(records);
  }

  stored(record: FileRecord): StoredFile | undefined {
    return record.kind === 'file' ? this.#manifest.stored(record) : undefined;
  }

  async editManifest(signal?: AbortSignal): Promise<ManifestEdit> {
    const edit = await this.#manifest.edit?.(signal);
    if (edit !== undefined) return edit;
    throw new IbkError('incompatible', 'A backup of iOS 4 or before cannot be changed.', {
      reason: 'era',
      meaning: 'Nothing was changed.',
      hint: 'Its files: ibk extract',
    });
  }

  copyManifest(path: string): Promise<ManifestCopy> {
    return this.#manifest.copyTo(path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#manifest.close();
  }
}

function noManifest({ manifest, info }: BackupPlists): never {
  if (manifest === undefined && info === undefined)
    throw new IbkError('not_found', 'That folder holds no backup.', { reason: 'no_backup', hint: 'ibk list' });
  throw new IbkError('damaged', 'This backup has no list of its files (Manifest.db).', {
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

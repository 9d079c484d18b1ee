/** Backups of iOS 10 and later: Manifest.db. */
import { throwIfAborted } from '../../io/abort.js';
import { turnTaker } from '../../io/turns.js';
import { fileIdFor } from '../format/mbdb.js';
import { damagedRecord } from '../format/mbfile.js';
import type { BackupSource } from './backup-source.js';
import { contentOf, keyedPlace } from './content.js';
import { isRecord, recordOf } from './database-record.js';
import type { BackupKeys } from './keys.js';
import { matchesQuery, type OpenedManifest } from './manifest.js';
import type { ManifestCopy } from './manifest-copy.js';
import type { ManifestEdit } from './manifest-edit.js';
import { type ManifestImage, manifestPieces, openManifestImage } from './manifest-image.js';
import type { RawRow } from './manifest-rows.js';
import { ManifestTable } from './manifest-table.js';
import { openPayload, payloadPaths } from './payload.js';
import type { FileContent, FileRecord, LocatedContent, RecordPages, RecordQuery, StoredFile } from './types.js';

/** `content`: undefined in a backup whose files are plain. `database`: the wrapped key of Manifest.db, where it is encrypted. */
export interface DatabaseKeys {
  readonly content: BackupKeys | undefined;
  readonly database: Buffer | undefined;
}

export class DatabaseManifest implements OpenedManifest {
  readonly era = 'db';
  readonly #source: BackupSource;
  readonly #keys: DatabaseKeys;
  #opening: Promise<ManifestTable> | undefined;
  #image: ManifestImage | undefined;

  constructor(source: BackupSource, keys: DatabaseKeys) {
    this.#source = source;
    this.#keys = keys;
  }

  get encrypted(): boolean {
    return this.#keys.content !== undefined;
  }

  /** The database first: iOS 10.0 keeps in it what the keys of records are made of. */
  async unlock(): Promise<void> {
    if (this.#keys.content === undefined) return;
    await this.#table(undefined);
    await this.#keys.content.unlock();
  }

  async *pages(query: RecordQuery, signal: AbortSignal | undefined): RecordPages {
    const table = await this.#table(signal);
    yield* this.#pagesOf(this.#ranges(table, query), query, signal);
  }

  async ordered(query: RecordQuery, signal?: AbortSignal): Promise<RecordPages | undefined> {
    const rows = (await this.#table(signal)).pagesByFileId();
    return rows === undefined ? undefined : this.#pagesOf(rows, query, signal);
  }

  async *#pagesOf(
    ranges: Iterable<readonly RawRow[]>,
    query: RecordQuery,
    signal: AbortSignal | undefined,
  ): RecordPages {
    const pause = turnTaker();
    for (const rows of ranges) {
      throwIfAborted(signal);
      const page = this.#records(rows, query);
      if (page.length > 0) yield page;
      await pause();
    }
  }

  async find(domain: string, relativePath: string): Promise<FileRecord | undefined> {
    const table = await this.#table(undefined);
    const query = { domains: [domain], matches: (_: string, path: string) => path === relativePath };
    if (!table.hasPrimaryKey) {
      for await (const [record] of this.pages(query, undefined)) return record;
      return undefined;
    }
    const row = table.row(fileIdFor(domain, relativePath));
    return row === undefined ? undefined : this.#records([row], query)[0];
  }

  content(record: FileRecord): FileContent | undefined {
    return contentOf(record, this.#keys.content, () => this.stored(record));
  }

  locate(records: readonly FileRecord[]): LocatedContent | undefined {
    const located = this.#source.locate?.(records.map(({ fileId }) => payloadPaths(fileId, false)[0] ?? fileId));
    if (located === undefined) return undefined;
    const places = located.places.map((place, at) => keyedPlace(place, records[at], this.#keys.content));
    return { places, holds: located.holds };
  }

  stored(record: FileRecord): StoredFile | undefined {
    return openPayload(this.#source, record, payloadPaths(record.fileId, false));
  }

  async copyTo(path: string): Promise<ManifestCopy> {
    const [{ copyDatabase }] = await Promise.all([import('./manifest-copy.js'), this.#table(undefined)]);
    if (this.#image === undefined) throw damagedRecord('the manifest is closed');
    return copyDatabase(this.#image.db, path, (text) => this.#openRecord(text));
  }

  async edit(signal?: AbortSignal): Promise<ManifestEdit> {
    const { content, database } = this.#keys;
    const table = await this.#table(signal);
    await content?.unlock();
    const key = content === undefined || database === undefined ? undefined : content.unwrap(database);
    const { editManifest } = await import('./manifest-edit.js');
    return editManifest({
      content: manifestPieces(this.#source, key, signal),
      key,
      hasEncryptedRecords: content !== undefined && database === undefined && table.property('salt') !== undefined,
      newKey: (protectionClass) => content?.newKey(protectionClass),
    });
  }

  close(): void {
    this.#image?.[Symbol.dispose]();
    this.#image = undefined;
  }

  #table(signal: AbortSignal | undefined): Promise<ManifestTable> {
    this.#opening ??= this.#open(signal);
    return this.#opening;
  }

  async #open(signal: AbortSignal | undefined): Promise<ManifestTable> {
    const { content, database } = this.#keys;
    if (content !== undefined && database !== undefined) await content.unlock();
    const key = content === undefined || database === undefined ? undefined : content.unwrap(database);
    const image = await openManifestImage(this.#source, key, signal);
    this.#image = image;
    const table = new ManifestTable(image.db);
    if (content === undefined) return table;
    // iOS 10.0: the database is plain, each record in it is not.
    const salt = database === undefined ? table.property('salt') : undefined;
    if (salt !== undefined) content.saltRecords(salt);
    return table;
  }

  *#ranges(table: ManifestTable, { domains, below }: RecordQuery): Generator<readonly RawRow[], void> {
    if (domains === undefined) {
      yield* table.pages();
      return;
    }
    const [only, ...others] = new Set(domains);
    if (only === undefined) return;
    if (below !== undefined && below !== '' && others.length === 0) {
      const top = table.hasPrimaryKey ? table.row(fileIdFor(only, below)) : undefined;
      if (top !== undefined) yield [top];
      yield* table.pages(only, below);
      return;
    }
    for (const domain of [only, ...others]) yield* table.pages(domain);
  }

  #records(rows: readonly RawRow[], query: RecordQuery): FileRecord[] {
    const found: FileRecord[] = [];
    for (const row of rows) {
      const record = recordOf(row, (text) => this.#openRecord(text));
      if (record === undefined) continue;
      if (!isRecord(record)) query.onUnusable?.(record);
      else if (matchesQuery(query, record)) found.push(record);
    }
    return found;
  }

  #openRecord(text: string): Buffer {
    const { content } = this.#keys;
    if (content === undefined) throw damagedRecord('it is a text');
    return content.openRecord(text);
  }
}

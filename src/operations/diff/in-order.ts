/** The files and links of a backup in the order of their fileIDs, whatever generation it is of, and however many there are. */
import type { FileRecord, OpenedBackup } from '../../backup/reader/types.js';
import { openTemporarySqlite } from '../../io/sqlite.js';
import { detailsOf, type FileFacts, factsOf } from '../list-files.js';
import { selectedRecords } from '../selection/records.js';
import type { Selection } from '../selection/selection.js';

const PAGE = 1000;

/** A file as far as it is compared. */
export interface ComparedFile {
  readonly fileId: string;
  readonly domain: string;
  readonly path: string;
  readonly kind: FileRecord['kind'];
  /** Null: its record is damaged. */
  facts(): FileFacts | null;
  /** Of content that is stored plain, in hex: of what is encrypted a digest tells only that it was encrypted anew. */
  digest(): string | null;
  readonly record?: FileRecord;
}

/** @throws IbkError as `records` */
export async function* inOrder(
  backup: OpenedBackup,
  selection: Selection,
  signal?: AbortSignal,
): AsyncGenerator<ComparedFile, void> {
  const ordered = await backup.ordered?.(selection.query, signal);
  if (ordered === undefined) {
    yield* sorted(backup, selection, signal);
    return;
  }
  for await (const page of selectedRecords({ records: () => ordered }, selection, signal))
    for (const record of page) if (record.kind !== 'directory') yield comparedFile(record);
}

function comparedFile(record: FileRecord): ComparedFile {
  const { fileId, domain, relativePath: path, kind } = record;
  return { fileId, domain, path, kind, record, facts: () => factsOf(record), digest: () => digestOf(record) };
}

function digestOf(record: FileRecord): string | null {
  const details = detailsOf(record);
  return details === undefined || details.wrappedKey !== null ? null : (details.digest?.toString('hex') ?? null);
}

type Kept = readonly [domain: string, path: string, kind: FileRecord['kind'], FileFacts | null, string | null];

/** A manifest without an index: by SQLite in a file without a name, which is gone when the run ends, however it ends. */
async function* sorted(
  backup: OpenedBackup,
  selection: Selection,
  signal?: AbortSignal,
): AsyncGenerator<ComparedFile, void> {
  const database = openTemporarySqlite();
  try {
    database.exec('CREATE TABLE file(id TEXT, kept TEXT)');
    const insert = database.prepare('INSERT INTO file VALUES (?, ?)');
    const insertAll = database.transaction((page: readonly FileRecord[]) => {
      for (const record of page) {
        if (record.kind === 'directory') continue;
        const kept: Kept = [record.domain, record.relativePath, record.kind, factsOf(record), digestOf(record)];
        insert.run(record.fileId, JSON.stringify(kept));
      }
    });
    for await (const page of selectedRecords(backup, selection, signal)) insertAll(page);
    const rows = database.prepare<unknown[], { id: string; kept: string }>('SELECT id, kept FROM file ORDER BY id');
    let count = 0;
    for (const { id, kept } of rows.iterate()) {
      const [domain, path, kind, facts, digest]: Kept = JSON.parse(kept);
      yield { fileId: id, domain, path, kind, facts: () => facts, digest: () => digest };
      count += 1;
      if (count % PAGE === 0) signal?.throwIfAborted();
    }
  } finally {
    database.close();
  }
}

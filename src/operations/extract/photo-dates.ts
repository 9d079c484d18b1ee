/**
 * When photos were taken, from the library's own database: files that came by AirDrop, from a chat or from iCloud have other dates than their pictures.
 *
 * `Media/PhotoData/Photos.sqlite`, table ZASSET (ZGENERICASSET up to iOS 13): ZDIRECTORY `DCIM/100APPLE`, ZFILENAME, ZDATECREATED in seconds since 2001.
 * A Live Photo's film has the name of its picture; edits lie in `Media/PhotoData/Mutations/<its path without extension>/`.
 */
import type { FileContent, FileRecord, OpenedBackup } from '../../backup/reader/types.js';
import { IbkError } from '../../errors.js';
import { throwIfAborted } from '../../io/abort.js';
import { openNamelessDatabase, openWithLog } from '../../io/nameless-database.js';
import type { SqliteDatabase } from '../../io/sqlite.js';

const DOMAIN = 'CameraRollDomain';
const LIBRARY = 'Media/PhotoData/Photos.sqlite';
const MUTATIONS = /^Media\/PhotoData\/Mutations\/(.+?)\/Adjustments\//;
const SECONDS_TO_2001 = 978_307_200;
/** The year 2100: a date beyond is none. */
const LATEST = 4_102_444_800;
const MOST_PHOTOS = 2_000_000;
const LARGEST_BYTES = 8 * 1024 ** 3;
const ROWS_A_TURN = 5000;

export type DateOf = (record: FileRecord) => number | undefined;

/** Unix seconds. A library that is not there, or cannot be read, knows no dates. @throws the signal's reason; IbkError `password` */
export async function photoDates(
  backup: Pick<OpenedBackup, 'find' | 'content'>,
  signal?: AbortSignal,
): Promise<DateOf> {
  const dates = new Map<string, number>();
  try {
    const opened = await openLibrary(backup, signal);
    if (opened !== undefined) {
      using library = opened;
      await readDates(library.db, dates, signal);
    }
  } catch (error) {
    throwIfAborted(signal);
    if (error instanceof IbkError && error.code === 'password') throw error;
  }
  return ({ domain, relativePath }) => {
    if (domain !== DOMAIN || dates.size === 0) return undefined;
    const edited = MUTATIONS.exec(relativePath)?.[1];
    if (edited !== undefined) return dates.get(`Media/${edited}`);
    return dates.get(relativePath) ?? dates.get(withoutExtension(relativePath));
  };
}

async function openLibrary(
  backup: Pick<OpenedBackup, 'find' | 'content'>,
  signal: AbortSignal | undefined,
): Promise<({ readonly db: SqliteDatabase } & Disposable) | undefined> {
  const contentOf = async (path: string): Promise<FileContent | undefined> => {
    const record = await backup.find(DOMAIN, path);
    return record === undefined ? undefined : backup.content(record);
  };
  const library = await contentOf(LIBRARY);
  if (library === undefined) return undefined;
  let log: FileContent | undefined;
  try {
    if (library.storedBytes > LARGEST_BYTES) return undefined;
    log = await contentOf(`${LIBRARY}-wal`);
    if (log === undefined || log.storedBytes === 0) return await openNamelessDatabase(library.pieces(signal));
    return await openWithLog(library.pieces(signal), log.pieces(signal));
  } finally {
    library.close();
    log?.close();
  }
}

async function readDates(db: SqliteDatabase, dates: Map<string, number>, signal?: AbortSignal): Promise<void> {
  db.pragma('trusted_schema = OFF');
  const isTable = db.prepare(`SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?`);
  const table = ['ZASSET', 'ZGENERICASSET'].find((name) => isTable.get(name) !== undefined);
  if (table === undefined) return;
  const rows = db
    .prepare(`SELECT ZDIRECTORY, ZFILENAME, ZDATECREATED FROM ${table} LIMIT ${MOST_PHOTOS}`)
    .raw()
    .iterate();
  let count = 0;
  for (const row of rows) {
    if (++count % ROWS_A_TURN === 0) {
      await new Promise((resolve) => setImmediate(resolve));
      throwIfAborted(signal);
    }
    const [folder, name, created]: unknown[] = Array.isArray(row) ? row : [];
    if (typeof folder !== 'string' || typeof name !== 'string' || typeof created !== 'number') continue;
    const date = created + SECONDS_TO_2001;
    if (created === 0 || !(date > 0 && date < LATEST)) continue;
    const path = `Media/${folder}/${name}`;
    dates.set(path, date);
    const stem = withoutExtension(path);
    if (!dates.has(stem)) dates.set(stem, date);
  }
}

function withoutExtension(path: string): string {
  const dot = path.lastIndexOf('.');
  return dot > path.lastIndexOf('/') + 1 ? path.slice(0, dot) : path;
}

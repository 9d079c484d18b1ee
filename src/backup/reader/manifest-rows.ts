/** Rows of table `Files` of Manifest.db, as every reader asks for them: no value is so long that it fills the memory. */
import { IbkError } from '../../errors.js';
import { asDamaged } from './manifest-image.js';

/** As stored: any column of any type. */
export type RawRow = readonly [
  rowid: unknown,
  fileId: unknown,
  domain: unknown,
  relativePath: unknown,
  flags: unknown,
  file: unknown,
];

/** What is longer reads as null. */
const LONGEST = { fileID: 64, domain: 8192, relativePath: 65_536, file: 16 * 1024 * 1024 } as const;

const bounded = (column: keyof typeof LONGEST) =>
  `CASE WHEN octet_length(${column}) <= ${LONGEST[column]} THEN ${column} END`;

/** A raw row of it is a `RawRow`. */
export const SELECT_FILES = `SELECT _rowid_, ${bounded('fileID')}, ${bounded('domain')}, ${bounded('relativePath')}, flags, ${bounded('file')} FROM Files`;

/** @throws IbkError `damaged`, reason `manifest`: it is no row of it */
export function rawRow(row: unknown): RawRow {
  if (!Array.isArray(row) || row.length !== 6) throw damagedManifest('a row of Files is not as it should be');
  const [rowid, fileId, domain, relativePath, flags, file]: unknown[] = row;
  return [rowid, fileId, domain, relativePath, flags, file];
}

/** SQLite's errors, and the plain words of the checks of a schema, become one of ours. */
export function guarded<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof Error && error.constructor === Error && !('code' in error)
      ? damagedManifest(error.message)
      : asDamaged(error);
  }
}

export function damagedManifest(why: string): IbkError {
  return new IbkError('damaged', `Manifest.db is damaged: ${why}.`, { reason: 'manifest' });
}

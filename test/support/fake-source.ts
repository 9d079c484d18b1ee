/** A backup out of memory, as far as an extraction looks at one. */
import { createHash } from 'node:crypto';
import type { FileContent, FileDetails, FileRecord } from '../../src/backup/reader/types.js';
import { IbkError } from '../../src/errors.js';
import type { ExtractSource } from '../../src/operations/extract/extract.js';
import { contentOf } from './entry-content.js';

export interface FakeFile {
  readonly domain?: string;
  readonly path: string;
  readonly kind?: FileRecord['kind'];
  /** Undefined: the manifest names it, and it is not there. */
  readonly bytes?: Buffer | string | undefined;
  readonly details?: Partial<FileDetails>;
  /** What reading it throws. */
  readonly fails?: IbkError;
}

const NO_DETAILS: FileDetails = {
  mode: 0o644,
  sizeBytes: 0,
  mtime: 1_700_000_000,
  ctime: null,
  btime: 1_600_000_000,
  target: null,
  userId: 501,
  groupId: 501,
  inode: null,
  protectionClass: null,
  wrappedKey: null,
  digest: null,
  extendedAttributes: null,
};

export function fakeSource(files: readonly FakeFile[]): ExtractSource {
  const contents = new Map<FileRecord, FakeFile>();
  const records = files.map((file): FileRecord => {
    const { domain = 'HomeDomain', path, kind = 'file', details } = file;
    const record: FileRecord = {
      fileId: createHash('sha1').update(`${domain}-${path}`).digest('hex'),
      domain,
      relativePath: path,
      kind,
      details: () => {
        if (file.fails?.reason === 'record') throw file.fails;
        const mode = kind === 'directory' ? 0o755 : 0o644;
        return { ...NO_DETAILS, mode, sizeBytes: Buffer.byteLength(file.bytes ?? ''), ...details };
      },
    };
    contents.set(record, file);
    return record;
  });
  return {
    backup: {
      content: (record): FileContent | undefined => {
        const file = contents.get(record);
        if (file?.fails !== undefined) throw file.fails;
        if (file?.bytes === undefined) return undefined;
        return { ...contentOf(Buffer.from(file.bytes)), close: () => {} };
      },
    },
    async *records() {
      for (let at = 0; at < records.length; at += 3) yield records.slice(at, at + 3);
    },
  };
}

export const damaged = (reason: string): IbkError => new IbkError('damaged', 'Damaged.', { reason });

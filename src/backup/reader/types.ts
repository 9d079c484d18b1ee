/**
 * What every reader of a backup works with, whatever generation of format it is, encrypted or not, a version of a store or a folder of its own.
 *
 * The name of a file costs nothing to read; its details are decoded when they are asked for, so that one damaged record harms nobody else.
 */
import type { PlistDict } from '../../plist/value.js';
import type { BackupManifest } from '../format/manifest-plist.js';
import type { BackupStatus } from '../format/status-plist.js';

/** `mdbackup`: iPhone OS 1-2; `mdinfo`: 2-3; `mbdb`: iOS 4-9; `db`: iOS 10 and later. */
export type BackupEra = 'mdbackup' | 'mdinfo' | 'mbdb' | 'db';

export interface FileDetails {
  /** Permission bits, 0-0o7777. */
  readonly mode: number;
  /** Bytes of the plain content as the device claimed when it scanned. What is stored may be longer or shorter (databases), and is right. */
  readonly sizeBytes: number;
  /** Unix seconds; null where the record does not say. */
  readonly mtime: number | null;
  readonly ctime: number | null;
  readonly btime: number | null;
  /** Of a symlink. */
  readonly target: string | null;
  readonly userId: number | null;
  readonly groupId: number | null;
  readonly inode: bigint | null;
  readonly protectionClass: number | null;
  /** `class u32le | wrapped key (40 bytes)`; null: the content is stored plain. */
  readonly wrappedKey: Buffer | null;
  /** SHA-1 (or SHA-256, 32 bytes) of the bytes as they are stored; null: the domain has none. */
  readonly digest: Buffer | null;
  /** A binary property list of name -> data. */
  readonly extendedAttributes: Buffer | null;
}

export interface FileRecord {
  /** 40 lower-case hex digits, checked; the name of the payload. */
  readonly fileId: string;
  readonly domain: string;
  /** Empty for the domain's own root. As stored: hostile, never normalised. */
  readonly relativePath: string;
  readonly kind: 'file' | 'directory' | 'symlink';
  /** @throws IbkError `damaged`, reason `record` */
  details(): FileDetails;
}

/** All conditions must hold; none: every record. The first two are answered by an index where the format has one. */
export interface RecordQuery {
  /** Exact names. */
  readonly domains?: readonly string[] | undefined;
  /** With exactly one domain: this path, and what lies below it. */
  readonly below?: string | undefined;
  readonly matches?: ((domain: string, relativePath: string) => boolean) | undefined;
}

/** The plain content of one file. Exactly one reader at a time; closed by who opened it. */
export interface FileContent {
  /** As it lies in the backup, encrypted or not. */
  readonly storedBytes: number;
  /** All of it at once: the fast way for small files. @throws RangeError above SMALL_CONTENT_BYTES; IbkError `damaged` */
  readWhole(): Buffer;
  /** In pieces, each good until the next is asked for. @throws IbkError `damaged`, the signal's reason */
  pieces(signal?: AbortSignal): AsyncGenerator<Buffer, void>;
  close(): void;
}

export const SMALL_CONTENT_BYTES = 1024 * 1024;

export interface OpenedBackup extends AsyncDisposable {
  readonly era: BackupEra;
  readonly encrypted: boolean;
  /** Undefined where the part is missing or cannot be read: identity then rests on the folder's name. */
  readonly info: PlistDict | undefined;
  readonly manifest: BackupManifest | undefined;
  readonly status: BackupStatus | undefined;
  /** In pages, in an order that does not change between two runs. @throws IbkError `damaged`, reason `manifest`; the signal's reason */
  records(query?: RecordQuery, signal?: AbortSignal): AsyncGenerator<readonly FileRecord[], void>;
  /** By an index where the format has one, never by a scan of Manifest.db. */
  find(domain: string, relativePath: string): Promise<FileRecord | undefined>;
  /** Undefined: the manifest names it, and it is not in the backup. @throws IbkError `damaged` (lost, record, key), `unsafe` (no regular file in its place) */
  content(record: FileRecord): FileContent | undefined;
}

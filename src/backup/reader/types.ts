/**
 * What every reader of a backup works with, whatever generation of format it is, encrypted or not, a version of a store or a folder of its own.
 *
 * The name of a file costs nothing to read; its details are decoded when they are asked for, so that one damaged record harms nobody else.
 */
import type { PlistDict } from '../../plist/value.js';
import type { FilePlace, Located, ReadableFile } from '../disk/file-system.js';
import type { BackupManifest } from '../format/manifest-plist.js';
import type { BackupStatus } from '../format/status-plist.js';
import type { ManifestCopy } from './manifest-copy.js';
import type { ManifestEdit } from './manifest-edit.js';

/** `mdbackup`: iPhone OS 1-2; `mdinfo`: 2-3; `mbdb`: iOS 4-9; `db`: iOS 10 and later. */
export type BackupEra = 'mdbackup' | 'mdinfo' | 'mbdb' | 'db';

export interface FileDetails {
  /** Permission bits, 0-0o7777. */
  readonly mode: number;
  /**
   * Bytes of the plain content as the device claimed when it scanned; 0 where it claims nothing, or what no disk can hold.
   * What is stored may be longer or shorter (databases), and is right.
   */
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

/** Holds what the manifest has of the file (about a kilobyte): whoever keeps a million keeps what he needs of each, not the record. */
export interface FileRecord {
  /** 40 lower-case hex digits, checked; the name of the payload. */
  readonly fileId: string;
  readonly domain: string;
  /** Empty for the domain's own root. As stored: hostile, never normalised. */
  readonly relativePath: string;
  readonly kind: 'file' | 'directory' | 'symlink';
  /** @throws IbkError `damaged`, reason `record` */
  details(): FileDetails;
  /** Is all that the manifest has of the two the same? False where only `details` can tell. */
  isLike?(other: FileRecord): boolean;
}

export type RecordPages = AsyncGenerator<readonly FileRecord[], void>;

/** All conditions must hold; none: every record. The first two are answered by an index where the format has one. */
export interface RecordQuery {
  /** Exact names. */
  readonly domains?: readonly string[] | undefined;
  /** With exactly one domain: this path, and what lies below it. */
  readonly below?: string | undefined;
  readonly matches?: ((domain: string, relativePath: string) => boolean) | undefined;
  /** Rows that are no record; they are passed over. Placeholders that old releases of iOS write (all fields null) are not told of. */
  readonly onUnusable?: ((row: UnusableRow) => void) | undefined;
}

/** A row of the manifest with a field of a wrong type, too long, or a fileID that is none. What is text in it, as stored: hostile. */
export interface UnusableRow {
  readonly fileId: string | null;
  readonly domain: string | null;
  readonly relativePath: string | null;
  readonly why: 'file_id' | 'name' | 'kind';
}

/** A file of the backup as it lies there, encrypted or not; closed by who opened it. */
export interface StoredFile {
  /** In the backup folder: `ab/abcd…`. */
  readonly path: string;
  readonly file: ReadableFile;
}

/** The plain content of one file. Exactly one reader at a time; closed by who opened it. */
export interface FileContent {
  /** As it lies in the backup, encrypted or not. */
  readonly storedBytes: number;
  /** Exactly what comes out: for archives, which tell the size first. Encrypted, the last block alone is read. @throws IbkError `damaged` */
  plainBytes(): number;
  /** All of it at once: the fast way for small files. With `into` (SMALL_CONTENT_BYTES), what comes back may lie in there. @throws RangeError above SMALL_CONTENT_BYTES; IbkError `damaged` */
  readWhole(into?: Buffer): Buffer;
  /** In pieces, each good until the next is asked for. @throws IbkError `damaged`, the signal's reason */
  pieces(signal?: AbortSignal): AsyncGenerator<Buffer, void>;
  close(): void;
}

/** Where the content of a file lies, and what decrypts it: for threads that read beside this one. */
export interface ContentPlace extends FilePlace {
  /** AES-256-CBC, a vector of zeros, PKCS#7 at the end; undefined: stored plain. The caller's own, to be wiped. */
  readonly key: Buffer | undefined;
}

/** As `Located`, of contents. */
export interface LocatedContent extends Pick<Located, 'holds'> {
  /** Undefined: `content` tells, also why there is none. */
  readonly places: readonly (ContentPlace | undefined)[];
}

export const SMALL_CONTENT_BYTES = 1024 * 1024;

export interface OpenedBackup extends AsyncDisposable {
  readonly era: BackupEra;
  /** Is the content of files encrypted? */
  readonly encrypted: boolean;
  /** Undefined where the part is missing or cannot be read: identity then rests on the folder's name. */
  readonly info: PlistDict | undefined;
  readonly manifest: BackupManifest | undefined;
  readonly status: BackupStatus | undefined;
  /**
   * Asks for the password, where the backup is encrypted and it is not open yet: what `content` needs first. One key derivation.
   * @throws IbkError `password`: wrong, or there is none; `damaged` (keybag); `unsafe`: a keybag that asks for hours
   */
  unlock(): Promise<void>;
  /** In pages, in an order that does not change between two runs. Unlocks where the manifest itself is encrypted. @throws IbkError as `unlock`; `damaged`, reason `manifest`; the signal's reason */
  records(query?: RecordQuery, signal?: AbortSignal): AsyncGenerator<readonly FileRecord[], void>;
  /** The same in the order of their fileIDs; undefined where the manifest has no index for that. */
  ordered?(query?: RecordQuery, signal?: AbortSignal): Promise<RecordPages | undefined>;
  /** By an index where the format has one, never by a scan of Manifest.db. */
  find(domain: string, relativePath: string): Promise<FileRecord | undefined>;
  /**
   * Undefined: the manifest names it, and it is not in the backup; or it is no file.
   * @throws IbkError `damaged` (lost, record, key), `unsafe` (no regular file in its place), `password` (not unlocked)
   */
  content(record: FileRecord): FileContent | undefined;
  /** Where the contents of many files lie; undefined where that is not to be known. Nothing is opened. */
  locate?(records: readonly FileRecord[]): LocatedContent | undefined;
  /** The same as it is stored: what a digest is taken over. @throws IbkError `damaged` (lost), `unsafe` */
  stored(record: FileRecord): StoredFile | undefined;
  /** The manifest, to be changed in a copy. Unlocks. @throws IbkError `incompatible`: of iOS 4 and before; as `unlock`, `records` */
  editManifest(signal?: AbortSignal): Promise<ManifestEdit>;
  /** A plain manifest at `path`, where nothing is yet. @throws IbkError `incompatible`: this generation has none; as `records`; system errors of the disk */
  copyManifest(path: string): Promise<ManifestCopy>;
}

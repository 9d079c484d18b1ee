/** What is written, and where to: a folder, an archive, one file or a stream. Paths come from `NameTree`: safe, and each given once. */

export interface EntryFacts {
  /** Parts joined by `/`, below the top. */
  readonly path: string;
  /** Permission bits, 0-0o777. */
  readonly mode: number;
  /** Unix seconds; null: nobody knows, the time of writing is kept. */
  readonly mtime: number | null;
  /** Set where the system can (macOS, by way of an earlier mtime). */
  readonly btime: number | null;
}

/** The bytes of one file, read once. Errors of reading come out of these calls. */
export interface EntryContent {
  /** Never less than what comes; a little more where it is encrypted. */
  readonly storedBytes: number;
  /** Exactly what comes: for formats that tell the size first. */
  plainBytes(): number;
  /** All of it: only where `storedBytes` is at most SMALL_BYTES. What comes back may lie in `into`, which has room for so many. */
  readWhole(into?: Buffer): Buffer;
  /** In pieces, each good until the next is asked for. */
  pieces(signal?: AbortSignal): AsyncGenerator<Buffer, void>;
}

export const SMALL_BYTES = 1024 * 1024;

/** What became of a file. `kept`: there was one already, and it stays. */
export type Written = 'written' | 'kept';

export interface OutputTarget {
  readonly name: 'folder' | 'archive' | 'file' | 'stream';
  /** Before what lies in it; also for folders that hold nothing. */
  folder(facts: EntryFacts): Promise<void> | void;
  /** A small file is written before the call returns; then nothing has to be waited for. */
  file(facts: EntryFacts, content: EntryContent, signal?: AbortSignal): Promise<Written> | Written;
  /** After all files and folders. */
  link(facts: EntryFacts, target: string): Promise<Written> | Written;
  /** Makes it last: times of folders, the end of an archive, the final name. */
  finish(): Promise<void>;
  /** Takes away what is half written. Safe after any failure, and more than once. */
  abandon(): Promise<void>;
}

/**
 * What Device Link may ask of a disk. The loop does no file work itself, so a folder, a store with versions or memory can stand behind it.
 *
 * Paths are as the device sent them. A host throws `IbkError` `unsafe` for a path that leaves the device's folder, which ends the run; a `HostRefusal` or
 * a system error is told to the device, and the run goes on. Methods that need not wait return no promise: a small file then costs none.
 */
export type MaybePromise<T> = T | Promise<T>;

export interface DeviceLinkHost {
  /** Bytes that this user can still write. */
  freeSpace(): MaybePromise<number>;
  /** A place for the content of `path`, replacing what was there once `commit` is called, and only then. */
  receive(path: string): MaybePromise<FileSink>;
  /**
   * All that was committed is in its place: waited for before any other question, and at the end. A host that does it at once need not have this.
   * @throws what happened to a file that is not; it is told once
   */
  settle?(): MaybePromise<void>;
  /** @throws a system error such as ENOENT */
  open(path: string): MaybePromise<FileSource>;
  move(from: string, to: string): MaybePromise<void>;
  copy(from: string, to: string): MaybePromise<void>;
  /** Removes a file, or a folder with all it holds. A missing path is success. */
  remove(path: string): MaybePromise<void>;
  /** The entries of a folder; nothing for one that does not exist. Not recursive, and truthful. */
  list(path: string): MaybePromise<readonly ListedEntry[]>;
  /** Makes a folder and its parents; an existing one is success. */
  makeDirectory(path: string): MaybePromise<void>;
}

export interface FileSink {
  /** Takes over `chunk`. A promise means: wait before the next one. */
  write(chunk: Buffer): MaybePromise<void>;
  /** The device said that the file is whole: it takes the place of what was there, at the latest with `settle`. */
  commit(): MaybePromise<void>;
  /** Forgets what was written. Never throws. */
  discard(): MaybePromise<void>;
}

export interface FileSource {
  /** Fills `into` with the next bytes, from its start; returns how many there were, 0 at the end. */
  read(into: Buffer): MaybePromise<number>;
  close(): MaybePromise<void>;
}

export interface ListedEntry {
  readonly name: string;
  readonly type: 'file' | 'directory' | 'other';
  readonly sizeBytes: number;
  readonly modified: Date;
}

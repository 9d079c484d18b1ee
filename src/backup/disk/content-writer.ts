/**
 * How received content becomes files, with their SHA-256: `ThreadContentWriter` of a real disk does it beside receiving, this one at once.
 *
 * Content lies in pieces of memory, which are the writer's until it has answered.
 */
import { createHash, hash } from 'node:crypto';
import type { FileIdentity } from './file-identity.js';
import type { FileStat, StoreFileSystem, WritableFile } from './file-system.js';

/**
 * Memory that a thread may read. It is shared, not handed over: V8 counts what is handed over as new memory, and collects garbage over it again and again.
 */
export interface Piece {
  readonly shared: SharedArrayBuffer;
  readonly bytes: Buffer;
}

export function newPiece(length: number): Piece {
  const shared = new SharedArrayBuffer(length);
  return { shared, bytes: Buffer.from(shared) };
}

/** By `fill`, since V8 copies into shared memory byte by byte: twenty times slower. */
export function copyInto({ bytes }: Piece, chunk: Buffer, at: number): void {
  if (chunk.length > 0) bytes.fill(chunk, at, at + chunk.length);
}

/** A new file whose content lies whole in one piece. */
export interface SmallFile {
  readonly path: string;
  readonly at: number;
  readonly length: number;
}

export type Written = { readonly identity: FileIdentity } | { readonly error: unknown };

export interface ContentWriter {
  /** Bytes of small files that are worth one `writeFiles`. */
  readonly batchBytes: number;
  /** Makes each, 0600; one that fails keeps no other from being made. What it left of that one is the caller's to remove. */
  writeFiles(piece: Piece, files: readonly SmallFile[]): readonly Written[] | Promise<readonly Written[]>;
  /** A new file that comes in pieces. @throws as `create` */
  begin(path: string): LargeFile;
  /** Gives back what it holds, such as a thread; it goes on with what comes later. Not while `writeFiles` is under way; with a large file open it does nothing. */
  rest(): void;
  close(): void;
}

export interface LargeFile {
  /** Several may be under way; they are written in their order. */
  append(piece: Piece, length: number): Promise<void>;
  /** After all that was appended. Closes the file. */
  finish(): Promise<FileIdentity>;
  /** After all that was appended: closes the file. Never throws. */
  discard(): Promise<void>;
}

/** One after the other, at once. */
export class PlainContentWriter implements ContentWriter {
  readonly batchBytes = 0;
  readonly #fs: Pick<StoreFileSystem, 'create'>;

  constructor(fs: Pick<StoreFileSystem, 'create'>) {
    this.#fs = fs;
  }

  writeFiles(piece: Piece, files: readonly SmallFile[]): readonly Written[] {
    return files.map((file) => this.writeFile(piece, file));
  }

  writeFile({ bytes }: Piece, { path, at, length }: SmallFile): Written {
    try {
      return { identity: this.#write(path, bytes.subarray(at, at + length)) };
    } catch (error) {
      return { error };
    }
  }

  begin(path: string): LargeFile {
    const file = this.#fs.create(path);
    const digest = createHash('sha256');
    return {
      append: async ({ bytes }, length) => {
        file.write([bytes.subarray(0, length)]);
        digest.update(bytes.subarray(0, length));
      },
      finish: async () => closed(file, () => identityOf(file.stat(), digest.digest('hex'))),
      discard: async () => closeQuietly(file),
    };
  }

  rest(): void {}

  close(): void {}

  #write(path: string, bytes: Buffer): FileIdentity {
    const file = this.#fs.create(path);
    return closed(file, () => {
      if (bytes.length > 0) file.write([bytes]);
      return identityOf(file.stat(), hash('sha256', bytes));
    });
  }
}

function closed<T>(file: WritableFile, work: () => T): T {
  try {
    return work();
  } finally {
    file.close();
  }
}

function closeQuietly(file: WritableFile): void {
  try {
    file.close();
  } catch {
    // It is removed in any case.
  }
}

function identityOf({ sizeBytes, mtimeUs }: FileStat, sha256: string): FileIdentity {
  return { size: sizeBytes, mtimeUs, sha256 };
}

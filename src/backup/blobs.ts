/**
 * Received content, stored under numbers: a name that comes from a device never reaches the disk here, and moving 100,000 files out of `Snapshot/` moves nothing.
 *
 * A small file costs one open, one write and one close, all synchronous: measured faster than a round trip through the thread pool. A large one is written
 * behind, in pieces of a megabyte, while the next bytes arrive.
 */
import {
  chmodSync,
  closeSync,
  fchmodSync,
  mkdirSync,
  openSync,
  rmSync,
  unlinkSync,
  write,
  writev,
  writevSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';

const PIECE_BYTES = 1024 * 1024;
/** IOV_MAX is 1024 on the systems we know. */
const PIECE_CHUNKS = 512;

export interface Blob {
  readonly number: number;
  readonly sizeBytes: number;
}

export class Blobs {
  readonly #folder: string;
  readonly #made = new Set<number>();
  /** Set when the umask takes away what we ask for: then each file is put right. */
  readonly #fixModes: boolean;
  #next = 0;

  constructor(folder: string, options: { readonly fixModes: boolean }) {
    this.#folder = folder;
    this.#fixModes = options.fixModes;
  }

  path(number: number): string {
    return join(this.#folder, shard(number), String(number));
  }

  /** A new, empty file, open for writing. */
  create(): { number: number; fd: number } {
    const number = this.#next++;
    const index = number % 256;
    if (!this.#made.has(index)) {
      const folder = join(this.#folder, shard(number));
      mkdirSync(folder, { mode: 0o700 });
      if (this.#fixModes) chmodSync(folder, 0o700);
      this.#made.add(index);
    }
    const fd = openSync(this.path(number), 'wx', 0o600);
    if (this.#fixModes) fchmodSync(fd, 0o600);
    return { number, fd };
  }

  writer(): BlobWriter {
    return new BlobWriter(this);
  }

  remove(number: number): void {
    rmSync(this.path(number), { force: true });
  }

  /** Makes the bytes of one blob last. */
  async sync(number: number): Promise<void> {
    const file = await open(this.path(number), 'r+');
    try {
      await file.sync();
    } finally {
      await file.close();
    }
  }
}

function shard(number: number): string {
  return (number % 256).toString(16).padStart(2, '0');
}

/** Takes the bytes of one file. Ends with `finish` or `discard`. */
export class BlobWriter {
  readonly #blobs: Blobs;
  #chunks: Buffer[] = [];
  #pending = 0;
  #size = 0;
  #file: { number: number; fd: number } | undefined;
  #writing: Promise<void> | undefined;

  constructor(blobs: Blobs) {
    this.#blobs = blobs;
  }

  /** Takes over `chunk`; waits once a piece is full and the one before is still being written. */
  write(chunk: Buffer): Promise<void> | undefined {
    this.#chunks.push(chunk);
    this.#pending += chunk.length;
    this.#size += chunk.length;
    if (this.#pending < PIECE_BYTES && this.#chunks.length < PIECE_CHUNKS) return undefined;
    return this.#writeBehind();
  }

  /** Everything is in the file, which is closed. */
  finish(): Blob | Promise<Blob> {
    if (this.#writing !== undefined) return this.#finishAfter(this.#writing);
    return this.#finishNow();
  }

  async discard(): Promise<void> {
    await this.#writing?.catch(() => undefined);
    const file = this.#file;
    this.#file = undefined;
    this.#chunks = [];
    if (file === undefined) return;
    try {
      closeSync(file.fd);
      unlinkSync(this.#blobs.path(file.number));
    } catch {
      // The folder is dropped with all it holds at the next start.
    }
  }

  async #writeBehind(): Promise<void> {
    if (this.#writing !== undefined) await this.#writing;
    this.#file ??= this.#blobs.create();
    const chunks = this.#chunks;
    this.#chunks = [];
    this.#pending = 0;
    const writing = writeAll(this.#file.fd, chunks);
    this.#writing = writing;
    writing.catch(() => undefined); // found by the next write or the end
  }

  async #finishAfter(writing: Promise<void>): Promise<Blob> {
    await writing;
    this.#writing = undefined;
    if (this.#file !== undefined && this.#chunks.length > 0) {
      await writeAll(this.#file.fd, this.#chunks);
      this.#chunks = [];
    }
    return this.#finishNow();
  }

  #finishNow(): Blob {
    this.#file ??= this.#blobs.create();
    const { fd, number } = this.#file;
    if (this.#chunks.length > 0) writeAllSync(fd, this.#chunks);
    this.#chunks = [];
    this.#file = undefined;
    closeSync(fd);
    return { number, sizeBytes: this.#size };
  }
}

/** A disk that is nearly full writes less than it was given. */
function writeAllSync(fd: number, chunks: readonly Buffer[]): void {
  let left = chunks;
  while (left.length > 0) left = after(left, writevSync(fd, left));
}

async function writeAll(fd: number, chunks: readonly Buffer[]): Promise<void> {
  let left = chunks;
  while (left.length > 0) left = after(left, await writeSome(fd, left));
}

function writeSome(fd: number, chunks: readonly Buffer[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const done = (error: Error | null, written: number) => (error === null ? resolve(written) : reject(error));
    const only = chunks[0];
    if (chunks.length === 1 && only !== undefined) write(fd, only, done);
    else writev(fd, chunks, done);
  });
}

function after(chunks: readonly Buffer[], written: number): readonly Buffer[] {
  let left = written;
  for (const [index, chunk] of chunks.entries()) {
    if (left < chunk.length) return [chunk.subarray(left), ...chunks.slice(index + 1)];
    left -= chunk.length;
  }
  return [];
}

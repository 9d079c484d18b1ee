/**
 * Received content, stored under numbers: a name that comes from a device never reaches the disk here, and moving 100,000 files out of `Snapshot/` moves nothing.
 *
 * Chunks of the socket are copied into a few buffers that are used again and again. Holding on to the chunks themselves until they are written was measured:
 * they outlive the young generation, and collecting them costs more than the copy. A small file then is one open, one write and one close, all synchronous,
 * which is faster than a round trip through the thread pool; a large one is written behind while the next bytes arrive.
 */
import { chmodSync, closeSync, fchmodSync, mkdirSync, openSync, rmSync, unlinkSync, write, writeSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';

const PIECE_BYTES = 1024 * 1024;

export interface Blob {
  readonly number: number;
  readonly sizeBytes: number;
}

export class Blobs {
  readonly #folder: string;
  readonly #made = new Set<number>();
  /** Set when the umask takes away what we ask for: then each file is put right. */
  readonly #fixModes: boolean;
  readonly #spare: Buffer[] = [];
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

  /** A buffer of one piece, to be given back. */
  takeBuffer(): Buffer {
    return this.#spare.pop() ?? Buffer.allocUnsafeSlow(PIECE_BYTES);
  }

  giveBuffer(buffer: Buffer): void {
    this.#spare.push(buffer);
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
  #buffer: Buffer | undefined;
  /** Bytes in `#buffer`. */
  #filled = 0;
  #size = 0;
  #file: { number: number; fd: number } | undefined;
  #writing: Promise<void> | undefined;

  constructor(blobs: Blobs) {
    this.#blobs = blobs;
  }

  /** Copies `chunk`; waits once a piece is full and the one before is still being written. */
  write(chunk: Buffer): Promise<void> | undefined {
    if (this.#filled + chunk.length > PIECE_BYTES) return this.#writeLong(chunk);
    this.#buffer ??= this.#blobs.takeBuffer();
    chunk.copy(this.#buffer, this.#filled);
    this.#filled += chunk.length;
    this.#size += chunk.length;
    return undefined;
  }

  /** Everything is in the file, which is closed. */
  finish(): Blob | Promise<Blob> {
    if (this.#writing !== undefined) return this.#writing.then(() => this.#finishNow());
    return this.#finishNow();
  }

  async discard(): Promise<void> {
    await this.#writing?.catch(() => undefined);
    this.#release();
    const file = this.#file;
    this.#file = undefined;
    if (file === undefined) return;
    try {
      closeSync(file.fd);
      unlinkSync(this.#blobs.path(file.number));
    } catch {
      // The folder is dropped with all it holds at the next start.
    }
  }

  async #writeLong(chunk: Buffer): Promise<void> {
    for (let at = 0; at < chunk.length; ) {
      if (this.#filled === PIECE_BYTES) await this.#writeBehind();
      this.#buffer ??= this.#blobs.takeBuffer();
      const copied = chunk.copy(this.#buffer, this.#filled, at);
      at += copied;
      this.#filled += copied;
      this.#size += copied;
    }
  }

  /** Hands the full piece to the thread pool, once the one before it is written. */
  async #writeBehind(): Promise<void> {
    if (this.#writing !== undefined) await this.#writing;
    const buffer = this.#buffer;
    if (buffer === undefined) return;
    this.#file ??= this.#blobs.create();
    this.#buffer = undefined;
    this.#filled = 0;
    const writing = writeAll(this.#file.fd, buffer).finally(() => this.#blobs.giveBuffer(buffer));
    this.#writing = writing;
    writing.catch(() => undefined); // found by the next write or the end
  }

  #finishNow(): Blob {
    this.#file ??= this.#blobs.create();
    const { fd, number } = this.#file;
    if (this.#buffer !== undefined) writeAllSync(fd, this.#buffer.subarray(0, this.#filled));
    this.#release();
    this.#file = undefined;
    closeSync(fd);
    return { number, sizeBytes: this.#size };
  }

  #release(): void {
    if (this.#buffer !== undefined) this.#blobs.giveBuffer(this.#buffer);
    this.#buffer = undefined;
    this.#filled = 0;
  }
}

/** A disk that is nearly full writes less than it was given. */
function writeAllSync(fd: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
}

async function writeAll(fd: number, bytes: Buffer): Promise<void> {
  for (let at = 0; at < bytes.length; ) at += await writeSome(fd, bytes, at);
}

function writeSome(fd: number, bytes: Buffer, at: number): Promise<number> {
  return new Promise((resolve, reject) => {
    write(fd, bytes, at, bytes.length - at, null, (error, written) => {
      if (error === null) resolve(written);
      else reject(error);
    });
  });
}

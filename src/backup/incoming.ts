/**
 * Received content, under numbers: a name sent by a device never reaches the disk.
 *
 * Chunks of the socket are copied into a few pieces of memory that are used again and again: held until they are written, they would outlive the young
 * generation, and collecting them costs more than the copy. A file that fits into one piece is one open, write, look and close, all synchronous,
 * which is faster than a round trip through the thread pool. A larger one is written behind, and its SHA-256 taken by a thread, while the next bytes arrive.
 */
import { hash } from 'node:crypto';
import type { FileIdentity } from './change-list.js';
import { makeDirectories, parentOf, type StoreFileSystem, type WritableFile } from './file-system.js';
import { HashThread, type ThreadHash } from './hash-thread.js';
import type { StoreLayout } from './layout.js';
import { identityOfStat } from './scan.js';

const PIECE_BYTES = 1024 * 1024;
/** Being written and hashed at once, for each file. */
const PIECES_UNDER_WAY = 4;

export interface ReceivedBlob {
  readonly number: number;
  readonly identity: FileIdentity;
}

interface Piece {
  readonly shared: SharedArrayBuffer;
  readonly bytes: Buffer;
}

export class Incoming {
  readonly #fs: StoreFileSystem;
  readonly #layout: StoreLayout;
  readonly #folders = new Set<number>();
  readonly #spare: Piece[] = [];
  readonly #thread = new HashThread();
  #next = 0;

  constructor(fs: StoreFileSystem, layout: StoreLayout) {
    this.#fs = fs;
    this.#layout = layout;
  }

  close(): void {
    this.#thread.close();
  }

  /** Numbers below this have been given out. */
  get count(): number {
    return this.#next;
  }

  /** A place for content whose name is not known to the disk. */
  begin(): BlobWriter {
    return new BlobWriter(this);
  }

  /** A file of the folder again, as content of its own: a clone where the disk can. */
  copyOf(path: string, sha256: string | null): ReceivedBlob {
    const [number, target] = this.#place();
    this.#fs.copy(path, target);
    const stat = this.#fs.stat(target);
    if (stat === undefined) throw new Error('a copied file is not there');
    return { number, identity: identityOfStat(stat, sha256) };
  }

  remove(number: number): void {
    this.#fs.unlink(this.#layout.blob(number));
  }

  /** For the writers. */
  create(): [number, WritableFile] {
    const [number, path] = this.#place();
    return [number, this.#fs.create(path)];
  }

  takePiece(): Piece {
    const spare = this.#spare.pop();
    if (spare !== undefined) return spare;
    const shared = new SharedArrayBuffer(PIECE_BYTES);
    return { shared, bytes: Buffer.from(shared) };
  }

  givePiece(piece: Piece): void {
    this.#spare.push(piece);
  }

  beginHash(): ThreadHash {
    return this.#thread.begin();
  }

  #place(): [number, string] {
    const number = this.#next;
    this.#next += 1;
    const path = this.#layout.blob(number);
    if (!this.#folders.has(number % 256)) {
      makeDirectories(this.#fs, parentOf(path));
      this.#folders.add(number % 256);
    }
    return [number, path];
  }
}

/** Content on its way in. Exactly one of `finish` and `discard` ends it. */
export class BlobWriter {
  readonly #incoming: Incoming;
  #piece: Piece | undefined;
  /** Bytes in `#piece`. */
  #filled = 0;
  #large: LargeBlob | undefined;

  constructor(incoming: Incoming) {
    this.#incoming = incoming;
  }

  /** Copies `chunk`; a promise means: wait. @throws a system error; `discard` is to be called then */
  write(chunk: Buffer): Promise<void> | undefined {
    if (this.#filled + chunk.length > PIECE_BYTES) return this.#writeLong(chunk);
    this.#piece ??= this.#incoming.takePiece();
    chunk.copy(this.#piece.bytes, this.#filled);
    this.#filled += chunk.length;
    return undefined;
  }

  /** All of it is in a file, which is closed. */
  finish(): ReceivedBlob | Promise<ReceivedBlob> {
    if (this.#large !== undefined) return this.#finishLarge(this.#large);
    const bytes = this.#piece?.bytes.subarray(0, this.#filled) ?? Buffer.alloc(0);
    const [number, file] = this.#incoming.create();
    try {
      if (bytes.length > 0) file.write([bytes]);
      return { number, identity: identityOfStat(file.stat(), hash('sha256', bytes)) };
    } catch (error) {
      this.#incoming.remove(number);
      throw error;
    } finally {
      file.close();
      this.#giveBack();
    }
  }

  /** Never throws: what it cannot remove goes away with the run. */
  discard(): Promise<void> | undefined {
    this.#giveBack();
    const large = this.#large;
    this.#large = undefined;
    return large?.discard();
  }

  async #writeLong(chunk: Buffer): Promise<void> {
    for (let at = 0; at < chunk.length; ) {
      if (this.#filled === PIECE_BYTES) await this.#flush();
      this.#piece ??= this.#incoming.takePiece();
      const copied = chunk.copy(this.#piece.bytes, this.#filled, at);
      at += copied;
      this.#filled += copied;
    }
  }

  #flush(): Promise<void> | undefined {
    const piece = this.#piece;
    if (piece === undefined) return undefined;
    const length = this.#filled;
    this.#large ??= new LargeBlob(this.#incoming);
    this.#piece = undefined;
    this.#filled = 0;
    return this.#large.add(piece, length);
  }

  async #finishLarge(large: LargeBlob): Promise<ReceivedBlob> {
    await this.#flush();
    return large.finish();
  }

  #giveBack(): void {
    if (this.#piece !== undefined) this.#incoming.givePiece(this.#piece);
    this.#piece = undefined;
    this.#filled = 0;
  }
}

class LargeBlob {
  readonly #incoming: Incoming;
  readonly #number: number;
  readonly #file: WritableFile;
  readonly #hash: ThreadHash;
  readonly #underWay: Promise<void>[] = [];

  /** @throws a system error */
  constructor(incoming: Incoming) {
    this.#incoming = incoming;
    [this.#number, this.#file] = incoming.create();
    this.#hash = incoming.beginHash();
  }

  /** Takes over `piece`. @throws what happened to an earlier one */
  async add(piece: Piece, length: number): Promise<void> {
    if (this.#underWay.length >= PIECES_UNDER_WAY) await this.#underWay.shift();
    const written = this.#file.writeLater(piece.bytes.subarray(0, length));
    const hashed = this.#hash.update(piece.shared, length);
    // Both, also when one fails: the piece is in use until then.
    const done = Promise.allSettled([written, hashed]).then(([first, second]) => {
      this.#incoming.givePiece(piece);
      if (first.status === 'rejected') throw first.reason;
      if (second.status === 'rejected') throw second.reason;
    });
    done.catch(() => undefined);
    this.#underWay.push(done);
  }

  async finish(): Promise<ReceivedBlob> {
    try {
      for (const done of this.#underWay.splice(0)) await done;
      const sha256 = await this.#hash.digest();
      return { number: this.#number, identity: identityOfStat(this.#file.stat(), sha256) };
    } catch (error) {
      await this.#settled();
      this.#remove();
      throw error;
    } finally {
      this.#file.close();
    }
  }

  async discard(): Promise<void> {
    await this.#settled();
    this.#hash.drop();
    try {
      this.#file.close();
    } catch {
      // It is removed in any case.
    }
    this.#remove();
  }

  async #settled(): Promise<void> {
    await Promise.allSettled(this.#underWay.splice(0));
  }

  #remove(): void {
    try {
      this.#incoming.remove(this.#number);
    } catch {
      // It goes away with the run.
    }
  }
}

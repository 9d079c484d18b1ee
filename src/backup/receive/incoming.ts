/**
 * Received content, under numbers: a name sent by a device never reaches the disk.
 *
 * Chunks of the socket are copied into a few pieces of memory that are used again and again: held until they are written, they would outlive the young
 * generation, and collecting them costs more than the copy. Many small files share a piece and are made together (content-writer.ts), while the next ones
 * arrive: the end of a file is not the end of its writing, which `settle` waits for. A file larger than a piece is written piece by piece.
 */
import { codeOf } from '../../io/system-code.js';
import {
  type ContentWriter,
  type LargeFile,
  newPiece,
  type Piece,
  type SmallFile,
  type Written,
} from '../disk/content-writer.js';
import type { FileIdentity } from '../disk/file-identity.js';
import { type EarlySync, makeDirectories, parentOf, type StoreFileSystem } from '../disk/file-system.js';
import type { StoreLayout } from '../records/layout.js';
import { identityOfStat } from '../records/scan.js';
import { BlobWriter } from './blob-writer.js';

export const PIECE_BYTES = 1024 * 1024;
/** Of which a piece may hold no more: empty ones fill none, and the thread's memory is small. */
const MOST_FILES_AT_ONCE = 4_096;
/** Being written at once, for all small files. */
const PIECES_UNDER_WAY = 4;
/** For each large one. The thread runs when a processor is free, and then makes up for it: with fewer, what receives would stand still until it does. */
export const LARGE_PIECES_UNDER_WAY = 8;
/** Written between two beginnings of a sync: what a slow disk writes in some seconds. */
const BYTES_TO_SYNC = 128 * 1024 * 1024;

export interface ReceivedBlob {
  readonly number: number;
  readonly identity: FileIdentity;
}

/** Told once the content is in its file. It may throw as a failed write does. */
export type OnReceived = (blob: ReceivedBlob) => void;

interface WholeFile extends SmallFile {
  readonly number: number;
  readonly onReceived: OnReceived;
}

/** A piece with the small files that it holds so far. */
export interface Filling {
  readonly piece: Piece;
  filled: number;
  files: WholeFile[];
}

export class Incoming {
  readonly #fs: StoreFileSystem;
  readonly #layout: StoreLayout;
  readonly #folders = new Set<number>();
  readonly #spare: Piece[] = [];
  readonly #content: ContentWriter;
  readonly #earlySync: EarlySync | undefined;
  readonly #underWay: Promise<void>[] = [];
  #filling: Filling | undefined;
  #failure: { readonly error: unknown } | undefined;
  #next = 0;
  /** Bytes since a sync was begun. */
  #written = 0;

  /** `syncsEarly`: what is received is to be durable in the end, and begins to be while more arrives. */
  constructor(fs: StoreFileSystem, layout: StoreLayout, { syncsEarly = false } = {}) {
    this.#fs = fs;
    this.#layout = layout;
    this.#content = fs.contentWriter();
    if (syncsEarly) this.#earlySync = fs.earlySync(layout.own);
  }

  close(): void {
    this.#content.close();
    this.#earlySync?.close();
  }

  /** Gives back what is held for receiving: a thread and pieces of memory. More may come. Between files, when all is settled. */
  rest(): void {
    this.#spare.length = 0;
    this.#content.rest();
    this.#earlySync?.close();
  }

  /** Numbers below this have been given out. */
  get count(): number {
    return this.#next;
  }

  /** A place for content whose name is not known to the disk. @throws what happened to an earlier file since the last `settle` */
  begin(): BlobWriter {
    if (this.#failure !== undefined) throw this.#failure.error;
    return new BlobWriter(this);
  }

  /** A file of the folder again, as content of its own: a clone where the disk can. */
  copyOf(path: string, sha256: string | null): ReceivedBlob {
    const [number, target] = this.place();
    this.#fs.copy(path, target);
    const stat = this.#fs.stat(target);
    if (stat === undefined) throw new Error('a copied file is not there');
    return { number, identity: identityOfStat(stat, sha256) };
  }

  remove(number: number): void {
    this.#fs.unlink(this.#layout.blob(number));
  }

  /** What cannot be removed goes away with the run. */
  removeQuietly(number: number): void {
    try {
      this.remove(number);
    } catch {
      // As said.
    }
  }

  /** All that was finished is in its files. @throws what happened to the first that is not; the others are */
  settle(): Promise<void> | undefined {
    const isIdle = this.#filling === undefined && this.#underWay.length === 0 && this.#failure === undefined;
    return isIdle ? undefined : this.#settle();
  }

  /** As `settle`, but failures are left for it. */
  async quiet(): Promise<void> {
    const filling = this.#filling;
    this.#filling = undefined;
    if (filling !== undefined) this.write(filling);
    await Promise.all(this.#underWay);
  }

  async #settle(): Promise<void> {
    await this.quiet();
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure !== undefined) throw failure.error;
  }

  // For the writers:

  takePiece(): Piece {
    return this.#spare.pop() ?? newPiece(PIECE_BYTES);
  }

  givePiece(piece: Piece): void {
    this.#spare.push(piece);
  }

  /** So many bytes more are in files. */
  countWritten(bytes: number): void {
    this.#written += bytes;
    if (this.#written < BYTES_TO_SYNC) return;
    this.#written = 0;
    this.#earlySync?.begin();
  }

  /** Where the next bytes go, behind the small files that wait to be written: for one writer, until it gives it back. */
  takeFilling(): Filling {
    const filling = this.#filling ?? { piece: this.takePiece(), filled: 0, files: [] };
    this.#filling = undefined;
    return filling;
  }

  /** A promise means: wait, too much is under way. @throws where files are made at once: what happened to one */
  giveFilling(filling: Filling): Promise<void> | undefined {
    const isFull = filling.filled >= this.#content.batchBytes || filling.files.length >= MOST_FILES_AT_ONCE;
    if (isFull || this.#filling !== undefined) return this.write(filling);
    this.#filling = filling;
    return undefined;
  }

  /** As `giveFilling`, for one that is full. */
  write({ piece, filled, files }: Filling): Promise<void> | undefined {
    const written = files.length === 0 ? [] : this.#content.writeFiles(piece, files);
    if (!(written instanceof Promise)) {
      this.givePiece(piece);
      const failure = this.#tell(files, written);
      if (failure !== undefined) throw failure.error;
      return undefined;
    }
    const done = written
      .then(
        (results) => this.#tell(files, results),
        (error: unknown) => ({ error }),
      )
      .then((failure) => {
        this.#failure ??= failure;
        this.givePiece(piece);
        this.countWritten(filled);
        // Not always the first: what needs no thread is done before.
        this.#underWay.splice(this.#underWay.indexOf(done), 1);
      });
    this.#underWay.push(done);
    return this.#underWay.length > PIECES_UNDER_WAY ? this.#underWay[0] : undefined;
  }

  beginLarge(path: string): LargeFile {
    return this.#content.begin(path);
  }

  place(): [number, string] {
    const number = this.#next;
    this.#next += 1;
    const path = this.#layout.blob(number);
    if (!this.#folders.has(number % 256)) {
      makeDirectories(this.#fs, parentOf(path));
      this.#folders.add(number % 256);
    }
    return [number, path];
  }

  /** @returns the first failure */
  #tell(files: readonly WholeFile[], written: readonly Written[]): { readonly error: unknown } | undefined {
    let failure: { readonly error: unknown } | undefined;
    for (const [index, { number, onReceived }] of files.entries()) {
      const result = written[index];
      try {
        if (result === undefined) throw new Error('a file that was not written');
        if ('error' in result) throw result.error;
        onReceived({ number, identity: result.identity });
      } catch (error) {
        failure ??= { error };
        // What was there before is not ours.
        if (codeOf(error) !== 'EEXIST') this.removeQuietly(number);
      }
    }
    return failure;
  }
}

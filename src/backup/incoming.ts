/**
 * Received content, under numbers: a name sent by a device never reaches the disk.
 *
 * Chunks of the socket are copied into a few pieces of memory that are used again and again: held until they are written, they would outlive the young
 * generation, and collecting them costs more than the copy. Many small files share a piece and are made together (content-writer.ts), while the next ones
 * arrive: the end of a file is not the end of its writing, which `settle` waits for. A file larger than a piece is written piece by piece.
 */
import type { FileIdentity } from './change-list.js';
import type { ContentWriter, LargeFile, Piece, SmallFile, Written } from './content-writer.js';
import { makeDirectories, parentOf, type StoreFileSystem } from './file-system.js';
import type { StoreLayout } from './layout.js';
import { identityOfStat } from './scan.js';

const PIECE_BYTES = 1024 * 1024;
/** Being written at once, for all small files and for each large one. */
const PIECES_UNDER_WAY = 4;

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
interface Filling {
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
  readonly #underWay: Promise<void>[] = [];
  #filling: Filling | undefined;
  #failure: { readonly error: unknown } | undefined;
  #next = 0;

  constructor(fs: StoreFileSystem, layout: StoreLayout) {
    this.#fs = fs;
    this.#layout = layout;
    this.#content = fs.contentWriter();
  }

  close(): void {
    this.#content.close();
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
    const spare = this.#spare.pop();
    if (spare !== undefined) return spare;
    const shared = new SharedArrayBuffer(PIECE_BYTES);
    return { shared, bytes: Buffer.from(shared) };
  }

  givePiece(piece: Piece): void {
    this.#spare.push(piece);
  }

  /** Where the next bytes go, behind the small files that wait to be written: for one writer, until it gives it back. */
  takeFilling(): Filling {
    const filling = this.#filling ?? { piece: this.takePiece(), filled: 0, files: [] };
    this.#filling = undefined;
    return filling;
  }

  /** A promise means: wait, too much is under way. @throws where files are made at once: what happened to one */
  giveFilling(filling: Filling): Promise<void> | undefined {
    if (filling.filled >= this.#content.batchBytes || this.#filling !== undefined) return this.write(filling);
    this.#filling = filling;
    return undefined;
  }

  /** As `giveFilling`, for one that is full. */
  write({ piece, files }: Filling): Promise<void> | undefined {
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
        void this.#underWay.shift();
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
        removeQuietly(this, number);
      }
    }
    return failure;
  }
}

/** Content on its way in. Exactly one of `finish` and `discard` ends it. */
export class BlobWriter {
  readonly #incoming: Incoming;
  #filling: Filling | undefined;
  /** Where the next byte goes in it. */
  #end = 0;
  #large: LargeBlob | undefined;

  constructor(incoming: Incoming) {
    this.#incoming = incoming;
  }

  /** Copies `chunk`; a promise means: wait. @throws a system error; `discard` is to be called then */
  write(chunk: Buffer): Promise<void> | undefined {
    const { piece } = this.#filling ?? this.#begin();
    if (this.#end + chunk.length > PIECE_BYTES) return this.#writeLong(chunk);
    chunk.copy(piece.bytes, this.#end);
    this.#end += chunk.length;
    return undefined;
  }

  /**
   * `onReceived` is told once all of it is in a file: at the latest when `settle` is done, which also tells if it never is.
   * A promise means: wait. @throws as `write`
   */
  finish(onReceived: OnReceived): Promise<void> | undefined {
    if (this.#large !== undefined) return this.#finishLarge(this.#large, onReceived);
    const filling = this.#filling ?? this.#begin();
    this.#filling = undefined;
    try {
      const [number, path] = this.#incoming.place();
      const at = filling.filled;
      filling.files.push({ number, path, at, length: this.#end - at, onReceived });
      filling.filled = this.#end;
    } catch (error) {
      this.#incoming.giveFilling(filling);
      throw error;
    }
    return this.#incoming.giveFilling(filling);
  }

  /** Never throws: what it cannot remove goes away with the run. */
  discard(): Promise<void> | undefined {
    const [filling, large] = [this.#filling, this.#large];
    this.#filling = undefined;
    this.#large = undefined;
    if (filling !== undefined) this.#incoming.giveFilling(filling);
    return large?.discard();
  }

  #begin(): Filling {
    const filling = this.#incoming.takeFilling();
    this.#filling = filling;
    this.#end = filling.filled;
    return filling;
  }

  async #writeLong(chunk: Buffer): Promise<void> {
    const waiting = this.#leaveOthers();
    if (waiting !== undefined) await waiting;
    for (let at = 0; at < chunk.length; ) {
      if (this.#end === PIECE_BYTES) await this.#flush();
      const { piece } = this.#filling ?? this.#takeFresh();
      const copied = chunk.copy(piece.bytes, this.#end, at);
      at += copied;
      this.#end += copied;
    }
  }

  /** The small files in front are written; what came of this one goes to a piece of its own. */
  #leaveOthers(): Promise<void> | undefined {
    const left = this.#filling;
    if (left === undefined || left.files.length === 0) return undefined;
    const end = this.#end;
    const { piece } = this.#takeFresh();
    this.#end = left.piece.bytes.copy(piece.bytes, 0, left.filled, end);
    return this.#incoming.write(left);
  }

  #takeFresh(): Filling {
    this.#filling = { piece: this.#incoming.takePiece(), filled: 0, files: [] };
    this.#end = 0;
    return this.#filling;
  }

  #flush(): Promise<void> | undefined {
    const filling = this.#filling;
    if (filling === undefined) return undefined;
    this.#large ??= new LargeBlob(this.#incoming);
    this.#filling = undefined;
    return this.#large.add(filling.piece, this.#end);
  }

  async #finishLarge(large: LargeBlob, onReceived: OnReceived): Promise<void> {
    await this.#flush();
    this.#large = undefined;
    const blob = await large.finish();
    // In the order in which they ended: the same name may have come before, as a small file.
    await this.#incoming.quiet();
    onReceived(blob);
  }
}

class LargeBlob {
  readonly #incoming: Incoming;
  readonly #number: number;
  readonly #file: LargeFile;
  readonly #underWay: Promise<void>[] = [];

  /** @throws a system error */
  constructor(incoming: Incoming) {
    this.#incoming = incoming;
    const [number, path] = incoming.place();
    this.#number = number;
    this.#file = incoming.beginLarge(path);
  }

  /** Takes over `piece`. @throws what happened to an earlier one */
  async add(piece: Piece, length: number): Promise<void> {
    const done = this.#file.append(piece, length).finally(() => this.#incoming.givePiece(piece));
    done.catch(() => undefined);
    this.#underWay.push(done);
    if (this.#underWay.length > PIECES_UNDER_WAY) await this.#underWay.shift();
  }

  async finish(): Promise<ReceivedBlob> {
    try {
      for (const done of this.#underWay.splice(0)) await done;
    } catch (error) {
      await this.discard();
      throw error;
    }
    try {
      return { number: this.#number, identity: await this.#file.finish() };
    } catch (error) {
      removeQuietly(this.#incoming, this.#number);
      throw error;
    }
  }

  async discard(): Promise<void> {
    await this.#file.discard();
    removeQuietly(this.#incoming, this.#number);
  }
}

/** What cannot be removed goes away with the run. */
function removeQuietly(incoming: Incoming, number: number): void {
  try {
    incoming.remove(number);
  } catch {
    // As said.
  }
}

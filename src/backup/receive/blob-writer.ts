/** The bytes of one file on their way into `incoming/`: into a piece that it shares with other small files, or piece by piece into a file of its own. */
import { copyInto, type LargeFile, type Piece } from '../disk/content-writer.js';
import {
  type Filling,
  type Incoming,
  LARGE_PIECES_UNDER_WAY,
  type OnReceived,
  PIECE_BYTES,
  type ReceivedBlob,
} from './incoming.js';

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
    copyInto(piece, chunk, this.#end);
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
      const part = chunk.subarray(at, at + PIECE_BYTES - this.#end);
      copyInto(piece, part, this.#end);
      at += part.length;
      this.#end += part.length;
    }
  }

  /** The small files in front are written; what came of this one goes to a piece of its own. */
  #leaveOthers(): Promise<void> | undefined {
    const left = this.#filling;
    if (left === undefined || left.files.length === 0) return undefined;
    const end = this.#end;
    const { piece } = this.#takeFresh();
    copyInto(piece, left.piece.bytes.subarray(left.filled, end), 0);
    this.#end = end - left.filled;
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
    const done = this.#file.append(piece, length).finally(() => {
      this.#incoming.givePiece(piece);
      this.#incoming.countWritten(length);
    });
    done.catch(() => undefined);
    this.#underWay.push(done);
    if (this.#underWay.length > LARGE_PIECES_UNDER_WAY) await this.#underWay.shift();
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
      this.#incoming.removeQuietly(this.#number);
      throw error;
    }
  }

  async discard(): Promise<void> {
    await this.#file.discard();
    this.#incoming.removeQuietly(this.#number);
  }
}

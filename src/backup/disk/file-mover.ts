/** How many received files get to their places: `ThreadFileMover` of a real disk does it beside other work, this one at once. */
import type { StoreFileSystem } from './file-system.js';

export interface Move {
  readonly from: string;
  readonly to: string;
}

export interface FileMover {
  /**
   * As `renameIfFree` for each, in this order. False: it may not have been moved; `bringIn` finds out. Several calls may be under way.
   * @throws as `renameIfFree`; then the others may not have been moved, and nothing of this call is under way any more
   */
  moveAll(moves: readonly Move[]): Promise<readonly boolean[]>;
  /** To be called when all that was asked is answered. */
  close(): void;
}

/** One after the other. */
export class PlainFileMover implements FileMover {
  readonly #fs: Pick<StoreFileSystem, 'renameIfFree' | 'stat'>;

  constructor(fs: Pick<StoreFileSystem, 'renameIfFree' | 'stat'>) {
    this.#fs = fs;
  }

  async moveAll(moves: readonly Move[]): Promise<readonly boolean[]> {
    return moves.map(({ from, to }) => moved(this.#fs, from, to));
  }

  close(): void {}
}

/** False: something is in the place. A blob that is missing was moved before. */
export function moved(fs: Pick<StoreFileSystem, 'renameIfFree' | 'stat'>, from: string, to: string): boolean {
  try {
    return fs.renameIfFree(from, to);
  } catch (error) {
    // Also said where the folder is missing that it should go to.
    if (fs.stat(from) !== undefined) throw error;
    return true;
  }
}

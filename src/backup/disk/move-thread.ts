/**
 * A thread that moves received files to their places, while the list goes on being read. It does only what is plain: whatever is not as expected (something is
 * in the place, no such file, a disk that fails) it leaves undone, and who asked finds out why.
 */
import { AskedThread } from '../../io/asked-thread.js';
import type { FileMover, Move } from './file-mover.js';

/** Fewer are moved before a thread has started. */
export const LEAST_FOR_THREAD = 4_096;

const PROGRAM = `
'use strict';
const { parentPort } = require('node:worker_threads');
const fs = require('node:fs');

function move(from, to) {
  try {
    // As in renameIfFree: rename(2) replaces silently.
    if (fs.lstatSync(to, { throwIfNoEntry: false }) !== undefined) return 0;
    fs.renameSync(from, to);
    return 1;
  } catch {
    return 0;
  }
}

parentPort.on('message', (paths) => {
  const names = paths.split('\\0');
  const moved = new Uint8Array(names.length / 2);
  for (let at = 0; at < moved.length; at++) moved[at] = move(names[at * 2], names[at * 2 + 1]);
  parentPort.postMessage(moved, [moved.buffer]);
});
`;

/** What the thread cannot do: which folders are no links the file system knows. */
export interface MoveDisk {
  /** The path on this computer. @throws IbkError `unsafe` */
  readonly placeOf: (path: string) => string;
  /** Told before each change of a file. */
  readonly change: (what: 'rename') => void;
}

/** Started with the first files. */
export class ThreadFileMover implements FileMover {
  readonly #disk: MoveDisk;
  #thread: AskedThread<Uint8Array> | undefined;

  constructor(disk: MoveDisk) {
    this.#disk = disk;
  }

  async moveAll(moves: readonly Move[]): Promise<readonly boolean[]> {
    const { placeOf, change } = this.#disk;
    if (moves.length === 0) return [];
    // One text: many small ones cost more to hand over. No path has a NUL.
    const paths = moves.map(({ from, to }) => `${placeOf(from)}\0${placeOf(to)}`).join('\0');
    for (const _ of moves) change('rename');
    return this.#moved(paths, moves.length);
  }

  close(): void {
    void this.#thread?.close();
  }

  /** What a thread that died was given may have been moved or not: to be looked at one by one. */
  async #moved(paths: string, count: number): Promise<readonly boolean[]> {
    try {
      const resourceLimits = { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 4 };
      this.#thread ??= new AskedThread(PROGRAM, 'moves files', { resourceLimits });
      return Array.from(await this.#thread.ask(paths), (each) => each === 1);
    } catch {
      return Array.from({ length: count }, () => false);
    }
  }
}

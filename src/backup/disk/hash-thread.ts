/**
 * Threads that look at files beside the one that reads the records: is this the file that is expected, and what is its SHA-256? They do only what is plain:
 * whatever is not as it was told (no such file, another size or time, a link, a disk that fails) they leave undone, and who asked finds out why.
 */
import { availableParallelism } from 'node:os';
import { AskedThread } from '../../io/asked-thread.js';
import type { FilePlace } from './file-system.js';

/** What is larger is read where its progress can be seen. */
export const LARGEST_HASHED = 64 * 1024 * 1024;
const MOST_THREADS = 4;
const BYTES_A_BATCH = 8 * 1024 * 1024;
/** Of each job: size, mtime in µs, is it to be read. */
const NUMBERS = 3;

const PROGRAM = `
'use strict';
const { parentPort, workerData } = require('node:worker_threads');
const fs = require('node:fs');
const { createHash, hash } = require('node:crypto');
const stopped = new Int32Array(workerData.stop);
const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = fs.constants;
const piece = Buffer.allocUnsafeSlow(256 * 1024);

function fill(fd, length) {
  for (let filled = 0; filled < length; ) {
    const count = fs.readSync(fd, piece, filled, length - filled, null);
    if (count === 0) throw new Error('cut');
    filled += count;
  }
  return piece.subarray(0, length);
}

function sumOf(fd, size) {
  if (size <= piece.length) return hash('sha256', fill(fd, size));
  const digest = createHash('sha256');
  for (let left = size; left > 0; ) {
    if (Atomics.load(stopped, 0) !== 0) throw new Error('stopped');
    const bytes = fill(fd, Math.min(left, piece.length));
    digest.update(bytes);
    left -= bytes.length;
  }
  return digest.digest('hex');
}

function look(path, size, mtimeUs, reads) {
  let fd = -1;
  try {
    if (Atomics.load(stopped, 0) !== 0) throw new Error('stopped');
    fd = fs.openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    const stat = fs.fstatSync(fd);
    if (!stat.isFile() || stat.size !== size || Math.floor(stat.mtimeMs * 1000) !== mtimeUs) return '';
    return reads ? sumOf(fd, size) : '-';
  } catch {
    return '';
  } finally {
    if (fd !== -1) fs.closeSync(fd);
  }
}

parentPort.on('message', ({ paths, numbers }) => {
  const sums = paths
    .split('\\0')
    .map((path, at) => look(path, numbers[at * 3], numbers[at * 3 + 1], numbers[at * 3 + 2] !== 0));
  parentPort.postMessage(sums.join());
});
`;

export interface HashJob {
  readonly path: string;
  readonly expected: NonNullable<FilePlace['expected']>;
  /** Else only its size and time are looked at. */
  readonly reads: boolean;
}

/** The SHA-256 in hex, or `-` where it was not to be read; empty: it was left undone. */
export type Looked = string;

/** Started with the first jobs. */
export class HashThreads {
  readonly #stop = new Int32Array(new SharedArrayBuffer(4));
  readonly #threads: HashThread[] = [];
  #turn = 0;

  /** In the order of the jobs. What a thread that died was given is left undone. */
  async look(jobs: readonly HashJob[], onRead: (bytes: number) => void): Promise<readonly Looked[]> {
    const batches = inBatches(jobs);
    const answers = batches.map(async (batch) => {
      const looked = await this.#next().look(batch);
      batch.forEach(({ reads, expected }, index) => {
        if (reads && looked[index] !== '') onRead(expected.sizeBytes);
      });
      return looked;
    });
    return (await Promise.all(answers)).flat();
  }

  /** What is not done yet is left undone, at once. */
  stop(): void {
    Atomics.store(this.#stop, 0, 1);
  }

  async close(): Promise<void> {
    this.stop();
    await Promise.all(this.#threads.map((thread) => thread.close()));
  }

  #next(): HashThread {
    const wanted = Math.min(availableParallelism(), MOST_THREADS);
    const place = this.#turn++ % wanted;
    const thread = this.#threads[place] ?? new HashThread(this.#stop);
    this.#threads[place] = thread;
    return thread;
  }
}

/** Small enough that the threads end at the same time. */
function inBatches(jobs: readonly HashJob[]): readonly (readonly HashJob[])[] {
  const batches: HashJob[][] = [];
  let bytes = BYTES_A_BATCH;
  for (const job of jobs) {
    if (bytes >= BYTES_A_BATCH) {
      batches.push([]);
      bytes = 0;
    }
    batches.at(-1)?.push(job);
    if (job.reads) bytes += job.expected.sizeBytes;
  }
  return batches;
}

class HashThread {
  readonly #thread: AskedThread<string>;

  constructor(stop: Int32Array) {
    const resourceLimits = { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 4 };
    this.#thread = new AskedThread(PROGRAM, 'hashes', { resourceLimits, workerData: { stop: stop.buffer } });
  }

  async look(jobs: readonly HashJob[]): Promise<readonly Looked[]> {
    const numbers = new Float64Array(jobs.length * NUMBERS);
    jobs.forEach(({ expected: { sizeBytes, mtimeUs }, reads }, index) => {
      numbers.set([sizeBytes, mtimeUs, reads ? 1 : 0], index * NUMBERS);
    });
    // One text: many small ones cost more to hand over. No path has a NUL.
    const paths = jobs.map(({ path }) => path).join('\0');
    try {
      return (await this.#thread.ask({ paths, numbers }, [numbers.buffer])).split(',');
    } catch {
      return jobs.map(() => '');
    }
  }

  close(): Promise<void> {
    return this.#thread.close();
  }
}

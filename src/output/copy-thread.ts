/**
 * A thread that copies files: opens, decrypts, writes under a passing name, renames. It does only what is plain: whatever is not as it was told (no such
 * file, another size, a link, a padding that is none, a disk that refuses) it leaves undone, and who asked finds out why.
 */
import { rmSync } from 'node:fs';
import { AskedThread } from '../io/asked-thread.js';
import { type FileMaking, parentOf } from './folder-target.js';

/** What is larger is read where its progress can be seen. */
export const LARGEST_COPY = 64 * 1024 * 1024;
const KEY_BYTES = 32;
/** Of each job: size, mtime in µs, has it a key, mode, mtime and birth in seconds. NaN: not known. */
const NUMBERS = 6;

export interface CopyJob {
  readonly from: string;
  /** Null: not known. */
  readonly expected: { readonly sizeBytes: number; readonly mtimeUs: number } | null;
  /** AES-256-CBC; wiped when the thread has it. */
  readonly key: Buffer | undefined;
  readonly to: string;
  readonly mode: number;
  readonly mtime: number | null;
  readonly btime: number | null;
}

const PROGRAM = `
'use strict';
const { parentPort, workerData } = require('node:worker_threads');
const fs = require('node:fs');
const { createDecipheriv } = require('node:crypto');
const { stop, temporaryName, umask, keepsBirth, largest } = workerData;
const stopped = new Int32Array(stop);
const { O_RDONLY, O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = fs.constants;
const READ = O_RDONLY | O_NOFOLLOW | O_NONBLOCK;
const CREATE = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
const BLOCK = 16;
const VECTOR = Buffer.alloc(BLOCK);
const UNDONE = -1;
const piece = Buffer.allocUnsafeSlow(1024 * 1024);

function fill(fd, size) {
  let filled = 0;
  while (filled < size) {
    const count = fs.readSync(fd, piece, filled, size - filled, null);
    if (count === 0) throw new Error('cut');
    filled += count;
  }
  return filled === piece.length ? piece : piece.subarray(0, size);
}

function withoutPadding(last) {
  const count = last[last.length - 1];
  if (!(count >= 1 && count <= BLOCK && count <= last.length)) throw new Error('padding');
  for (let at = last.length - count; at < last.length; at++) if (last[at] !== count) throw new Error('padding');
  return last.subarray(0, last.length - count);
}

function pour(from, to, size, key) {
  const decipher = key && size > 0 ? createDecipheriv('aes-256-cbc', key, VECTOR).setAutoPadding(false) : undefined;
  let total = 0;
  for (let left = size; left > 0; ) {
    if (Atomics.load(stopped, 0) !== 0) throw new Error('stopped');
    let bytes = fill(from, Math.min(left, piece.length));
    left -= bytes.length;
    if (decipher) bytes = decipher.update(bytes);
    if (decipher && left === 0) bytes = withoutPadding(bytes);
    for (let at = 0; at < bytes.length; ) at += fs.writeSync(to, bytes, at);
    total += bytes.length;
  }
  return total;
}

function isAsExpected(stat, size, mtimeUs, key) {
  if (!stat.isFile() || stat.size > largest || (key && stat.size % BLOCK !== 0)) return false;
  return size === null || (stat.size === size && Math.floor(stat.mtimeMs * 1000) === mtimeUs);
}

function write(from, size, key, path, mode, mtime, btime) {
  const temporary = path.slice(0, path.lastIndexOf('/') + 1) + temporaryName;
  const to = fs.openSync(temporary, CREATE, mode);
  let open = true;
  try {
    if ((umask & 0o600) !== 0) fs.fchmodSync(to, mode & ~(umask & ~0o600));
    const total = pour(from, to, size, key);
    if (keepsBirth && btime !== null && (mtime === null || btime < mtime)) fs.futimesSync(to, btime, btime);
    if (mtime !== null) fs.futimesSync(to, mtime, mtime);
    open = false;
    fs.closeSync(to);
    fs.renameSync(temporary, path);
    return total;
  } catch (error) {
    if (open) fs.closeSync(to);
    fs.rmSync(temporary, { force: true });
    throw error;
  }
}

function copy(path, size, mtimeUs, key, to, mode, mtime, btime) {
  if (Atomics.load(stopped, 0) !== 0) return UNDONE;
  let from = -1;
  try {
    from = fs.openSync(path, READ);
    const stat = fs.fstatSync(from);
    return isAsExpected(stat, size, mtimeUs, key) ? write(from, stat.size, key, to, mode, mtime, btime) : UNDONE;
  } catch {
    return UNDONE;
  } finally {
    if (from !== -1) fs.closeSync(from);
  }
}

const orNull = (number) => (Number.isNaN(number) ? null : number);

parentPort.on('message', ({ paths, numbers, keys }) => {
  const names = paths.split('\\0');
  const done = new Float64Array(numbers.length / 6);
  for (let index = 0; index < done.length; index++) {
    const [size, mtimeUs, hasKey, mode, mtime, btime] = numbers.subarray(index * 6, index * 6 + 6);
    const key = hasKey === 0 ? undefined : keys.subarray(index * 32, index * 32 + 32);
    const [from, to] = [names[index * 2], names[index * 2 + 1]];
    done[index] = copy(from, orNull(size), mtimeUs, key, to, mode, orNull(mtime), orNull(btime));
  }
  keys.fill(0);
  parentPort.postMessage(done, [done.buffer]);
});
`;

/** For each file the bytes that were written; undefined: it was left undone. */
export type Copied = readonly (number | undefined)[];

export class CopyThread {
  readonly #thread: AskedThread<Float64Array>;
  readonly #temporaryName: string;

  /** @param stop not zero: every thread that has it ends its file without a trace, and begins no other */
  constructor(number: number, making: FileMaking, stop: Int32Array) {
    this.#temporaryName = making.temporaryName.replace(/(?=\.part$)/, `-${number}`);
    const workerData = { ...making, temporaryName: this.#temporaryName, largest: LARGEST_COPY, stop: stop.buffer };
    const resourceLimits = { maxOldGenerationSizeMb: 64 };
    this.#thread = new AskedThread(PROGRAM, 'copies', { resourceLimits, workerData });
  }

  /** Batches of one thread are answered in turn. A thread that died has done nothing. */
  async copy(jobs: readonly CopyJob[]): Promise<Copied> {
    const numbers = new Float64Array(jobs.length * NUMBERS);
    const keys = Buffer.alloc(jobs.length * KEY_BYTES);
    jobs.forEach(({ expected, key, mode, mtime, btime }, index) => {
      key?.copy(keys, index * KEY_BYTES);
      key?.fill(0);
      const { sizeBytes = NaN, mtimeUs = NaN } = expected ?? {};
      numbers.set([sizeBytes, mtimeUs, key === undefined ? 0 : 1, mode, mtime ?? NaN, btime ?? NaN], index * NUMBERS);
    });
    // One text: a thousand small ones cost more to hand over than their files to open. No path has a NUL.
    const paths = jobs.map(({ from, to }) => `${from}\0${to}`).join('\0');
    try {
      const done = await this.#thread.ask({ paths, numbers, keys }, [numbers.buffer, keys.buffer]);
      return [...done].map((bytes) => (bytes < 0 ? undefined : bytes));
    } catch {
      // A thread that had died before has not taken them.
      keys.fill(0);
      for (const folder of new Set(jobs.map(({ to }) => parentOf(to))))
        rmSync(`${folder}/${this.#temporaryName}`, { force: true });
      return jobs.map(() => undefined);
    }
  }

  close(): Promise<void> {
    return this.#thread.close();
  }
}

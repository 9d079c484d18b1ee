/**
 * A thread that makes files of what is received, and takes their SHA-256, while the next bytes arrive.
 *
 * The thread is shown each piece of memory once: a message with a SharedArrayBuffer costs half a millisecond. A message for each small file would cost as much
 * as writing it, so they come in batches. Small files of no more than one batch in all, as most incremental backups have, are made without it: it takes longer
 * to start than they take to be written.
 */
import { closeSync, fstatSync } from 'node:fs';
import { AskedThread } from '../../io/asked-thread.js';
import {
  type ContentWriter,
  type LargeFile,
  type Piece,
  PlainContentWriter,
  type SmallFile,
  type Written,
} from './content-writer.js';
import { toMtimeUs, toStat } from './disk-calls.js';
import type { StoreFileSystem } from './file-system.js';

const BATCH_BYTES = 512 * 1024;
/** Of the thread. With it the receiving thread is run at once when something has come; more would let other programs starve this one. */
const NICE = 10;
const SHA256_DIGITS = 64;

const PROGRAM = `
'use strict';
const { parentPort } = require('node:worker_threads');
const fs = require('node:fs');
const os = require('node:os');
const { createHash, hash } = require('node:crypto');
const { O_WRONLY, O_CREAT, O_EXCL } = fs.constants;
const pieces = [];
// What receives goes first: bytes that lie here wait for nobody, an iPhone does. On Linux this is of the thread alone, elsewhere of the process.
try {
  if (process.platform === 'linux') os.setPriority(0, ${NICE});
} catch {}
const hashes = new Map();

const plain = ({ code, syscall, message }) => ({ code, syscall, message });

function write(fd, bytes, position) {
  for (let at = 0; at < bytes.length; ) at += fs.writeSync(fd, bytes, at, bytes.length - at, position + at);
}

function make(path, bytes) {
  const fd = fs.openSync(path, O_WRONLY | O_CREAT | O_EXCL, 0o600);
  try {
    if (bytes.length > 0) write(fd, bytes, 0);
    const { size, mtimeMs } = fs.fstatSync(fd);
    return [size, mtimeMs];
  } finally {
    fs.closeSync(fd);
  }
}

function makeAll({ piece, places, paths }) {
  const stats = new Float64Array(places.length);
  const failures = [];
  let sums = '';
  paths.split('\\0').forEach((path, index) => {
    const [at, length] = [places[index * 2], places[index * 2 + 1]];
    const bytes = pieces[piece].subarray(at, at + length);
    try {
      stats.set(make(path, bytes), index * 2);
    } catch (error) {
      failures.push([index, plain(error)]);
    }
    sums += hash('sha256', bytes);
  });
  return { stats, sums, failures };
}

function append({ id, fd, piece, length, position }) {
  let digest = hashes.get(id);
  if (digest === undefined) hashes.set(id, (digest = createHash('sha256')));
  const bytes = pieces[piece].subarray(0, length);
  write(fd, bytes, position);
  digest.update(bytes);
}

function end({ id, length }) {
  const digest = hashes.get(id) ?? (length === 0 ? createHash('sha256') : undefined);
  if (digest === undefined) throw new Error('not the thread that the file was appended by');
  hashes.delete(id);
  return digest.digest('hex');
}

const WORK = { makeAll, append, end };

parentPort.on('message', (message) => {
  if (message instanceof SharedArrayBuffer) {
    pieces.push(new Uint8Array(message));
    return;
  }
  try {
    parentPort.postMessage({ answer: WORK[message.work](message) });
  } catch (error) {
    parentPort.postMessage({ failure: plain(error) });
  }
});
`;

/** What the thread cannot do: which folders are no links, and what a disk says of modes, the file system knows. */
export interface ContentDisk extends Pick<StoreFileSystem, 'create'> {
  /** Opens a new file for writing. */
  readonly openNew: (path: string) => number;
  /** Where the thread may make this file; nothing: only `create` can. */
  readonly placeOfNew: (path: string) => string | undefined;
  /** Told before each change of a file. */
  readonly change: (what: 'create' | 'write') => void;
  /** What a failure of the thread means on this disk. */
  readonly failureOf: (error: unknown) => unknown;
}

interface Failure {
  readonly code: string;
  readonly syscall: string;
  readonly message: string;
}

interface Answer {
  readonly answer?: unknown;
  readonly failure?: Failure;
}

/** What became of a batch. */
interface Made {
  /** Of each file its size and mtimeMs. */
  readonly stats: Float64Array;
  /** SHA-256 of each. */
  readonly sums: string;
  readonly failures: readonly (readonly [index: number, failure: Failure])[];
}

type Sent = SmallFile & { readonly place: string };

export class ThreadContentWriter implements ContentWriter {
  readonly batchBytes = BATCH_BYTES;
  readonly #disk: ContentDisk;
  readonly #plain: PlainContentWriter;
  /** Of a large file a new one would not know what the old one had read: while there is one it stays, also when it has died. */
  #thread: AskedThread<Answer> | undefined;
  /** Numbers of the pieces that the thread has been shown. */
  readonly #shown = new Map<SharedArrayBuffer, number>();
  #next = 0;
  /** Large files that are neither finished nor discarded. */
  #open = 0;
  /** Of small files, made or about to be. */
  #smallBytes = 0;

  constructor(disk: ContentDisk) {
    this.#disk = disk;
    this.#plain = new PlainContentWriter(disk);
  }

  async writeFiles(piece: Piece, files: readonly SmallFile[]): Promise<readonly Written[]> {
    this.#smallBytes += files.reduce((sum, { length }) => sum + length, 0);
    if (this.#thread === undefined && this.#smallBytes < BATCH_BYTES) return this.#plain.writeFiles(piece, files);
    const begun = files.map((file) => this.#begun(piece, file));
    const sent = begun.filter((each) => 'place' in each);
    const made = sent.length === 0 ? [] : await this.#make(piece, sent);
    let next = 0;
    return begun.map((each) => ('place' in each ? (made[next++] ?? { error: new Error('no answer') }) : each));
  }

  begin(path: string): LargeFile {
    const fd = this.#disk.openNew(path);
    const id = this.#next;
    this.#next += 1;
    this.#open += 1;
    let end = 0;
    const digest = () => this.#ask({ work: 'end', id, length: end });
    return {
      append: async (piece, length) => {
        this.#disk.change('write');
        const position = end;
        end += length;
        await this.#ask({ work: 'append', id, fd, piece: this.#show(piece), length, position });
      },
      finish: async () => {
        try {
          const sha256 = String(await digest());
          const { sizeBytes, mtimeUs } = toStat(fstatSync(fd));
          return { size: sizeBytes, mtimeUs, sha256 };
        } finally {
          this.#open -= 1;
          closeSync(fd);
        }
      },
      discard: async () => {
        try {
          await digest();
        } catch {
          // The thread is gone; so is what it would have forgotten.
        }
        this.#open -= 1;
        closeQuietly(fd);
      },
    };
  }

  rest(): void {
    // Another thread would not know what was appended.
    if (this.#open > 0) return;
    this.close();
    this.#thread = undefined;
    this.#shown.clear();
    this.#smallBytes = 0;
  }

  close(): void {
    void this.#thread?.close();
  }

  /** What the thread has to make, or what became of the file already. */
  #begun(piece: Piece, file: SmallFile): Sent | Written {
    try {
      const place = this.#disk.placeOfNew(file.path);
      if (place === undefined) return this.#plain.writeFile(piece, file);
      this.#disk.change('create');
      if (file.length > 0) this.#disk.change('write');
      return { ...file, place };
    } catch (error) {
      return { error };
    }
  }

  async #make(piece: Piece, files: readonly Sent[]): Promise<Written[]> {
    const places = files.flatMap(({ at, length }) => [at, length]);
    // One text: many small ones cost more to hand over. No path has a NUL.
    const paths = files.map(({ place }) => place).join('\0');
    const { stats, sums, failures } = (await this.#ask({
      ...{ work: 'makeAll', places, paths },
      piece: this.#show(piece),
    })) as Made;
    const written: Written[] = files.map((_, index) => {
      const [size = 0, mtimeMs = 0] = stats.subarray(index * 2, index * 2 + 2);
      const sha256 = sums.slice(index * SHA256_DIGITS, (index + 1) * SHA256_DIGITS);
      return { identity: { size, mtimeUs: toMtimeUs(mtimeMs), sha256 } };
    });
    for (const [index, failure] of failures) written[index] = { error: this.#disk.failureOf(systemErrorOf(failure)) };
    return written;
  }

  #show({ shared }: Piece): number {
    const shown = this.#shown.get(shared);
    if (shown !== undefined) return shown;
    this.#started().tell(shared);
    this.#shown.set(shared, this.#shown.size);
    return this.#shown.size - 1;
  }

  async #ask(message: object): Promise<unknown> {
    const { answer, failure } = await this.#started().ask(message);
    if (failure !== undefined) throw this.#disk.failureOf(systemErrorOf(failure));
    return answer;
  }

  #started(): AskedThread<Answer> {
    const resourceLimits = { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 8 };
    this.#thread ??= new AskedThread(PROGRAM, 'writes', { resourceLimits });
    return this.#thread;
  }
}

/** Errors lose their code on the way between threads. */
function systemErrorOf({ code, syscall, message }: Failure): Error {
  return Object.assign(new Error(message), { code, syscall });
}

function closeQuietly(fd: number): void {
  try {
    closeSync(fd);
  } catch {
    // It is removed in any case.
  }
}

/**
 * Works SQLite's write-ahead log into its database (https://sqlite.org/fileformat2.html#the_write_ahead_log), with no need for names: SQLite itself finds a
 * log by its name alone, and what was decrypted gets none.
 *
 *     header: magic, version, page size, checkpoint, two salts, two checksums       8 x u32be
 *     frame:  page, size of the database in pages where a transaction ends (else 0), the salts, two checksums    6 x u32be, then the page
 *
 * Checksums run from the header through all frames. Frames behind the last end of a transaction do not count, nor does anything behind one that is wrong.
 */
import type { FileHandle } from 'node:fs/promises';

const HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
const MAGIC = 0x377f0682;
const VERSION = 3_007_000;
const LEAST_PAGE = 512;
const LARGEST_PAGE = 65_536;

/** @throws system errors of the disk; a log that is none changes nothing */
export async function workIn(database: FileHandle, log: FileHandle): Promise<void> {
  const header = Buffer.alloc(HEADER_BYTES);
  if ((await read(log, header, 0)) < HEADER_BYTES) return;
  const start = startOf(header);
  if (start === undefined) return;
  const frame = Buffer.alloc(FRAME_HEADER_BYTES + start.pageBytes);
  const committed = await committedFrames(log, frame, start);
  const pagesBefore = Math.ceil((await database.stat()).size / start.pageBytes);
  // What a database grows by is in its log, page by page: a larger claim is made to fill the disk.
  if (committed === undefined || committed.pages > pagesBefore + committed.frames) return;
  for (let number = 0; number < committed.frames; number++) {
    await read(log, frame, HEADER_BYTES + number * frame.length);
    const page = frame.readUInt32BE(0);
    if (page <= committed.pages)
      await write(database, frame.subarray(FRAME_HEADER_BYTES), (page - 1) * start.pageBytes);
  }
  await database.truncate(committed.pages * start.pageBytes);
}

interface Start {
  readonly pageBytes: number;
  readonly salts: Buffer;
  readonly sum: Checksum;
}

/** Undefined: no log. */
function startOf(header: Buffer): Start | undefined {
  const magic = header.readUInt32BE(0);
  const pageBytes = header.readUInt32BE(8);
  const isPage = pageBytes >= LEAST_PAGE && pageBytes <= LARGEST_PAGE && (pageBytes & (pageBytes - 1)) === 0;
  if ((magic & ~1) !== MAGIC || header.readUInt32BE(4) !== VERSION || !isPage) return undefined;
  const sum = new Checksum((magic & 1) === 1);
  sum.add(header.subarray(0, 24));
  return sum.is(header, 24) ? { pageBytes, salts: Buffer.from(header.subarray(16, 24)), sum } : undefined;
}

/** How many frames count, and how large the database is then. */
async function committedFrames(log: FileHandle, frame: Buffer, { salts, sum }: Start) {
  let committed: { frames: number; pages: number } | undefined;
  for (let number = 0; ; number++) {
    if ((await read(log, frame, HEADER_BYTES + number * frame.length)) < frame.length) return committed;
    if (frame.readUInt32BE(0) === 0 || !frame.subarray(8, 16).equals(salts)) return committed;
    sum.add(frame.subarray(0, 8));
    sum.add(frame.subarray(FRAME_HEADER_BYTES));
    if (!sum.is(frame, 16)) return committed;
    const pages = frame.readUInt32BE(4);
    if (pages > 0) committed = { frames: number + 1, pages };
  }
}

class Checksum {
  #first = 0;
  #second = 0;
  readonly #isBigEndian: boolean;

  constructor(isBigEndian: boolean) {
    this.#isBigEndian = isBigEndian;
  }

  add(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; at += 8) {
      this.#first = (this.#first + this.#word(bytes, at) + this.#second) >>> 0;
      this.#second = (this.#second + this.#word(bytes, at + 4) + this.#first) >>> 0;
    }
  }

  is(bytes: Buffer, at: number): boolean {
    return bytes.readUInt32BE(at) === this.#first && bytes.readUInt32BE(at + 4) === this.#second;
  }

  #word(bytes: Buffer, at: number): number {
    return this.#isBigEndian ? bytes.readUInt32BE(at) : bytes.readUInt32LE(at);
  }
}

async function read(file: FileHandle, into: Buffer, position: number): Promise<number> {
  let filled = 0;
  while (filled < into.length) {
    const { bytesRead } = await file.read(into, filled, into.length - filled, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return filled;
}

async function write(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let at = 0; at < bytes.length; )
    at += (await file.write(bytes, at, bytes.length - at, position + at)).bytesWritten;
}

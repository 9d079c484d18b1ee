/**
 * A plain Manifest.db in little room: a gzip file that `gunzip` reads, too. Each mebibyte is a member of its own, so that any part of it can be read with no more
 * than that in memory, and a forged file cannot become larger than what was recorded of it.
 *
 * | bytes | of each member |
 * |---|---|
 * | 12 | gzip's header, with an extra field of 14 bytes |
 * | 4 | the field's mark `ik` and its length, 10 |
 * | 4 | length of the member |
 * | 6 | bytes of the whole database |
 * | … | deflated; CRC-32 and length |
 */
import { promisify } from 'node:util';
import { gunzipSync, gzip } from 'node:zlib';
import { IbkError } from '../../errors.js';
import type { FileIdentity } from '../disk/file-identity.js';
import type { ReadableFile, StoreFileSystem } from '../disk/file-system.js';
import { isPlainStart } from '../format/manifest-db.js';

const MEMBER_BYTES = 1024 * 1024;
/** What cannot be deflated grows a little. */
const LONGEST_MEMBER = MEMBER_BYTES + 1024;
const HEADER = Buffer.from('1f8b0804000000000003' + '0e00' + '696b' + '0a00', 'hex');
const HEADER_BYTES = HEADER.length + 10;
const GZIP_HEADER_BYTES = 10;
const START_BYTES = 100;
/** 19 MB become 3.0; at level 6 they would become 2.8, in more than twice the time. */
const LEVEL = 1;

/** It is kept in this form only where that frees at least a quarter. */
const MOST_KEPT = 3 / 4;

/** A plain database, of the size that was recorded. An encrypted one looks random. */
export function isPackable(file: ReadableFile, sizeBytes: number): boolean {
  const start = Buffer.alloc(START_BYTES);
  return file.stat().sizeBytes === sizeBytes && isPlainStart(start.subarray(0, fillFrom(file, start, 0)));
}

/** Its members, made by other threads than this one; ends early where they would not pay. */
export async function* packedMembers(file: ReadableFile, sizeBytes: number): AsyncGenerator<Buffer, void> {
  const deflate = promisify(gzip);
  const piece = Buffer.allocUnsafe(Math.min(MEMBER_BYTES, sizeBytes));
  let packed = 0;
  for (let at = 0; at < sizeBytes; at += MEMBER_BYTES) {
    const count = fillFrom(file, piece, at);
    const plain = piece.subarray(0, count);
    if (count !== Math.min(MEMBER_BYTES, sizeBytes - at)) return;
    const deflated = await deflate(plain, { level: LEVEL });
    const member = memberOf(deflated.subarray(GZIP_HEADER_BYTES), sizeBytes);
    packed += member.length;
    if (packed > (at + count) * MOST_KEPT) return;
    yield member;
  }
}

function memberOf(rest: Buffer, sizeBytes: number): Buffer {
  const member = Buffer.concat([HEADER, Buffer.alloc(HEADER_BYTES - HEADER.length), rest]);
  member.writeUInt32LE(member.length, HEADER.length);
  member.writeUIntLE(sizeBytes, HEADER.length + 4, 6);
  return member;
}

/** How large the database is that lies there packed, by its own word; undefined where there is none. */
export function plainSizeOf(fs: Pick<StoreFileSystem, 'open'>, path: string): number | undefined {
  const file = fs.open(path);
  if (file === undefined) return undefined;
  try {
    return headerAt(file, 0)?.plainBytes;
  } finally {
    file.close();
  }
}

/** The database as if it lay there itself. Damage shows when it is read. */
export function openPacked(
  fs: Pick<StoreFileSystem, 'open'>,
  path: string,
  { size, mtimeUs }: FileIdentity,
): ReadableFile | undefined {
  const file = fs.open(path);
  if (file === undefined) return undefined;
  const members = new Members(file, path, size);
  return {
    isPacked: true,
    read: (into, position) => members.read(into, position),
    stat: () => ({ ...file.stat(), sizeBytes: size, mtimeUs }),
    close: () => file.close(),
  };
}

class Members {
  readonly #file: ReadableFile;
  readonly #path: string;
  readonly #size: number;
  /** Where each member begins, as far as that is known. */
  readonly #starts = [0];
  #last: { readonly index: number; readonly plain: Buffer } | undefined;

  constructor(file: ReadableFile, path: string, size: number) {
    this.#file = file;
    this.#path = path;
    this.#size = size;
  }

  read(into: Buffer, position: number): number {
    const wanted = Math.min(into.length, Math.max(0, this.#size - position));
    for (let filled = 0; filled < wanted; ) {
      const at = position + filled;
      const plain = this.#plainOf(Math.floor(at / MEMBER_BYTES));
      filled += plain.copy(into, filled, at % MEMBER_BYTES, (at % MEMBER_BYTES) + wanted - filled);
    }
    return wanted;
  }

  #plainOf(index: number): Buffer {
    if (this.#last?.index === index) return this.#last.plain;
    while (this.#starts.length <= index) this.#starts.push(this.#endOf(this.#starts.length - 1));
    const start = this.#starts[index] ?? 0;
    const member = Buffer.allocUnsafe(this.#endOf(index) - start);
    if (fillFrom(this.#file, member, start) !== member.length) throw this.#damaged('it is cut off');
    const plain = this.#inflated(member);
    if (plain.length !== Math.min(MEMBER_BYTES, this.#size - index * MEMBER_BYTES))
      throw this.#damaged('its parts are not as long as they should be');
    this.#last = { index, plain };
    return plain;
  }

  #endOf(index: number): number {
    const start = this.#starts[index] ?? 0;
    const header = headerAt(this.#file, start);
    if (header === undefined) throw this.#damaged('it is cut off, or another file');
    if (header.plainBytes !== this.#size) throw this.#damaged('it is the manifest of another version');
    return start + header.memberBytes;
  }

  #inflated(member: Buffer): Buffer {
    try {
      return gunzipSync(member, { maxOutputLength: MEMBER_BYTES });
    } catch (error) {
      throw this.#damaged('it cannot be inflated', error);
    }
  }

  #damaged(why: string, cause?: unknown): IbkError {
    return new IbkError('damaged', `The compressed Manifest.db of an earlier version is damaged: ${why}.`, {
      reason: 'manifest',
      meaning: `It is ${this.#path} below the backup root.`,
      hint: 'ibk verify',
      details: { path: this.#path },
      cause,
    });
  }
}

/** Undefined: no member of ours begins there. */
function headerAt(file: ReadableFile, start: number): { memberBytes: number; plainBytes: number } | undefined {
  const header = Buffer.alloc(HEADER_BYTES);
  if (fillFrom(file, header, start) < HEADER_BYTES || !header.subarray(0, HEADER.length).equals(HEADER))
    return undefined;
  const memberBytes = header.readUInt32LE(HEADER.length);
  if (memberBytes <= HEADER_BYTES || memberBytes > LONGEST_MEMBER) return undefined;
  return { memberBytes, plainBytes: header.readUIntLE(HEADER.length + 4, 6) };
}

function fillFrom(file: ReadableFile, into: Buffer, position: number): number {
  let filled = 0;
  for (let count = -1; count !== 0 && filled < into.length; filled += count)
    count = file.read(into.subarray(filled), position + filled);
  return filled;
}

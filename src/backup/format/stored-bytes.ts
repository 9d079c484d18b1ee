/** The bytes of a file as they lie in a backup, and what they decrypt to: AES-256-CBC over the whole file, an initial vector of zeros, PKCS#7 at its end. */
import { createCipheriv, createDecipheriv, type Decipher } from 'node:crypto';
import { IbkError } from '../../errors.js';
import { throwIfAborted } from '../../io/abort.js';
import { diskFailure } from '../disk/disk-errors.js';
import type { ReadableFile } from '../disk/file-system.js';

export const BLOCK_BYTES = 16;
const PIECE_BYTES = 1024 * 1024;
const ZERO_VECTOR = Buffer.alloc(BLOCK_BYTES);

/** Each piece is good until the next is asked for. Other work gets its turn between large ones. @throws the signal's reason; system errors of the disk */
export async function* storedPieces(file: ReadableFile, signal?: AbortSignal, from = 0): AsyncGenerator<Buffer, void> {
  const into = Buffer.allocUnsafe(Math.min(PIECE_BYTES, file.stat().sizeBytes + 1));
  for (let at = from; ; ) {
    throwIfAborted(signal);
    const count = fill(file, into, at);
    if (count > 0) yield into.subarray(0, count);
    at += count;
    if (count < into.length) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** As much as fits or as there is. @throws IbkError `damaged`, reason `disk_error`: the disk cannot read it */
export function fill(file: ReadableFile, into: Buffer, position: number): number {
  let filled = 0;
  while (filled < into.length) {
    const count = readSome(file, filled === 0 ? into : into.subarray(filled), position + filled);
    if (count === 0) break;
    filled += count;
  }
  return filled;
}

function readSome(file: ReadableFile, into: Buffer, position: number): number {
  try {
    return file.read(into, position);
  } catch (error) {
    const failure = diskFailure(error);
    if (failure === undefined) throw error;
    throw damagedContent(`the disk could not read it at ${position} (${failure.errno})`, 'disk_error', { position });
  }
}

/** Leaves the padding to the caller. */
export function contentDecipher(key: Buffer, vector: Buffer = ZERO_VECTOR): Decipher {
  return createDecipheriv('aes-256-cbc', key, vector).setAutoPadding(false);
}

/** What a backup holds of this content: under `key`, or as it is. `read` returns how many bytes it gave, 0 at the end; each piece is a new one. */
export async function* sealedPieces(
  read: (into: Buffer, position: number) => Promise<number>,
  key: Buffer | undefined,
): AsyncGenerator<Buffer, void> {
  const cipher = key === undefined ? undefined : createCipheriv('aes-256-cbc', key, ZERO_VECTOR);
  for (let at = 0; ; ) {
    const piece = Buffer.allocUnsafe(PIECE_BYTES);
    const count = await read(piece, at);
    if (count === 0) break;
    at += count;
    const plain = piece.subarray(0, count);
    yield cipher === undefined ? plain : cipher.update(plain);
  }
  if (cipher !== undefined) yield cipher.final();
}

/** Bytes of the padding at the end of `last`, which ends with the last block; undefined where it is none. */
export function paddingOf(last: Buffer): number | undefined {
  const count = last.at(-1) ?? 0;
  if (count < 1 || count > BLOCK_BYTES || count > last.length) return undefined;
  for (let at = last.length - count; at < last.length; at++) if (last[at] !== count) return undefined;
  return count;
}

export function damagedContent(why: string, reason: string, details: Record<string, number>): IbkError {
  return new IbkError('damaged', `A file of the backup is damaged: ${why}.`, { reason, details });
}

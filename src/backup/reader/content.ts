/** The plain content of a file of a backup. Its claimed size is not looked at: databases were copied after it was taken (backups of real phones). */
import type { Decipher } from 'node:crypto';
import { IbkError } from '../../errors.js';
import type { FilePlace, ReadableFile } from '../disk/file-system.js';
import { BLOCK_BYTES, contentDecipher, damagedContent, fill, paddingOf, storedPieces } from '../format/stored-bytes.js';
import { type ContentPlace, type FileContent, type FileRecord, SMALL_CONTENT_BYTES, type StoredFile } from './types.js';

/**
 * By the key in its record; what has none is stored as it is, in encrypted backups too. Without `keys` nothing is encrypted, whatever the records say.
 * @throws IbkError as of `OpenedBackup.content`
 */
export function contentOf(
  record: FileRecord,
  keys: { unwrap(prefixed: Buffer): Buffer } | undefined,
  open: () => StoredFile | undefined,
): FileContent | undefined {
  const { wrappedKey } = record.details();
  const key = wrappedKey === null || keys === undefined ? undefined : keys.unwrap(wrappedKey);
  const file = open()?.file;
  if (file === undefined) return undefined;
  return key === undefined ? new PlainContent(file) : new EncryptedContent(file, { key });
}

/** Undefined where the record or its key is damaged: `contentOf` says so. @throws IbkError `password`: not unlocked */
export function keyedPlace(
  place: FilePlace | undefined,
  record: FileRecord | undefined,
  keys: { unwrap(prefixed: Buffer): Buffer } | undefined,
): ContentPlace | undefined {
  if (place === undefined || record === undefined) return undefined;
  try {
    const { wrappedKey } = record.details();
    return { ...place, key: wrappedKey === null ? undefined : keys?.unwrap(wrappedKey) };
  } catch (error) {
    if (error instanceof IbkError && error.code === 'damaged') return undefined;
    throw error;
  }
}

/** Stored as it is. */
export class PlainContent implements FileContent {
  readonly #file: ReadableFile;
  readonly storedBytes: number;

  constructor(file: ReadableFile) {
    this.#file = file;
    this.storedBytes = file.stat().sizeBytes;
  }

  plainBytes(): number {
    return this.storedBytes;
  }

  readWhole(into?: Buffer): Buffer {
    return readSmall(this.#file, this.storedBytes, into);
  }

  async *pieces(signal?: AbortSignal): AsyncGenerator<Buffer, void> {
    let at = 0;
    for await (const piece of storedPieces(this.#file, signal)) {
      at += piece.length;
      yield piece;
    }
    if (at < this.storedBytes) throw cut(at, this.storedBytes);
  }

  close(): void {
    this.#file.close();
  }
}

/** How it is encrypted: where the ciphertext begins, and the initial vector (default: 0, and zeros). */
export interface Cipher {
  readonly key: Buffer;
  readonly vector?: Buffer;
  readonly from?: number;
}

/**
 * AES-256-CBC with a key of its own.
 *
 * Padding is removed where it is valid. Where it is not, or the last block is not whole, `pieces` gives all that can be decrypted before it throws.
 */
export class EncryptedContent implements FileContent {
  readonly #file: ReadableFile;
  readonly #cipher: Cipher;
  readonly #from: number;
  readonly storedBytes: number;

  constructor(file: ReadableFile, cipher: Cipher) {
    this.#file = file;
    this.#cipher = cipher;
    this.#from = cipher.from ?? 0;
    this.storedBytes = file.stat().sizeBytes;
  }

  plainBytes(): number {
    const sealed = this.storedBytes - this.#from;
    if (sealed === 0) return 0;
    if (sealed % BLOCK_BYTES !== 0) throw this.#notWhole();
    // A block decrypts to what it is with the one before it; for the only block, that is the vector.
    const tail = Buffer.alloc(Math.min(sealed, 2 * BLOCK_BYTES));
    const start = this.storedBytes - tail.length;
    const count = fill(this.#file, tail, start);
    if (count < tail.length) throw cut(start + count, this.storedBytes);
    const padding = paddingOf(this.#decipher().update(tail).subarray(-BLOCK_BYTES));
    if (padding === undefined) throw this.#badPadding();
    return sealed - padding;
  }

  readWhole(into?: Buffer): Buffer {
    const stored = readSmall(this.#file, this.storedBytes, into).subarray(this.#from);
    // A file of no bytes may be stored as nothing, not even a block of padding.
    if (stored.length === 0) return stored;
    if (stored.length % BLOCK_BYTES !== 0) throw this.#notWhole();
    const plain = this.#decipher().update(stored);
    const padding = paddingOf(plain);
    if (padding === undefined) throw this.#badPadding();
    return plain.subarray(0, plain.length - padding);
  }

  async *pieces(signal?: AbortSignal): AsyncGenerator<Buffer, void> {
    if (this.storedBytes === this.#from) return;
    const decipher = this.#decipher();
    let at = this.#from;
    let held: Buffer | undefined;
    for await (const piece of storedPieces(this.#file, signal, this.#from)) {
      at += piece.length;
      if (held !== undefined && held.length > 0) yield held;
      held = decipher.update(piece);
    }
    if (held === undefined) throw cut(at, this.storedBytes);
    const isWholeBlocks = (at - this.#from) % BLOCK_BYTES === 0;
    const isWhole = at === this.storedBytes && isWholeBlocks;
    const padding = isWhole ? paddingOf(held) : undefined;
    if (padding === undefined) {
      if (held.length > 0) yield held;
      if (at < this.storedBytes) throw cut(at, this.storedBytes);
      throw isWholeBlocks ? this.#badPadding() : this.#notWhole();
    }
    if (padding < held.length) yield held.subarray(0, held.length - padding);
  }

  close(): void {
    this.#file.close();
  }

  #decipher(): Decipher {
    return contentDecipher(this.#cipher.key, this.#cipher.vector);
  }

  #notWhole(): Error {
    const { storedBytes } = this;
    return damagedContent(`its ${storedBytes} bytes are no whole number of blocks, so that its end is missing`, 'cut', {
      storedBytes,
    });
  }

  #badPadding(): Error {
    const { storedBytes } = this;
    return damagedContent('it does not end as an encrypted file does', 'padding', { storedBytes });
  }
}

function readSmall(file: ReadableFile, sizeBytes: number, given?: Buffer): Buffer {
  if (sizeBytes > SMALL_CONTENT_BYTES) throw new RangeError(`${sizeBytes} bytes are no small file`);
  const into = given === undefined ? Buffer.allocUnsafe(sizeBytes) : given.subarray(0, sizeBytes);
  const count = fill(file, into, 0);
  if (count < sizeBytes) throw cut(count, sizeBytes);
  return into;
}

function cut(count: number, storedBytes: number): Error {
  return damagedContent(`it ended after ${count} of ${storedBytes} bytes while it was read`, 'cut', {
    storedBytes,
    readBytes: count,
  });
}

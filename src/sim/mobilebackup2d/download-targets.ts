/** Where the phone puts what it downloads to read it. */
import { createDecipheriv } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import type { DownloadTarget } from './download-stream.js';
import { ProtocolViolation } from './endings.js';

/** Larger property lists of a backup folder are not read. */
const MAX_PLIST_BYTES = 16 * 1024 * 1024;

/** A small file of the computer, kept in memory. */
export class MemoryTarget implements DownloadTarget {
  readonly #parts: Buffer[] = [];
  #size = 0;

  constructor(readonly path: string) {}

  receive(bytes: Buffer): void {
    this.#size += bytes.length;
    if (this.#size > MAX_PLIST_BYTES)
      throw new ProtocolViolation(`${this.path} has more than ${MAX_PLIST_BYTES} bytes`);
    this.#parts.push(Buffer.from(bytes));
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#parts);
  }
}

export class ManifestUnreadable extends Error {}

/** The manifest on its way into a file of the phone, decrypted as it comes. */
export class DecryptingTarget implements DownloadTarget {
  readonly #decipher: ReturnType<typeof createDecipheriv> | undefined;

  /** @param key undefined: it comes plain */
  constructor(
    readonly path: string,
    private readonly handle: FileHandle,
    key: Buffer | undefined,
  ) {
    this.#decipher = key === undefined ? undefined : createDecipheriv('aes-256-cbc', key, Buffer.alloc(16));
  }

  async receive(bytes: Buffer): Promise<void> {
    await this.handle.write(this.#decipher === undefined ? bytes : this.#decipher.update(bytes));
  }

  /** @throws ManifestUnreadable when it was encrypted with another key, or cut off */
  async finish(): Promise<void> {
    if (this.#decipher === undefined) return;
    try {
      await this.handle.write(this.#decipher.final());
    } catch (cause) {
      throw new ManifestUnreadable('the manifest cannot be decrypted', { cause });
    }
  }

  async close(): Promise<void> {
    await this.handle.close();
  }
}

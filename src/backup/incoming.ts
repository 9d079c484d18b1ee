/**
 * Received content, under numbers: a name sent by a device never reaches the disk.
 *
 * A small file is one write; a large one is written a mebibyte at a time. The SHA-256 is taken while the bytes arrive.
 */
import { createHash } from 'node:crypto';
import type { FileIdentity } from './change-list.js';
import { makeDirectories, parentOf, type StoreFileSystem, type WritableFile } from './file-system.js';
import type { StoreLayout } from './layout.js';
import { identityOfStat } from './scan.js';

const WRITE_BYTES = 1024 * 1024;

export interface ReceivedBlob {
  readonly number: number;
  readonly identity: FileIdentity;
}

export class Incoming {
  readonly #fs: StoreFileSystem;
  readonly #layout: StoreLayout;
  readonly #folders = new Set<string>();
  #next = 0;

  constructor(fs: StoreFileSystem, layout: StoreLayout) {
    this.#fs = fs;
    this.#layout = layout;
  }

  /** A place for content whose name is not known to the disk. */
  begin(): BlobWriter {
    return new BlobWriter(() => this.#create());
  }

  /** A file of the folder again, as content of its own: a clone where the disk can. */
  copyOf(path: string, sha256: string | null): ReceivedBlob {
    const [number, target] = this.#place();
    this.#fs.copy(path, target);
    const stat = this.#fs.stat(target);
    if (stat === undefined) throw new Error('a copied file is not there');
    return { number, identity: identityOfStat(stat, sha256) };
  }

  remove(number: number): void {
    this.#fs.unlink(this.#layout.blob(number));
  }

  #create(): [number, WritableFile] {
    const [number, path] = this.#place();
    return [number, this.#fs.create(path)];
  }

  #place(): [number, string] {
    const number = this.#next;
    this.#next += 1;
    const path = this.#layout.blob(number);
    const folder = parentOf(path);
    if (!this.#folders.has(folder)) {
      makeDirectories(this.#fs, folder);
      this.#folders.add(folder);
    }
    return [number, path];
  }
}

/** Content on its way in. Exactly one of `finish` and `discard` ends it. */
export class BlobWriter {
  readonly #create: () => [number, WritableFile];
  readonly #hash = createHash('sha256');
  #number = -1;
  #file: WritableFile | undefined;
  #pending: Buffer[] = [];
  #pendingBytes = 0;

  constructor(create: () => [number, WritableFile]) {
    this.#create = create;
  }

  /** Takes over `chunk`. @throws a system error; `discard` is to be called then */
  write(chunk: Buffer): void {
    this.#hash.update(chunk);
    this.#pending.push(chunk);
    this.#pendingBytes += chunk.length;
    if (this.#pendingBytes >= WRITE_BYTES) this.#flush();
  }

  finish(): ReceivedBlob {
    this.#flush();
    const file = this.#opened();
    const identity = identityOfStat(file.stat(), this.#hash.digest('hex'));
    this.#file = undefined;
    file.close();
    return { number: this.#number, identity };
  }

  /** Number of the content that is to be removed, if any was written. */
  discard(): number | undefined {
    this.#pending = [];
    const file = this.#file;
    this.#file = undefined;
    file?.close();
    return this.#number < 0 ? undefined : this.#number;
  }

  #flush(): void {
    const file = this.#opened();
    if (this.#pendingBytes > 0) file.write(this.#pending);
    this.#pending = [];
    this.#pendingBytes = 0;
  }

  #opened(): WritableFile {
    if (this.#file !== undefined) return this.#file;
    const [number, file] = this.#create();
    this.#number = number;
    this.#file = file;
    return file;
  }
}

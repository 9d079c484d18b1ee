/**
 * Where a phone may write during its restore: `<root>/.ibk/<UDID of the phone>/restore/`, made when it first writes and taken away at the end. Content lies under
 * numbers, never under a name of the phone's. The folder has a lock of its own, so that two restores of one phone do not meet there.
 */
import { join } from 'node:path';
import { DiskFileSystem } from '../../backup/disk/disk-file-system.js';
import { makeDirectories, type ReadableFile, removeTree, type WritableFile } from '../../backup/disk/file-system.js';
import { StoreLayout } from '../../backup/records/layout.js';
import { acquireLock, type StoreLock } from '../../backup/lock/lock.js';
import type { Clock } from '../../io/clock.js';

/** Left for everybody else on the disk. */
const KEPT_FREE_BYTES = 64 * 1024 * 1024;

export class RestoreScratch {
  readonly #fs: DiskFileSystem;
  readonly #folder: string;
  readonly #place: string;
  readonly #clock: Clock;
  #lock: StoreLock | undefined;
  #next = 0;

  /** @throws IbkError `unsafe` for a UDID that is not one */
  constructor(root: string, udid: string, clock: Clock) {
    this.#fs = new DiskFileSystem(root);
    this.#folder = new StoreLayout(udid).inOwn('restore');
    this.#place = join(root, this.#folder);
    this.#clock = clock;
  }

  freeBytes(): number {
    return Math.max(0, this.#fs.freeBytes() - KEPT_FREE_BYTES);
  }

  /** @throws IbkError `in_use`; system errors */
  async create(): Promise<{ readonly blob: number; readonly file: WritableFile }> {
    if (this.#lock === undefined) {
      makeDirectories(this.#fs, this.#folder);
      this.#lock = await acquireLock(this.#place, { clock: this.#clock, command: 'ibk restore' });
      this.#dropBlobs();
    }
    const blob = this.#next;
    this.#next += 1;
    return { blob, file: this.#fs.create(this.#path(blob)) };
  }

  open(blob: number): ReadableFile | undefined {
    return this.#fs.open(this.#path(blob));
  }

  remove(blob: number): void {
    this.#fs.unlink(this.#path(blob));
  }

  /** Never throws: what it cannot remove, the next restore does. */
  close(): void {
    if (this.#lock === undefined) return;
    try {
      this.#dropBlobs();
      this.#lock.release();
      removeTree(this.#fs, this.#folder);
    } catch {
      // As above.
    }
    this.#lock = undefined;
  }

  /** Also of a restore that was killed. */
  #dropBlobs(): void {
    for (const { name } of this.#fs.list(this.#folder) ?? []) {
      if (/^[0-9]{1,12}$/.test(name)) this.#fs.unlink(`${this.#folder}/${name}`);
    }
  }

  #path(blob: number): string {
    return `${this.#folder}/${blob}`;
  }
}

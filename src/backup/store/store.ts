/**
 * One device's backups under a root: the newest in `<root>/<UDID>/`, earlier versions beside it, and one writer at a time (store.md).
 *
 * Reading takes no lock and is right also while a backup commits. Writing goes through a lease.
 */
import { join } from 'node:path';
import { IbkError } from '../../errors.js';
import { type Clock, systemClock } from '../../io/clock.js';
import { makePrivateFolder } from '../../io/private-files.js';
import { type StoreContext, type StoreWarning, storeContext } from './context.js';
import { onDisk } from './disk-errors.js';
import { DiskFileSystem } from './disk-file-system.js';
import { makeDirectories, type ReadableFile } from './file-system.js';
import type { ChainEntry, VersionRecord } from './head-record.js';
import { StoreLayout } from './layout.js';
import { StoreLease } from './lease.js';
import { acquireLock } from './lock.js';
import type { LockHolder } from './lock-holder.js';
import { recoverStore } from './recovery.js';
import { VersionReader } from './resolve.js';
import { type VerifyOptions, type VerifyResult, verifyVersion } from './verify.js';

export interface StoreOptions {
  readonly clock?: Clock;
  readonly onWarning?: (warning: StoreWarning) => void;
  /** Tests: runs before each change of the disk. */
  readonly beforeChange?: ((what: string) => void) | undefined;
}

export interface LeaseOptions {
  /** What it is for, in words for the next one who finds the store in use. */
  readonly command: string;
  readonly signal?: AbortSignal | undefined;
  readonly onWait?: (holder: LockHolder) => void;
}

export interface StoredVersion extends VersionRecord {
  /** It lies in `<root>/<UDID>/` as an ordinary backup. */
  readonly current: boolean;
  /** What differs in the next newer version. Not for the current one. */
  readonly changes: ChainEntry['counts'] | undefined;
}

export class BackupStore {
  readonly #root: string;
  readonly #clock: Clock;
  readonly #layout: StoreLayout;
  readonly #options: StoreOptions;

  /** @throws IbkError `unsafe` for a UDID that is not one */
  constructor(root: string, udid: string, options: StoreOptions = {}) {
    this.#root = root;
    this.#clock = options.clock ?? systemClock;
    this.#layout = new StoreLayout(udid);
    this.#options = options;
  }

  /** Anew for each use: a file system remembers which folders it has seen to be no links. */
  #context(fence?: () => void): StoreContext {
    const { beforeChange, onWarning } = this.#options;
    return storeContext(new DiskFileSystem(this.#root, { beforeChange }), this.#layout, {
      now: () => this.#clock.now(),
      ...(fence === undefined ? {} : { fence }),
      ...(onWarning === undefined ? {} : { warn: onWarning }),
    });
  }

  /** Newest first; none where ibk has not written yet. @throws IbkError `damaged`, `incompatible` */
  versions(): StoredVersion[] {
    const reader = new VersionReader(this.#context());
    const head = reader.head();
    reader.close();
    if (head === undefined) return [];
    const earlier = head.chain.map((entry) => ({ ...entry, current: false, changes: entry.counts }));
    const all = head.current === null ? earlier : [...earlier, { ...head.current, current: true, changes: undefined }];
    return all.reverse();
  }

  /**
   * A file of a version, open for reading. The caller closes it.
   * @throws IbkError `not_found`: no such version or file. `damaged`, reason `lost`: another program overwrote it. `in_use`: the store changed all the time
   */
  open(version: string, path: string): ReadableFile {
    const reader = new VersionReader(this.#context());
    try {
      const reading = reader.open(version, path);
      if (reading.state === 'found') return reading.file;
      if (reading.state === 'lost') {
        throw new IbkError('damaged', 'This file of the version was overwritten by another program.', {
          reason: 'lost',
          hint: 'ibk verify',
          details: { version, path },
        });
      }
      const what = reading.state === 'absent' ? 'file in this version' : 'version';
      throw new IbkError('not_found', `There is no such ${what}.`, { details: { version, path } });
    } finally {
      reader.close();
    }
  }

  /** Is every file of the version there, of its size, and (`readData`) of the bytes that were received? */
  async verify(version: string, options: VerifyOptions = {}): Promise<VerifyResult> {
    const reader = new VersionReader(this.#context());
    try {
      return await verifyVersion(this.#context(), reader, version, options);
    } finally {
      reader.close();
    }
  }

  /**
   * The right to write: takes the lock, completes what a crash left, adopts what another program changed.
   * @throws IbkError `in_use`, `damaged`, `incompatible`, `destination` (with the system's words)
   */
  async lease(options: LeaseOptions): Promise<StoreLease> {
    const layout = this.#layout;
    return onDisk(async () => {
      await makePrivateFolder(this.#root);
      makeDirectories(this.#context().fs, layout.own);
      const { command, signal, onWait } = options;
      const lock = await acquireLock(join(this.#root, layout.own), { clock: this.#clock, command, signal, onWait });
      try {
        const ctx = this.#context(() => lock.check());
        return new StoreLease(ctx, await recoverStore(ctx), lock, this.#root);
      } catch (error) {
        lock.release();
        throw error;
      }
    });
  }
}

/**
 * One device's backups under a root: the newest in `<root>/<UDID>/`, earlier versions beside it, and one writer at a time (docs/store.md).
 *
 * Reading takes no lock and is right also while a backup commits. Writing goes through a lease.
 */
import { join } from 'node:path';
import { IbkError } from '../errors.js';
import { type Clock, systemClock } from '../io/clock.js';
import { makePrivateFolder } from '../io/private-files.js';
import type { Leftovers } from './commit/prune.js';
import type { RebuiltHead } from './commit/rebuild.js';
import { onDisk } from './disk/disk-errors.js';
import { DiskFileSystem } from './disk/disk-file-system.js';
import { isOpenToOthers } from './disk/disk-modes.js';
import { makeDirectories, type ReadableFile, systemError } from './disk/file-system.js';
import { diskOf, isOnDisk, refuseOtherDisk } from './disk/store-place.js';
import type { StoreLease } from './lease.js';
import { bootId, type LockHolder } from './lock/lock-holder.js';
import { clearUnpacked } from './lock/unpacked.js';
import { type Durability, type StoreContext, type StoreWarning, storeContext } from './records/context.js';
import { readHead } from './records/head.js';
import { StoreLayout } from './records/layout.js';
import type { VerifyOptions, VerifyResult } from './versions/examine.js';
import { readHistory, type StoredVersion, type StoreHistory } from './versions/history.js';
import { VersionReader } from './versions/resolve.js';
import type { SpaceShares } from './versions/space.js';

export interface StoreOptions {
  readonly clock?: Clock;
  readonly onWarning?: (warning: StoreWarning) => void;
  /** Default: `full`. */
  readonly durability?: Durability | undefined;
  /** Tests: runs before each change of the disk. */
  readonly beforeChange?: ((what: string) => void) | undefined;
}

/** Said with the first backup only. */
const NO_MODES: StoreWarning = {
  kind: 'no_modes',
  message: 'This disk keeps no permissions: whoever uses it, or this computer, can read the backup.',
};

export interface LeaseOptions {
  /** What it is for, in words for the next one who finds the store in use. */
  readonly command: string;
  readonly signal?: AbortSignal | undefined;
  readonly onWait?: (holder: LockHolder) => void;
  /** What another program's run left in `Snapshot/` stays there, for `repairStore`. */
  readonly keepSnapshot?: boolean;
  /** A rehearsal: what a killed import has unpacked stays there. */
  readonly keepUnpacked?: boolean;
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
  #context(fence?: () => void, device?: number): StoreContext {
    const { beforeChange, onWarning, durability = 'full' } = this.#options;
    const fs = new DiskFileSystem(this.#root, { beforeChange, device, syncs: durability !== 'none' });
    return storeContext(fs, this.#layout, {
      durability,
      boot: bootId(),
      now: () => this.#clock.now(),
      ...(fence === undefined ? {} : { fence }),
      ...(onWarning === undefined ? {} : { warn: onWarning }),
    });
  }

  /** Newest first; none where ibk has not written yet. @throws IbkError `damaged`, `incompatible` */
  versions(): readonly StoredVersion[] {
    return this.history()?.versions ?? [];
  }

  /** What the store holds and in what state it is; undefined where ibk has not written yet. @throws IbkError `damaged`, `incompatible` */
  history(): StoreHistory | undefined {
    return readHistory(this.#context());
  }

  /** A small file of a version, whole; undefined where it is larger. @throws IbkError as `open` */
  readSmall(version: string, path: string, mostBytes: number): Buffer | undefined {
    const file = this.open(version, path);
    try {
      const { sizeBytes } = file.stat();
      if (sizeBytes > mostBytes) return undefined;
      const bytes = Buffer.alloc(sizeBytes);
      return bytes.subarray(0, file.read(bytes, 0));
    } finally {
      file.close();
    }
  }

  /**
   * Readers of one version, for as long as `work` runs: many files are read faster than by `open`.
   * @throws IbkError as `open`
   */
  async reading<T>(work: (ctx: StoreContext, reader: VersionReader) => Promise<T>): Promise<T> {
    const reader = new VersionReader(this.#context());
    try {
      return await work(this.#context(), reader);
    } finally {
      reader.close();
    }
  }

  /** What an interrupted run left here, which the next start takes away. @throws IbkError `damaged`, `incompatible` */
  async interruptedRuns(): Promise<Leftovers> {
    const { interruptedRuns } = await import('./commit/prune.js');
    const ctx = this.#context();
    const head = readHead(ctx.fs, ctx.layout);
    return head === undefined ? { count: 0, bytes: 0, unknown: [] } : interruptedRuns(ctx, head);
  }

  /** Which versions share which bytes. @throws IbkError `not_found`: ibk has not written yet; `damaged`, `incompatible` */
  async space(): Promise<SpaceShares> {
    const { readSpace } = await import('./versions/space.js');
    return this.reading((ctx, reader) => readSpace(ctx, reader));
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
    const { examineVersion } = await import('./versions/examine.js');
    return this.reading((ctx, reader) => examineVersion(ctx, reader, version, options));
  }

  /**
   * Makes a record of the versions where none can be read; undefined where there is one. Deletes nothing.
   * @throws as `lease`
   */
  async rebuild(command: string): Promise<RebuiltHead | undefined> {
    const [{ acquireLock }, { rebuildHead }] = await Promise.all([
      import('./lock/lock.js'),
      import('./commit/rebuild.js'),
    ]);
    return onDisk(async () => {
      const lock = await acquireLock(join(this.#root, this.#layout.own), { clock: this.#clock, command });
      try {
        return await rebuildHead(this.#context(() => lock.check()));
      } finally {
        lock.release();
      }
    });
  }

  /**
   * The right to write: takes the lock, completes what a crash left, adopts what another program changed.
   * @throws IbkError `in_use`, `damaged`, `incompatible`, `destination` (with the system's words)
   */
  async lease(options: LeaseOptions): Promise<StoreLease> {
    // Half of the store is for writing, and most commands only read.
    const [{ StoreLease }, { acquireLock }, { recoverStore }, { keepReserve, withReserve }] = await Promise.all([
      import('./lease.js'),
      import('./lock/lock.js'),
      import('./commit/recovery.js'),
      import('./records/reserve.js'),
    ]);
    const layout = this.#layout;
    return onDisk(async () => {
      await makePrivateFolder(this.#root);
      makeDirectories(this.#context().fs, layout.own);
      const own = join(this.#root, layout.own);
      const device = await diskOf(own);
      await refuseOtherDisk(join(this.#root, layout.folder), device);
      const { command, signal, onWait } = options;
      // A lock, too, is a few bytes of a disk.
      const lock = await withReserve(this.#context(), () =>
        acquireLock(own, { clock: this.#clock, command, signal, onWait }),
      );
      const fence = () => {
        if (!isOnDisk(own, device)) throw systemError('ENODEV', own);
        lock.check();
      };
      try {
        if (options.keepUnpacked !== true) await clearUnpacked(this.#root);
        const ctx = this.#context(fence, device);
        const opened = await withReserve(ctx, () => recoverStore(ctx, options.keepSnapshot));
        keepReserve(ctx);
        if (opened.head.current === null && (await isOpenToOthers(own))) ctx.warn(NO_MODES);
        return new StoreLease(ctx, opened, lock, this.#root);
      } catch (error) {
        lock.release();
        throw error;
      }
    });
  }
}

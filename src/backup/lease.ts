/**
 * The right to write one store: what the device is served with during a backup, then `commit` or `abort`.
 *
 * `host` has the calls of Device Link's host interface, with paths as the device sends them.
 */
import { join } from 'node:path';
import { IbkError } from '../errors.js';
import { dropIncoming } from './commit/adopt.js';
import { type AdoptChecksumsOptions, adoptChecksums } from './commit/adopt-checksums.js';
import { type CommitFacts, type CommitResult, commitOverlay } from './commit/commit.js';
import type { VersionChanges } from './commit/edit-version.js';
import { retireCurrent } from './commit/promote.js';
import { type Leftovers, pruneStore } from './commit/prune.js';
import { type OpenedStore, reseal, runPending } from './commit/recovery.js';
import { retireVersion, unneededBase } from './commit/retire.js';
import { diskFailure, onDisk, plain } from './disk/disk-errors.js';
import { makeDirectories, readWhole, systemError } from './disk/file-system.js';
import {
  entryOf,
  interrupted,
  type LeaseEntry,
  type LeaseSink,
  type LeaseSource,
  sourceOf,
  withoutRoom,
} from './lease-types.js';
import type { StoreLock } from './lock/lock.js';
import type { BackupSource } from './reader/backup-source.js';
import { Overlay } from './receive/overlay.js';
import { pathInFolder } from './receive/wire-path.js';
import type { StoreContext } from './records/context.js';
import { headGenerations, putHead, readHead } from './records/head.js';
import type { Head, VersionRecord } from './records/head-record.js';
import { withReserve } from './records/reserve.js';
import type { RepairPlan } from './repair/repair-plan.js';
import type { TakeInOptions } from './take-in.js';

export type { LeaseEntry, LeaseSink, LeaseSource } from './lease-types.js';

export interface TakeInFacts extends CommitFacts {
  readonly ios: string | null;
  readonly encrypted: boolean | null;
}

export class StoreLease {
  readonly #ctx: StoreContext;
  readonly #opened: OpenedStore;
  readonly #lock: StoreLock;
  readonly #root: string;
  #overlay: Overlay | undefined;
  #ended = false;
  #decided = false;

  constructor(ctx: StoreContext, opened: OpenedStore, lock: StoreLock, root: string) {
    this.#ctx = ctx;
    this.#opened = opened;
    this.#lock = lock;
    this.#root = root;
  }

  /** The backup that lies in the folder now. */
  get current(): VersionRecord | null {
    return this.#opened.head.current;
  }

  /** What the device may ask of the disk. Throws `unsafe` for a path outside its folder, system errors for the rest. */
  readonly host = {
    freeSpace: (): number => plain(() => this.overlay.freeBytes()),
    receive: (path: string): LeaseSink => this.#receive(this.#inside(path)),
    /** All that was committed is in its place; nothing else may be asked before. @throws what happened to a file that is not */
    settle: (): Promise<void> | undefined => plain(() => this.overlay.settle()),
    open: (path: string): LeaseSource => plain(() => sourceOf(this.overlay.open(this.#inside(path)))),
    move: (from: string, to: string): void => plain(() => this.overlay.move(this.#inside(from), this.#inside(to))),
    copy: (from: string, to: string): void => plain(() => this.overlay.copy(this.#inside(from), this.#inside(to))),
    remove: (path: string): void => plain(() => this.overlay.remove(this.#inside(path))),
    list: (path: string): LeaseEntry[] => plain(() => this.overlay.list(this.#inside(path)).map(entryOf)),
    makeDirectory: (path: string): void => plain(() => this.overlay.makeDirectory(this.#inside(path))),
  };

  /** What the device sees, with paths below its folder: for the check before a commit. */
  get overlay(): Overlay {
    if (this.#ended) throw new TypeError('the lease has ended');
    this.#overlay ??= this.#beginOverlay();
    return this.#overlay;
  }

  #beginOverlay(): Overlay {
    const { fs, layout } = this.#ctx;
    makeDirectories(fs, layout.own);
    return new Overlay(this.#ctx, this.#opened.catalog);
  }

  /** Puts a file of our own making into the overlay, such as Info.plist. */
  async write(path: string, bytes: Buffer): Promise<void> {
    const sink = this.#receive(path);
    await sink.write(bytes);
    await sink.commit();
    await this.overlay.settle();
  }

  /** Came in this run, and was not removed or moved away again. */
  wasReceived(path: string): boolean {
    const entry = this.overlay.index.get(path);
    return entry?.kind === 'file' && entry.blob !== null;
  }

  /** A small file of what the device sees, whole. @throws ENOENT, EFBIG */
  readWhole(path: string, mostBytes: number): Buffer {
    const bytes = readWhole(this.overlay, path, mostBytes);
    if (bytes === undefined) throw systemError('ENOENT', path);
    return bytes;
  }

  /** @throws ENOENT */
  sizeOf(path: string): number {
    const file = this.overlay.open(path);
    try {
      return file.stat().sizeBytes;
    } finally {
      file.close();
    }
  }

  /**
   * A place on this computer with the content of `path`, for a reader that needs a name, such as SQLite. Never the file of the folder itself:
   * that is copied first (a clone where the disk can). It is gone after the commit. @throws ENOENT
   */
  privatePath(path: string): string {
    const { layout } = this.#ctx;
    const entry = this.overlay.index.get(path);
    if (entry?.kind === 'file' && entry.blob !== null) return join(this.#root, layout.blob(entry.blob));
    if (this.overlay.typeOf(path) !== 'file') throw systemError('ENOENT', path);
    const place = layout.inFolder(entry?.kind === 'file' ? (entry.lower ?? path) : path);
    return join(this.#root, layout.blob(this.overlay.incoming.copyOf(place, null).number));
  }

  /**
   * Makes all that was received the current backup. On return it survives any crash.
   * @throws as commitOverlay; IbkError `destination`, reason `commit_interrupted` when it is decided and the next start completes it
   */
  async commit(facts: CommitFacts): Promise<CommitResult> {
    const { catalog } = this.#opened;
    return onDisk(async () => {
      const onDecided = () => {
        this.#decided = true;
      };
      const done = commitOverlay(this.#ctx, catalog, this.#opened.head, this.overlay, facts, onDecided);
      const { head, result } = await done.catch((error: unknown) => {
        throw this.#isUndecided() ? error : interrupted(error);
      });
      this.#overlay = undefined;
      this.#opened.head = head;
      if (head.current?.id === result.version.id) return result;
      throw new IbkError('in_use', 'Another program wrote into the backup folder while this backup was put there.', {
        reason: 'foreign_change',
        meaning: 'This backup is kept as a version; the folder is as the other program left it.',
      });
    });
  }

  /**
   * Takes in another backup of the device: as the newest version, or, where it is older than the newest, as the oldest.
   * @throws as `commit`; IbkError `damaged`: a file of it cannot be read
   */
  async takeIn(source: BackupSource, facts: TakeInFacts, options: TakeInOptions): Promise<VersionRecord> {
    const { layOver, takeInBelow } = await import('./take-in.js');
    const { head, catalog } = this.#opened;
    if (head.current === null || facts.date >= head.current.date) {
      await onDisk(() => layOver(this.#ctx, catalog, this.overlay, source, options));
      return (await this.commit(facts)).version;
    }
    return onDisk(async () => {
      this.#opened.head = await takeInBelow(this.#ctx, catalog, head, source, facts, options);
      const [oldest] = this.#opened.head.chain;
      if (oldest === undefined) throw new TypeError('a version that was taken in is not there');
      return oldest;
    });
  }

  /** A changed copy of a version, marked as edited. The version itself is not touched. @throws IbkError `not_found` */
  edit(of: string, changes: VersionChanges): Promise<VersionRecord> {
    return onDisk(async () => {
      const { editVersion } = await import('./commit/edit-version.js');
      const { head, catalog } = this.#opened;
      const done = await editVersion(this.#ctx, catalog, head, of, changes);
      this.#opened.head = done.head;
      return done.entry;
    });
  }

  /**
   * Forgets a version. After the newest the one before it lies in the folder; after the only one the folder is gone.
   * @throws IbkError `not_found`; `usage`: it is pinned; `damaged`: the one that would take its place has lost files
   */
  async forget(version: string): Promise<void> {
    await onDisk(async () => {
      const [ctx, { head }] = [this.#ctx, this.#opened];
      const isCurrent = head.current?.id === version;
      const retired = await withReserve(ctx, () =>
        isCurrent ? retireCurrent(ctx, head) : retireVersion(ctx, head, version),
      ).catch((error: unknown) => {
        throw isCurrent && this.#isUndecided() ? withoutRoom(error) : error;
      });
      this.#opened.head = await withReserve(ctx, () => this.#complete(retired));
      const base = unneededBase(this.#opened.head);
      if (base !== undefined) await this.forget(base);
    });
  }

  /** Tags, note and pin of a version. They stand in the head alone. @throws IbkError `not_found` */
  async describe(
    version: string,
    change: Partial<Pick<VersionRecord, 'pinned' | 'tags' | 'note'>>,
  ): Promise<VersionRecord> {
    return onDisk(async () => {
      const { chain, current, edits } = this.#opened.head;
      const known = [current, ...chain, ...edits].find((kept) => kept?.id === version) ?? undefined;
      if (known === undefined)
        throw new IbkError('not_found', `There is no version ${version}.`, { reason: 'version' });
      const changed = { ...known, ...change };
      const next = current?.id === version ? { current: { ...current, ...change } } : {};
      const told = <Entry extends VersionRecord>(entries: readonly Entry[]): Entry[] =>
        entries.map((entry) => (entry.id === version ? { ...entry, ...change } : entry));
      const write = () => putHead(this.#ctx, this.#opened.head, { chain: told(chain), edits: told(edits), ...next });
      this.#opened.head = await withReserve(this.#ctx, write);
      return changed;
    });
  }

  /** What no version needs goes. @param act false: it is only counted */
  prune(options: { readonly act: boolean; readonly unknown: boolean }): Promise<Leftovers> {
    const { catalog } = this.#opened;
    return onDisk(() => pruneStore(this.#ctx, catalog, options));
  }

  /** What was decided, from wherever it stands: a disk that was full may have stopped it once. */
  async #complete(decided: Head): Promise<Head> {
    const ctx = this.#ctx;
    const now = readHead(ctx.fs, ctx.layout) ?? decided;
    const done = await runPending(ctx, this.#opened.catalog, now, now.gen !== decided.gen);
    return done.seal === null ? reseal(ctx, done) : done;
  }

  /** Takes the checksums of files that another program made. @returns of how many */
  adoptChecksums(options: AdoptChecksumsOptions): Promise<number> {
    return onDisk(() => adoptChecksums(this.#ctx, this.#opened.catalog, options));
  }

  /**
   * Puts right what another program's run left: one commit, so that nothing of an earlier version is lost and no crash shows.
   * @throws as `commit`
   */
  async repair(plan: RepairPlan): Promise<void> {
    const { repairStore, clearSnapshot } = await import('./repair-store.js');
    await onDisk(() => repairStore(this.#ctx, this, plan));
    if (plan.snapshot?.action !== 'left')
      this.#opened.head = await onDisk(() => clearSnapshot(this.#ctx, this.#opened.head));
  }

  /** Drops what was received, and gives the lease back. Never throws: what it cannot remove, the next start does. */
  abort(): void {
    this.#end(true);
  }

  /** Gives the lease back. */
  [Symbol.dispose](): void {
    this.#end(true);
  }

  #end(drop: boolean): void {
    if (this.#ended) return;
    this.#ended = true;
    try {
      this.#overlay?.close();
      // A commit that failed half-way needs what was received: the next start goes on with it.
      if (drop && this.#overlay !== undefined && this.#isUndecided()) dropIncoming(this.#ctx);
    } catch {
      // As above.
    }
    try {
      this.#opened.catalog.close();
    } catch {
      // A disk that is gone: the catalog is a cache.
    }
    this.#lock.release();
  }

  /** No newer head was begun: what was received belongs to nobody else yet. Of a disk that is gone only our own memory tells. */
  #isUndecided(): boolean {
    const [newest] = headGenerations(this.#ctx.fs, this.#ctx.layout);
    return newest === undefined ? !this.#decided : newest === this.#opened.head.gen;
  }

  /** What really happened, if the disk of the store went away: everything on it is missing then. */
  explain(error: unknown): unknown {
    if (error instanceof IbkError && error.code === 'destination') return error;
    try {
      this.#ctx.fence();
      return error;
    } catch (gone) {
      return diskFailure(gone)?.reason === 'not_mounted' ? gone : error;
    }
  }

  #receive(path: string): LeaseSink {
    const { overlay, writer } = plain(() => ({ overlay: this.overlay, writer: this.overlay.begin(path) }));
    return {
      write: (chunk) => writer.write(chunk),
      commit: () => plain(() => overlay.place(path, writer)),
      discard: () => writer.discard(),
    };
  }

  #inside(path: string): string {
    return pathInFolder(this.#ctx.layout.udid, path);
  }
}

/**
 * What the device sees: the folder with what it has sent, moved and removed in this run laid over it (docs/store.md 3). The folder itself is not touched.
 *
 * Paths are relative to the device's folder, `''` is the folder. Failures that the device shall hear of are system errors:
 * ENOENT, EEXIST (also a name that differs only in case from another), ENOTDIR, EISDIR, EINVAL (a name that not every disk can hold), ENOSPC.
 */
import { IbkError } from '../../errors.js';
import { ancestorsOf, parentOf, type ReadableFile, systemError } from '../disk/file-system.js';
import type { Catalog } from '../records/catalog.js';
import type { StoreContext } from '../records/context.js';
import { foldPath, isInSnapshot, isManagedName, judgeName } from '../records/names.js';
import { pendingReserve } from '../records/reserve.js';
import type { BlobWriter } from './blob-writer.js';
import { Incoming, type ReceivedBlob } from './incoming.js';
import { LowerLayer, type OverlayNode } from './lower-layer.js';
import type { ListedChild, OverlayEntry, OverlayFile } from './overlay-entry.js';
import { OverlayIndex } from './overlay-index.js';

export type { OverlayNode } from './lower-layer.js';

/** The device is told less than there is: room for the records of the commit. */
const KEPT_FREE_BYTES = 8 * 1024 * 1024;
/** A phone sends a file once, Status.plist a few times. One that sends the same names again and again would never end, as no disk gets full by it. */
const MOST_REPLACED_BYTES = 64 * 1024 ** 3;
/** With as many moves and nothing received meanwhile, a phone has sent all. */
const MOVES_AFTER_ALL = 4_096;
/** Folders that are remembered; there are 256, twice. */
const MOST_FOLDERS = 10_000;

export class Overlay {
  readonly #ctx: StoreContext;
  readonly #lower: LowerLayer;
  readonly index: OverlayIndex;
  readonly incoming: Incoming;
  readonly #folders = new Set<string>();
  #replacedBytes = 0;
  /** Since the last file began. */
  #moves = 0;

  /** `incoming/` must be empty. */
  constructor(ctx: StoreContext, catalog: Catalog) {
    this.#ctx = ctx;
    this.#lower = new LowerLayer(ctx, catalog);
    const { fs, layout, durability } = ctx;
    fs.makeDirectory(layout.inOwn('incoming'));
    const handle = fs.openDatabase(layout.inOwn('incoming/index.db'), 'scratch');
    if (handle === undefined) throw systemError('ENOENT', 'index.db');
    this.index = new OverlayIndex(handle);
    this.incoming = new Incoming(fs, layout, { syncsEarly: durability === 'full' });
  }

  close(): void {
    this.incoming.close();
    this.index.close();
  }

  freeBytes(): number {
    const free = this.#ctx.fs.freeBytes();
    return Math.max(0, free - KEPT_FREE_BYTES - pendingReserve(this.#ctx, free));
  }

  /** Begins to receive `path`. What is there stays until `place`. @throws also what happened to an earlier file since the last `settle` */
  begin(path: string): BlobWriter {
    this.#moves = 0;
    this.#checkTarget(path);
    if (!isPayloadName(path)) this.#checkNoFolder(path);
    return this.incoming.begin();
  }

  /** The content is whole: it takes the place of what was there, at the latest with `settle`. A promise means: wait. */
  place(path: string, writer: BlobWriter): Promise<void> | undefined {
    return writer.finish((blob) => this.#placeBlob(path, blob));
  }

  /** Everything is in its place: to be waited for before any other question. @throws what happened to a file that is not */
  settle(): Promise<void> | undefined {
    return this.incoming.settle();
  }

  #placeBlob(path: string, { number, identity: { size, mtimeUs, sha256 } }: ReceivedBlob): void {
    this.#putFile(path, { kind: 'file', blob: number, lower: null, size, mtimeUs, sha256 });
  }

  /** @throws ENOENT, EISDIR; IbkError `in_use` when another program changed the file during this run */
  open(path: string): ReadableFile {
    const entry = this.index.get(path);
    if (entry?.kind === 'dir' || path === '') throw systemError('EISDIR', path);
    if (entry?.kind === 'file') return this.#openEntry(path, entry);
    if (entry === undefined && this.#lowerVisible(path)) {
      const file = this.#lower.open(path);
      if (file !== undefined) return file;
      if (this.#lower.typeOf(path) === 'directory') throw systemError('EISDIR', path);
    }
    throw systemError('ENOENT', path);
  }

  /** The entries of a folder; none where there is no such folder. */
  list(folder: string): OverlayNode[] {
    const nodes = new Map<string, OverlayNode>();
    const own = this.index.get(folder);
    if (own?.kind === 'file' || own?.kind === 'gone') return [];
    if (!(own?.kind === 'dir' && own.opaque) && this.#lowerVisible(folder)) {
      for (const node of this.#lower.list(folder)) nodes.set(node.name, node);
    }
    for (const child of this.index.children(folder)) {
      const name = child.path.slice(child.path.lastIndexOf('/') + 1);
      if (child.kind === 'gone') nodes.delete(name);
      else nodes.set(name, nodeOf(name, child, this.#ctx.now()));
    }
    return [...nodes.values()];
  }

  /** Names of the files in a folder, without a look at each: for the check of a manifest against what is there. */
  fileNames(folder: string): Set<string> {
    const own = this.index.get(folder);
    const names = new Set<string>();
    if (own?.kind === 'file' || own?.kind === 'gone') return names;
    if (!(own?.kind === 'dir' && own.opaque) && this.#lowerVisible(folder)) {
      for (const name of this.#lower.fileNames(folder)) names.add(name);
    }
    for (const { path, kind } of this.index.children(folder)) {
      const name = path.slice(path.lastIndexOf('/') + 1);
      if (kind === 'file') names.add(name);
      else names.delete(name);
    }
    return names;
  }

  /** How much of what was received is no longer where it was put, and the path of one such file. By reading folders, not by a look at each. */
  lostContent(): { readonly lost: number; readonly first: string | undefined } {
    const { fs, layout } = this.#ctx;
    // A byte each: a million names would be a hundred megabytes.
    const there = new Uint8Array(this.incoming.count);
    for (const { name, kind } of fs.list(layout.inOwn('incoming')) ?? []) {
      if (kind !== 'directory') continue;
      for (const blob of fs.list(layout.inOwn(`incoming/${name}`)) ?? []) there[Number(blob.name)] = 1;
    }
    let lost = 0;
    let first: string | undefined;
    for (const { path, blob } of this.index.received()) {
      if (there[blob] === 1) continue;
      lost += 1;
      first ??= path;
    }
    return { lost, first };
  }

  typeOf(path: string): 'file' | 'directory' | undefined {
    if (path === '') return 'directory';
    const entry = this.index.get(path);
    if (entry !== undefined) return entry.kind === 'gone' ? undefined : entry.kind === 'file' ? 'file' : 'directory';
    return this.#lowerVisible(path) ? this.#lower.typeOf(path) : undefined;
  }

  makeDirectory(path: string): void {
    const type = this.typeOf(path);
    if (type === 'directory') return;
    if (type === 'file') throw systemError('EEXIST', path);
    this.#checkTarget(path);
    this.#makeParents(path);
    const opaque = this.index.get(path)?.kind === 'gone';
    this.index.put(path, foldOf(path), { kind: 'dir', opaque });
  }

  /** A file, or a folder with all it holds. A missing path is success. */
  remove(path: string): void {
    if (path === '') throw systemError('EINVAL', path);
    this.#folders.clear();
    const lower = this.#lowerVisible(path) && this.#lower.typeOf(path) !== undefined;
    const entry = this.index.get(path);
    for (const below of this.index.below(path)) this.#drop(below.path, below.entry);
    if (entry !== undefined) this.#drop(path, entry);
    if (lower) this.index.put(path, null, { kind: 'gone' });
  }

  /** Onto a file or a folder: that one is replaced. @throws ENOENT, EINVAL for a folder into itself */
  move(from: string, to: string): void {
    if (from === to) return;
    this.#moves += 1;
    if (this.#moves === MOVES_AFTER_ALL) this.incoming.rest();
    // Nearly every move of a phone: a payload that it has sent, onto nothing.
    if (from === `Snapshot/${to}` && this.#isFolder(parentOf(to)) && this.index.moveUp(to)) return;
    this.#checkPair(from, to);
    const type = this.typeOf(from);
    if (type === undefined) throw systemError('ENOENT', from);
    this.#checkTarget(to);
    if (type === 'file') {
      // As idevicebackup2 has it: a folder that was made in this run gives way, with all it holds.
      if (this.index.get(to)?.kind === 'dir' && this.#lower.typeOf(to) !== 'directory') this.remove(to);
      this.#checkNoFolder(to);
      this.#moveFile(from, to);
      return;
    }
    this.#replant(from, to, (file, target) => this.#moveFile(file, target));
    this.remove(from);
  }

  /** @throws ENOENT, EINVAL for a folder into itself */
  copy(from: string, to: string): void {
    if (from === to) return;
    this.#checkPair(from, to);
    const type = this.typeOf(from);
    if (type === undefined) throw systemError('ENOENT', from);
    this.#checkTarget(to);
    if (type === 'file') {
      this.#checkNoFolder(to);
      this.#copyFile(from, to);
      return;
    }
    this.#replant(from, to, (file, target) => this.#copyFile(file, target));
  }

  /** A folder as `from` in place of whatever is at `to`, each of its files by `take`. */
  #replant(from: string, to: string, take: (file: string, target: string) => void): void {
    const tree = this.#tree(from);
    if (this.typeOf(to) !== undefined) this.remove(to);
    this.makeDirectory(to);
    for (const { path, type } of tree) {
      const target = `${to}${path.slice(from.length)}`;
      if (type === 'directory') this.makeDirectory(target);
      else take(path, target);
    }
  }

  #moveFile(from: string, to: string): void {
    const entry = this.index.get(from);
    const file = entry?.kind === 'file' ? entry : this.#lower.referenceTo(from);
    if (entry !== undefined) this.index.delete(from);
    this.#putFile(to, file);
    if (this.#lowerVisible(from) && this.#lower.typeOf(from) !== undefined)
      this.index.put(from, null, { kind: 'gone' });
  }

  #copyFile(from: string, to: string): void {
    const entry = this.index.get(from);
    const file = entry?.kind === 'file' ? entry : this.#lower.referenceTo(from);
    if (file.blob === null) {
      this.#putFile(to, file);
      return;
    }
    const { number, identity } = this.incoming.copyOf(this.#ctx.layout.blob(file.blob), file.sha256);
    this.#putFile(to, { ...file, blob: number, mtimeUs: identity.mtimeUs });
  }

  #putFile(path: string, file: OverlayFile): void {
    this.#makeParents(path);
    const before = this.index.get(path);
    if (before?.kind === 'dir') throw systemError('EISDIR', path);
    this.index.put(path, foldOf(path), file);
    if (before?.kind !== 'file' || before.blob === null || before.blob === file.blob) return;
    this.incoming.remove(before.blob);
    this.#replacedBytes += before.size;
    if (this.#replacedBytes > MOST_REPLACED_BYTES) throw endless();
  }

  #drop(path: string, entry: OverlayEntry): void {
    this.index.delete(path);
    if (entry.kind === 'file' && entry.blob !== null) this.incoming.remove(entry.blob);
  }

  #makeParents(path: string): void {
    const up = parentOf(path);
    if (this.#isFolder(up)) return;
    if (this.typeOf(up) === 'file') throw systemError('ENOTDIR', path);
    this.#makeParents(up);
    this.index.put(up, foldOf(up), { kind: 'dir', opaque: this.index.get(up)?.kind === 'gone' });
  }

  /** The name can lie on every disk, under parents that are folders, and differs from all others in more than case. */
  #checkTarget(path: string): void {
    if (path === '') throw systemError('EISDIR', path);
    const verdict = judgeName(path);
    if (verdict === 'unstorable') throw systemError('EINVAL', path);
    // A folder that was seen lies in folders.
    for (let up = parentOf(path); !this.#isFolder(up); up = parentOf(up)) {
      if (this.typeOf(up) === 'file') throw systemError('ENOTDIR', path);
    }
    if (verdict === 'apple') return;
    for (const part of [path, ...ancestorsOf(path)]) {
      if (part === '' || judgeName(part) === 'apple') continue;
      const fold = foldPath(part);
      const clash = this.index.pathWithFold(fold);
      if (clash !== undefined && clash !== part) throw systemError('EEXIST', path);
      const beside = this.list(parentOf(part)).map(({ name }) =>
        parentOf(part) === '' ? name : `${parentOf(part)}/${name}`,
      );
      if (beside.some((other) => other !== part && foldPath(other) === fold)) throw systemError('EEXIST', path);
    }
  }

  #checkPair(from: string, to: string): void {
    if (from === '' || to === '') throw systemError('EINVAL', from);
    if (to.startsWith(`${from}/`) || from.startsWith(`${to}/`)) throw systemError('EINVAL', from);
  }

  /** All files and folders below a folder, as the device sees them. */
  #tree(folder: string): { readonly path: string; readonly type: OverlayNode['type'] }[] {
    return this.list(folder).flatMap(({ name, type }) => {
      const path = `${folder}/${name}`;
      return type === 'directory' ? [{ path, type }, ...this.#tree(path)] : [{ path, type }];
    });
  }

  /** A file cannot take the place of a folder, nor of a removed one of the lower layer: both would lie there until the commit is over. */
  #checkNoFolder(path: string): void {
    if (this.index.get(path)?.kind === 'dir') throw systemError('EISDIR', path);
    // A payload's name is no folder's: that saves a look at the disk for each file.
    if (!isPayloadName(path) && this.#lower.typeOf(path) === 'directory') throw systemError('EISDIR', path);
  }

  /** The folder is there, as the device sees it. Remembered: a hundred thousand files lie in 256 of them. */
  #isFolder(path: string): boolean {
    if (path === '' || this.#folders.has(path)) return true;
    if (this.typeOf(path) !== 'directory') return false;
    if (this.#folders.size >= MOST_FOLDERS) this.#folders.clear();
    this.#folders.add(path);
    return true;
  }

  #openEntry(path: string, entry: OverlayFile): ReadableFile {
    const { fs, layout } = this.#ctx;
    const file = entry.blob === null ? this.#lower.open(entry.lower ?? '') : fs.open(layout.blob(entry.blob));
    if (file === undefined) throw systemError('ENOENT', path);
    return file;
  }

  #lowerVisible(path: string): boolean {
    return !isInSnapshot(path) && !this.index.hidesBelow(ancestorsOf(path));
  }
}

function endless(): IbkError {
  return new IbkError('device_error', 'The iPhone sent the same files again and again.', { reason: 'no_progress' });
}

function isPayloadName(path: string): boolean {
  return isManagedName(isInSnapshot(path) ? path.slice('Snapshot/'.length) : path);
}

function foldOf(path: string): string | null {
  return judgeName(path) === 'apple' ? null : foldPath(path);
}

function nodeOf(name: string, { kind, size, mtimeUs }: ListedChild, now: number): OverlayNode {
  if (kind !== 'file') return { name, type: 'directory', sizeBytes: 0, modifiedMs: now };
  return { name, type: 'file', sizeBytes: size, modifiedMs: mtimeUs / 1000 };
}

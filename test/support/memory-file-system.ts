/**
 * A disk in memory that crashes, as store.md 11 describes.
 *
 * | crash       | what survives |
 * |-------------|---------------|
 * | `kill`      | everything: only the process died |
 * | `ordered`   | a prefix of the changes to directories (a journal); unsynced content whole, empty or torn; any fsync flushes all directories |
 * | `unordered` | each directory entry old or new on its own, a renamed file under at least one of its names, new directories possibly missing |
 *
 * It raises on a rename onto an existing name and on an exclusive create of one: the store must know better (I7).
 */
import Database from 'better-sqlite3';
import { PlainContentWriter } from '../../src/backup/disk/content-writer.js';
import { PlainFileMover } from '../../src/backup/disk/file-mover.js';
import {
  type DatabaseUse,
  type FileStat,
  type FolderEntry,
  type ReadableFile,
  type StoreDatabase,
  type StoreFileSystem,
  systemError,
  type WritableFile,
} from '../../src/backup/disk/file-system.js';
import type { Random } from './random.js';

export class Crash extends Error {}
/** The store broke one of its own rules. */
export class Violation extends Error {}

export type CrashKind = 'kill' | 'ordered' | 'unordered';

/** What a name or a folder takes. */
const BLOCK = 4096;

class MemoryFile {
  synced = false;
  constructor(
    readonly inode: number,
    public bytes: Buffer,
    public mtime: number,
  ) {}
}

class MemoryFolder {
  readonly entries = new Map<string, MemoryNode>();
  /** Every state a name had since its folder was last durable, with the serial number of the change. */
  readonly pending = new Map<string, { serial: number; node: MemoryNode | undefined }[]>();
  constructor(
    readonly inode: number,
    public mtime: number,
  ) {}
}

type MemoryNode = MemoryFile | MemoryFolder;

interface Rename {
  serial: number;
  from: MemoryFolder;
  fromName: string;
  to: MemoryFolder;
  toName: string;
}

export class MemoryFileSystem implements StoreFileSystem {
  readonly root = new MemoryFolder(0, 0);
  /** Runs before each change: a reader may take its steps. */
  hook: (() => void) | undefined;
  /** Calls that changed the disk so far. */
  operations = 0;
  /** The change with this number (and all after it) does not happen: the process dies. */
  crashAt: number | undefined;
  /** The change with this number fails, as on a full disk; the process lives on. */
  failAt: number | undefined;
  /** From the change with this number on the disk is full: what needs space fails, until something gives some back. */
  fullAt: number | undefined;
  /** Bytes that are left; undefined: endless. */
  free: number | undefined;
  /** How often it was full so far. */
  refusals = 0;
  #serial = 1;
  readonly #dirty = new Set<MemoryFolder>();
  #renames: Rename[] = [];
  #made: { serial: number; parent: MemoryFolder; name: string; folder: MemoryFolder }[] = [];
  readonly #snapshots = new WeakMap<Buffer, StoreDatabase>();

  constructor(
    readonly random: Random,
    readonly ordered: boolean,
    readonly bulkSync: boolean,
  ) {}

  // ---- what the store uses

  stat(path: string): FileStat | undefined {
    const node = this.#node(path);
    if (node === undefined) return undefined;
    const kind = node instanceof MemoryFile ? 'file' : 'directory';
    return {
      kind,
      sizeBytes: node instanceof MemoryFile ? node.bytes.length : 0,
      mtimeUs: node.mtime,
      inode: node.inode,
    };
  }

  list(path: string): FolderEntry[] | undefined {
    const node = this.#node(path);
    if (!(node instanceof MemoryFolder)) return undefined;
    return [...node.entries].map(([name, inner]) => ({
      name,
      kind: inner instanceof MemoryFile ? 'file' : 'directory',
    }));
  }

  makeDirectory(path: string): void {
    const [parent, name] = this.#parent(path);
    const there = parent.entries.get(name);
    if (there instanceof MemoryFile) throw systemError('EEXIST', path);
    if (there !== undefined) return;
    this.#step(BLOCK);
    const folder = new MemoryFolder(++this.#serial, this.#serial);
    this.#set(parent, name, folder, this.#serial);
    this.#made.push({ serial: this.#serial, parent, name, folder });
  }

  create(path: string): WritableFile {
    const [parent, name] = this.#parent(path);
    if (parent.entries.has(name)) throw new Violation(`exclusive create of existing ${path}`);
    this.#step(BLOCK);
    const file = new MemoryFile(++this.#serial, Buffer.alloc(0), this.#serial);
    this.#set(parent, name, file, this.#serial);
    const write = (chunks: readonly Buffer[]) => {
      this.#step(chunks.reduce((sum, { length }) => sum + length, 0));
      file.bytes = Buffer.concat([file.bytes, ...chunks]);
      file.mtime = ++this.#serial;
      file.synced = false;
    };
    return {
      write,
      sync: () => this.#syncNode(file),
      setModified: (mtimeUs) => {
        this.#step();
        file.mtime = mtimeUs;
      },
      stat: () => ({ kind: 'file', sizeBytes: file.bytes.length, mtimeUs: file.mtime, inode: file.inode }),
      close: () => {},
    };
  }

  contentWriter(): PlainContentWriter {
    return new PlainContentWriter(this);
  }

  open(path: string): ReadableFile | undefined {
    const file = this.#node(path);
    if (!(file instanceof MemoryFile)) return undefined;
    return {
      read: (into, position) => file.bytes.copy(into, 0, position, position + into.length),
      stat: () => ({ kind: 'file', sizeBytes: file.bytes.length, mtimeUs: file.mtime, inode: file.inode }),
      close: () => {},
    };
  }

  realPath(path: string): string {
    return path;
  }

  rename(from: string, to: string): void {
    if (this.#node(to) !== undefined) throw new Violation(`rename onto existing ${to}`);
    const node = this.#node(from);
    if (node === undefined) throw systemError('ENOENT', from);
    if (!(node instanceof MemoryFile)) throw new Violation(`rename of a folder ${from}`);
    const [source, sourceName] = this.#parent(from);
    const [target, targetName] = this.#parent(to);
    this.#step();
    const serial = ++this.#serial;
    this.#set(source, sourceName, undefined, serial);
    this.#set(target, targetName, node, serial);
    this.#renames.push({ serial, from: source, fromName: sourceName, to: target, toName: targetName });
  }

  renameIfFree(from: string, to: string): boolean {
    if (this.#node(to) !== undefined) return false;
    this.rename(from, to);
    return true;
  }

  fileMover(): PlainFileMover {
    return new PlainFileMover(this);
  }

  unlink(path: string): void {
    const node = this.#node(path);
    if (node === undefined) return;
    if (!(node instanceof MemoryFile)) throw systemError('EISDIR', path);
    this.#step();
    if (this.free !== undefined) this.free += node.bytes.length + BLOCK;
    const [parent, name] = this.#parent(path);
    this.#set(parent, name, undefined, ++this.#serial);
  }

  removeDirectory(path: string): void {
    const node = this.#node(path);
    if (!(node instanceof MemoryFolder) || node.entries.size > 0) return;
    this.#step();
    const [parent, name] = this.#parent(path);
    this.#set(parent, name, undefined, ++this.#serial);
  }

  copy(from: string, to: string): void {
    const source = this.#node(from);
    if (!(source instanceof MemoryFile)) throw systemError('ENOENT', from);
    const file = this.create(to);
    file.write([source.bytes]);
  }

  secondName(from: string, to: string): boolean {
    const source = this.#node(from);
    if (!(source instanceof MemoryFile)) throw systemError('ENOENT', from);
    const [parent, name] = this.#parent(to);
    if (parent.entries.has(name)) throw systemError('EEXIST', to);
    this.#step(BLOCK);
    this.#set(parent, name, source, ++this.#serial);
    return true;
  }

  syncFile(path: string): void {
    const node = this.#node(path);
    if (node instanceof MemoryFile) this.#syncNode(node);
  }

  syncDirectories(paths: readonly string[]): Promise<void> {
    try {
      for (const path of paths) {
        const node = path === '..' ? undefined : this.#node(path);
        if (node instanceof MemoryFolder) this.#syncNode(node);
      }
      return Promise.resolve();
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** What is durable without being asked for is the crash's choice. */
  earlySync(): undefined {}

  syncAll(path: string): Promise<boolean> {
    if (!this.bulkSync) return Promise.resolve(false);
    try {
      this.#step();
    } catch (error) {
      return Promise.reject(error);
    }
    const node = this.#node(path);
    if (node !== undefined) walk(node, (file) => (file.synced = true));
    this.#flushFolders();
    return Promise.resolve(true);
  }

  freeBytes(): number {
    return this.free ?? 1e12;
  }

  openDatabase(path: string, use: DatabaseUse): StoreDatabase | undefined {
    const node = this.#node(path);
    if (use === 'scratch') {
      if (node === undefined) this.create(path);
      const db = new Database(':memory:');
      return { db, saved: () => {}, close: () => db.close() };
    }
    if (use === 'read') return node instanceof MemoryFile ? this.#snapshot(node.bytes) : undefined;
    const bytes = node instanceof MemoryFile ? node.bytes : Buffer.alloc(0);
    const db = bytes.length === 0 ? new Database(':memory:') : new Database(bytes);
    return { db, saved: () => this.#saveDatabase(path, db), close: () => db.close() };
  }

  // ---- what tests use

  /** As another program writes: in its own file under the same name, or in place, durable at once. */
  overwrite(path: string, bytes: Buffer): void {
    const [folder] = path.split('/').length > 1 ? [path.slice(0, path.lastIndexOf('/'))] : [''];
    let up = '';
    for (const part of folder.split('/')) {
      up = up === '' ? part : `${up}/${part}`;
      const [parent, name] = this.#parent(up);
      if (!parent.entries.has(name))
        this.#set(parent, name, new MemoryFolder(++this.#serial, this.#serial), this.#serial);
    }
    const [parent, name] = this.#parent(path);
    const file = new MemoryFile(++this.#serial, bytes, this.#serial);
    file.synced = true;
    this.#set(parent, name, file, this.#serial);
  }

  /** Other bytes in the same file: no folder's time tells. */
  overwriteInPlace(path: string, bytes: Buffer): void {
    const node = this.#node(path);
    if (!(node instanceof MemoryFile)) throw new Error(`no file at ${path}`);
    node.bytes = bytes;
    node.mtime = ++this.#serial;
  }

  delete(path: string): void {
    const [parent, name] = this.#parent(path);
    this.#set(parent, name, undefined, ++this.#serial);
  }

  bytesOf(path: string): Buffer | undefined {
    const node = this.#node(path);
    return node instanceof MemoryFile ? node.bytes : undefined;
  }

  /** All files below `path`, sorted. */
  filesBelow(path: string): string[] {
    const node = this.#node(path);
    const found: string[] = [];
    const visit = (inner: MemoryNode, at: string): void => {
      if (inner instanceof MemoryFile) found.push(at);
      else for (const [name, next] of inner.entries) visit(next, `${at}/${name}`);
    };
    if (node !== undefined) visit(node, path);
    return found.sort();
  }

  /** Everything so far is on the disk for good. */
  settle(): void {
    this.#flushFolders();
    this.#renames = [];
    this.#made = [];
    walk(this.root, (file) => (file.synced = true));
  }

  /** The machine stops here; what comes back is what the kind of crash leaves. */
  crash(kind: CrashKind): void {
    this.crashAt = undefined;
    this.failAt = undefined;
    if (kind === 'kill') return;
    const kept = kind === 'ordered' ? this.#keptInOrder() : this.#keptAnyhow();
    for (const [folder, names] of kept) {
      for (const [name, index] of names) {
        const node = folder.pending.get(name)?.[index]?.node;
        if (node === undefined) folder.entries.delete(name);
        else folder.entries.set(name, node);
      }
    }
    for (const folder of this.#dirty) {
      folder.pending.clear();
      folder.mtime = ++this.#serial;
    }
    this.#dirty.clear();
    this.#renames = [];
    this.#made = [];
    walk(this.root, (file) => {
      if (file.synced) return;
      const torn = Buffer.from(file.bytes.subarray(0, Math.floor(file.bytes.length / 2)));
      file.bytes = this.random.choice([file.bytes, Buffer.alloc(0), torn]);
      file.synced = true;
    });
  }

  #keptInOrder(): Map<MemoryFolder, Map<string, number>> {
    const serials = new Set<number>();
    for (const folder of this.#dirty)
      for (const states of folder.pending.values()) for (const { serial } of states) serials.add(serial);
    const all = [...serials].sort((a, b) => a - b);
    const until = all.length === 0 ? 0 : this.random.choice(all);
    const kept = new Map<MemoryFolder, Map<string, number>>();
    for (const folder of this.#dirty) {
      const names = new Map<string, number>();
      for (const [name, states] of folder.pending)
        names.set(
          name,
          states.findLastIndex(({ serial }) => serial <= until),
        );
      kept.set(folder, names);
    }
    return kept;
  }

  #keptAnyhow(): Map<MemoryFolder, Map<string, number>> {
    const bias = this.random.choice([0.1, 0.5, 0.9]);
    const kept = new Map<MemoryFolder, Map<string, number>>();
    for (const folder of [...this.#dirty].sort((a, b) => a.mtime - b.mtime)) {
      const names = new Map<string, number>();
      for (const [name, states] of folder.pending) {
        names.set(name, this.random.next() < bias ? states.length - 1 : this.random.below(states.length));
      }
      kept.set(folder, names);
    }
    const serialOf = (folder: MemoryFolder, name: string): number => {
      const index = kept.get(folder)?.get(name);
      return index === undefined ? Number.POSITIVE_INFINITY : (folder.pending.get(name)?.[index]?.serial ?? 0);
    };
    const force = (folder: MemoryFolder, name: string, serial: number): void => {
      const names = kept.get(folder);
      const states = folder.pending.get(name);
      if (names === undefined || states === undefined || !names.has(name)) return;
      names.set(
        name,
        Math.max(
          names.get(name) ?? 0,
          states.findIndex((state) => state.serial >= serial),
        ),
      );
    };
    // A renamed file keeps at least one of its names, and the folder that this is in.
    for (let again = true; again; ) {
      again = false;
      for (const { serial, from, fromName, to, toName } of this.#renames) {
        if (serialOf(from, fromName) < serial) continue;
        if (serialOf(to, toName) < serial) {
          force(to, toName, serial);
          again = true;
        }
        for (let child = to; child !== this.root; ) {
          const made = this.#made.find(({ folder }) => folder === child);
          if (made === undefined) break;
          if (serialOf(made.parent, made.name) < made.serial) {
            force(made.parent, made.name, made.serial);
            again = true;
          }
          child = made.parent;
        }
      }
    }
    return kept;
  }

  #step(needsBytes = 0): void {
    this.hook?.();
    this.operations += 1;
    if (this.fullAt !== undefined && this.operations >= this.fullAt) {
      this.fullAt = undefined;
      this.free = 0;
    }
    if (this.free !== undefined && needsBytes > 0) {
      if (needsBytes > this.free) this.#refuse();
      this.free -= needsBytes;
    }
    if (this.failAt !== undefined && this.operations >= this.failAt) {
      this.failAt = undefined;
      this.#refuse();
    }
    if (this.crashAt !== undefined && this.operations >= this.crashAt) throw new Crash();
  }

  #refuse(): never {
    this.refusals += 1;
    throw systemError('ENOSPC', 'a full disk');
  }

  #syncNode(node: MemoryNode): void {
    this.#step();
    if (node instanceof MemoryFile) node.synced = true;
    if (this.ordered) this.#flushFolders();
    else if (node instanceof MemoryFolder) {
      node.pending.clear();
      this.#dirty.delete(node);
    }
  }

  #flushFolders(): void {
    for (const folder of this.#dirty) folder.pending.clear();
    this.#dirty.clear();
  }

  /** Stands for one SQLite transaction with synchronous=FULL: all of it or nothing, and durable. */
  #saveDatabase(path: string, db: Database.Database): void {
    // Its journal, for the time being.
    this.#step(BLOCK);
    const [parent, name] = this.#parent(path);
    const node = parent.entries.get(name);
    const bytes = db.serialize();
    if (node instanceof MemoryFile) {
      node.bytes = bytes;
      node.synced = true;
      node.mtime = ++this.#serial;
    } else {
      const file = new MemoryFile(++this.#serial, bytes, this.#serial);
      file.synced = true;
      this.#set(parent, name, file, this.#serial);
    }
    parent.pending.delete(name);
    if (this.ordered) this.#flushFolders();
  }

  #snapshot(bytes: Buffer): StoreDatabase | undefined {
    const known = this.#snapshots.get(bytes);
    if (known !== undefined) return known;
    const db = new Database(bytes.length === 0 ? ':memory:' : bytes);
    const handle = { db, saved: () => {}, close: () => {} };
    this.#snapshots.set(bytes, handle);
    return handle;
  }

  #set(folder: MemoryFolder, name: string, node: MemoryNode | undefined, serial: number): void {
    let states = folder.pending.get(name);
    if (states === undefined) {
      states = [{ serial: 0, node: folder.entries.get(name) }];
      folder.pending.set(name, states);
      this.#dirty.add(folder);
    }
    if (node === undefined) folder.entries.delete(name);
    else folder.entries.set(name, node);
    states.push({ serial, node });
    folder.mtime = serial;
  }

  #node(path: string): MemoryNode | undefined {
    let node: MemoryNode | undefined = this.root;
    if (path === '') return node;
    for (const part of path.split('/')) {
      if (!(node instanceof MemoryFolder)) return undefined;
      node = node.entries.get(part);
    }
    return node;
  }

  #parent(path: string): [MemoryFolder, string] {
    const cut = path.lastIndexOf('/');
    const node = this.#node(cut < 0 ? '' : path.slice(0, cut));
    if (!(node instanceof MemoryFolder)) throw systemError('ENOENT', path);
    return [node, path.slice(cut + 1)];
  }
}

function walk(node: MemoryNode, visit: (file: MemoryFile) => void): void {
  if (node instanceof MemoryFile) visit(node);
  else for (const inner of node.entries.values()) walk(inner, visit);
}

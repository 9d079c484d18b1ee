/**
 * A backup while it is received: the device writes here and sees the finished one beneath. Nothing in `<root>/<UDID>/` changes.
 *
 * Failures are system errors or `OverlayError`s, named alike (ENOENT, EISDIR, EEXIST …).
 */
import { constants, type Stats } from 'node:fs';
import { chmod, copyFile, type FileHandle, lstat, open } from 'node:fs/promises';
import { makePrivateFolder } from '../io/private-files.js';
import { Blobs, type BlobWriter } from './blobs.js';
import type { DevicePath } from './device-path.js';
import type { BackupLayout } from './layout.js';
import { type LowerEntry, LowerLayer } from './lower.js';
import { type FileContent, Overlay, OverlayError, type OverlayFile, type OverlayFolder } from './overlay.js';

export type Entry = LowerEntry;

export class IncomingBackup {
  readonly overlay: Overlay;
  readonly lower: LowerLayer;
  readonly blobs: Blobs;

  private constructor(layout: BackupLayout, fixModes: boolean) {
    this.blobs = new Blobs(layout.incoming, { fixModes });
    this.lower = new LowerLayer(layout.folder);
    this.overlay = new Overlay((blob) => this.blobs.remove(blob));
  }

  /** An empty one. The `incoming` folder must not be there: leftovers are dropped by whoever opens the store. */
  static async create(layout: BackupLayout): Promise<IncomingBackup> {
    await makePrivateFolder(layout.incoming);
    return new IncomingBackup(layout, await umaskIsOdd(layout));
  }

  /** A writer whose content takes the place of `path` when `put` is called with it. */
  receive(): BlobWriter {
    return this.blobs.writer();
  }

  /** Lays a finished blob over `path`. @throws OverlayError */
  put(path: DevicePath, blob: { readonly number: number; readonly sizeBytes: number }): void {
    try {
      this.overlay.putFile(path, {
        blob: blob.number,
        lower: undefined,
        sizeBytes: blob.sizeBytes,
        modifiedMs: Date.now(),
      });
    } catch (error) {
      this.blobs.remove(blob.number);
      throw error;
    }
  }

  /** Writes a file of our own, such as Info.plist. */
  async write(path: DevicePath, content: Buffer): Promise<void> {
    const writer = this.receive();
    if (content.length > 0) await writer.write(content);
    this.put(path, await writer.finish());
  }

  /** @throws ENOENT, EISDIR, ELOOP … */
  async open(path: DevicePath): Promise<FileHandle> {
    const found = this.overlay.find(path);
    if (found.in === 'none') throw new OverlayError('ENOENT');
    if (found.in === 'lower') return this.lower.open(path);
    if (found.node.kind === 'folder') throw new OverlayError('EISDIR');
    return this.#openFile(found.node);
  }

  /** The file on disk that holds `path`, undefined when there is none. For readers that need a name, such as SQLite. */
  async locate(path: DevicePath): Promise<string | undefined> {
    const found = this.overlay.find(path);
    if (found.in === 'overlay' && found.node.kind === 'file') {
      return found.node.blob === undefined
        ? this.lower.path(found.node.lower ?? path)
        : this.blobs.path(found.node.blob);
    }
    if (found.in !== 'lower') return undefined;
    return (await this.lower.entry(path))?.type === 'file' ? this.lower.path(path) : undefined;
  }

  /** The merged entries of a folder; nothing where there is none. @throws ENOTDIR */
  async list(path: DevicePath): Promise<Entry[]> {
    const found = this.overlay.find(path);
    if (found.in === 'none') return [];
    if (found.in === 'lower') return this.lower.list(path);
    if (found.node.kind === 'file') throw new OverlayError('ENOTDIR');
    const folder = found.node;
    const entries: Entry[] = [];
    if (!folder.opaque) {
      const covered = new Set([...folder.children.values()].map((child) => child.name));
      for (const entry of await this.lower.list(path)) if (!covered.has(entry.name)) entries.push(entry);
    }
    for (const child of folder.children.values()) {
      if (child.kind === 'file')
        entries.push({ name: child.name, type: 'file', sizeBytes: child.sizeBytes, modifiedMs: child.modifiedMs });
      if (child.kind === 'folder')
        entries.push({ name: child.name, type: 'directory', sizeBytes: 0, modifiedMs: Date.now() });
    }
    return entries;
  }

  /** Names of the files in a folder of the merged view, without sizes. */
  async fileNames(path: DevicePath): Promise<Set<string>> {
    const found = this.overlay.find(path);
    if (found.in === 'none' || (found.in === 'overlay' && found.node.kind === 'file')) return new Set();
    const folder = found.in === 'overlay' && found.node.kind === 'folder' ? found.node : undefined;
    const names = new Set(folder?.opaque ? [] : await this.lower.fileNames(path));
    for (const child of folder?.children.values() ?? []) {
      if (child.kind === 'file') names.add(child.name);
      else names.delete(child.name);
    }
    return names;
  }

  /** A small file of the merged view, whole. @throws ENOENT …; a RangeError beyond `maxBytes` */
  async readWhole(path: DevicePath, maxBytes: number): Promise<Buffer> {
    const file = await this.open(path);
    try {
      const { size } = await file.stat();
      if (size > maxBytes) throw new RangeError(`${path} has ${size} bytes, more than ${maxBytes}`);
      return await file.readFile();
    } finally {
      await file.close();
    }
  }

  makeFolder(path: DevicePath): void {
    this.overlay.makeFolder(path);
  }

  remove(path: DevicePath): void {
    this.overlay.remove(path);
  }

  /** A file or a whole folder. What stands at `to` is replaced, as idevicebackup2 does. @throws ENOENT */
  async move(from: DevicePath, to: DevicePath): Promise<void> {
    if (from === to) return;
    if (from === '' || to === '' || to.startsWith(`${from}/`)) throw new OverlayError('EEXIST');
    await this.#lift(from);
    this.overlay.attach(to, this.overlay.detach(from));
  }

  /** A file, or a folder with all it holds. */
  async copy(from: DevicePath, to: DevicePath): Promise<void> {
    if (from === to) return;
    if (from === '' || to === '' || to.startsWith(`${from}/`)) throw new OverlayError('EEXIST');
    const node = await this.#lift(from);
    this.overlay.attach(to, await this.#duplicate(node));
  }

  /** Content of its own for a file of the lower layer that goes by another name, so that a commit only has to rename. */
  async materialize(path: DevicePath, file: OverlayFile): Promise<void> {
    if (file.blob !== undefined || file.lower === undefined) return;
    this.overlay.putFile(path, await this.#copyOf(file));
  }

  /** Brings what is at `path` into the overlay: a file of the lower layer as a reference, a folder with all its files. */
  async #lift(path: DevicePath): Promise<OverlayFile | OverlayFolder> {
    const found = this.overlay.find(path);
    if (found.in === 'none') throw new OverlayError('ENOENT');
    if (found.in === 'overlay') {
      if (found.node.kind === 'folder') await this.#liftFolder(path, found.node);
      return found.node;
    }
    const entry = await this.lower.entry(path);
    if (entry === undefined || entry.type === 'other') throw new OverlayError('ENOENT');
    if (entry.type === 'directory') {
      const folder = this.overlay.makeFolder(path);
      await this.#liftFolder(path, folder);
      return folder;
    }
    this.overlay.putFile(path, reference(path, entry));
    return this.#lift(path);
  }

  async #liftFolder(path: DevicePath, folder: OverlayFolder): Promise<void> {
    const known = new Set([...folder.children.values()].map((child) => child.name));
    if (!folder.opaque) {
      for (const entry of await this.lower.list(path)) {
        if (known.has(entry.name) || entry.type === 'other') continue;
        const inner = `${path}/${entry.name}` as DevicePath;
        if (entry.type === 'file') this.overlay.putFile(inner, reference(inner, entry));
        else this.overlay.makeFolder(inner);
      }
      folder.opaque = true;
    }
    for (const child of folder.children.values()) {
      if (child.kind === 'folder') await this.#liftFolder(`${path}/${child.name}` as DevicePath, child);
    }
  }

  async #duplicate(node: OverlayFile | OverlayFolder): Promise<OverlayFile | OverlayFolder> {
    if (node.kind === 'file') return { ...node, ...(await this.#copyOf(node)) };
    const children: OverlayFolder['children'] = new Map();
    for (const [key, child] of node.children) {
      if (child.kind !== 'gone') children.set(key, await this.#duplicate(child));
    }
    return { kind: 'folder', name: node.name, opaque: true, children };
  }

  async #copyOf(file: OverlayFile): Promise<FileContent> {
    const { number } = await this.blobs.writer().finish();
    const source = file.blob === undefined ? undefined : this.blobs.path(file.blob);
    const from = source ?? (file.lower === undefined ? undefined : this.lower.path(file.lower));
    if (from === undefined) throw new OverlayError('ENOENT');
    await copyFile(from, this.blobs.path(number), constants.COPYFILE_FICLONE);
    // A copy takes over the mode of its source, which another tool may have made readable for everybody.
    await chmod(this.blobs.path(number), 0o600).catch(() => undefined);
    return { blob: number, lower: undefined, sizeBytes: file.sizeBytes, modifiedMs: file.modifiedMs };
  }

  #openFile(node: OverlayFile): Promise<FileHandle> {
    if (node.blob !== undefined) return open(this.blobs.path(node.blob), 'r');
    if (node.lower !== undefined) return this.lower.open(node.lower);
    throw new OverlayError('ENOENT');
  }
}

function reference(path: DevicePath, entry: LowerEntry): FileContent {
  return { blob: undefined, lower: path, sizeBytes: entry.sizeBytes, modifiedMs: entry.modifiedMs };
}

/** `mkdir` with 0700 has just been put right if it had to be; a file made now shows whether files need the same. */
async function umaskIsOdd(layout: BackupLayout): Promise<boolean> {
  const probe = `${layout.incoming}/probe`;
  const file = await open(probe, 'w', 0o600);
  await file.close();
  const stat: Stats = await lstat(probe);
  return (stat.mode & 0o777) !== 0o600;
}

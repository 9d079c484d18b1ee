/**
 * What the device sees: the finished backup (the lower layer) with what it has just sent laid over it. This file holds the tree in memory and no disk.
 *
 * A folder is `opaque` when nothing of the lower layer shows through it. Children are kept by their folded name, so that two names that differ only in case
 * never meet: some file systems would merge them.
 */
import type { DevicePath } from './device-path.js';

export interface OverlayFile {
  readonly kind: 'file';
  readonly name: string;
  /** Number of the received content, or undefined when it is a file of the lower layer under another name. */
  readonly blob: number | undefined;
  /** Path in the lower layer, where `blob` is undefined. */
  readonly lower: DevicePath | undefined;
  readonly sizeBytes: number;
  readonly modifiedMs: number;
}

export interface OverlayFolder {
  readonly kind: 'folder';
  readonly name: string;
  opaque: boolean;
  readonly children: Map<string, OverlayNode>;
}

/** Hides what the lower layer has under this name. */
export interface OverlayGone {
  readonly kind: 'gone';
  readonly name: string;
}

export type OverlayNode = OverlayFile | OverlayFolder | OverlayGone;

export type Lookup =
  | { readonly in: 'overlay'; readonly node: OverlayFile | OverlayFolder }
  /** The overlay says nothing: whatever the lower layer has. */
  | { readonly in: 'lower' }
  | { readonly in: 'none' };

export interface FileContent {
  readonly blob: number | undefined;
  readonly lower: DevicePath | undefined;
  readonly sizeBytes: number;
  readonly modifiedMs: number;
}

/** Named as Node names system errors, so that the device gets the same status for a failure of the overlay as of the disk. */
export class OverlayError extends Error {
  constructor(readonly code: 'ENOTDIR' | 'EISDIR' | 'EEXIST' | 'ENOENT') {
    super(code);
    this.name = 'OverlayError';
  }
}

/** The name under which case-insensitive and normalising file systems would find it. */
function fold(name: string): string {
  return /^[0-9a-f]*$/.test(name) ? name : name.normalize('NFC').toLowerCase();
}

function components(path: DevicePath): string[] {
  return path === '' ? [] : path.split('/');
}

export class Overlay {
  readonly root: OverlayFolder = { kind: 'folder', name: '', opaque: false, children: new Map() };
  /** Gets the number of each received content that the overlay lets go of. */
  readonly #released: (blob: number) => void;

  constructor(released: (blob: number) => void) {
    this.#released = released;
  }

  find(path: DevicePath): Lookup {
    let folder = this.root;
    const parts = components(path);
    for (const [index, part] of parts.entries()) {
      const child = folder.children.get(fold(part));
      if (child === undefined) return folder.opaque ? { in: 'none' } : { in: 'lower' };
      if (child.kind === 'gone' || child.name !== part) return { in: 'none' };
      if (child.kind === 'file') return index === parts.length - 1 ? { in: 'overlay', node: child } : { in: 'none' };
      folder = child;
    }
    return { in: 'overlay', node: folder };
  }

  /** Puts a file at `path`, in place of a file or of nothing. Missing folders are made. @throws OverlayError */
  putFile(path: DevicePath, content: FileContent): void {
    const { folder, name } = this.#parent(path);
    const old = folder.children.get(fold(name));
    this.#refuseTwin(old, name);
    if (old?.kind === 'folder') throw new OverlayError('EISDIR');
    if (old?.kind === 'file' && old.blob !== undefined) this.#released(old.blob);
    folder.children.set(fold(name), { kind: 'file', name, ...content });
  }

  /** The folder at `path`, made with its parents where it is missing. @throws OverlayError */
  makeFolder(path: DevicePath): OverlayFolder {
    let folder = this.root;
    for (const part of components(path)) folder = this.#enter(folder, part);
    return folder;
  }

  /** Takes whatever is at `path` out of the view. */
  remove(path: DevicePath): void {
    const parts = components(path);
    const name = parts.pop();
    if (name === undefined) {
      for (const child of this.root.children.values()) this.#release(child);
      this.root.children.clear();
      this.root.opaque = true;
      return;
    }
    let folder = this.root;
    for (const part of parts) {
      const child = folder.children.get(fold(part));
      if (child === undefined && !folder.opaque) {
        folder = this.#enter(folder, part);
        continue;
      }
      if (child?.kind !== 'folder' || child.name !== part) return;
      folder = child;
    }
    const old = folder.children.get(fold(name));
    if (old !== undefined && old.name !== name) return;
    if (old !== undefined) this.#release(old);
    this.#hide(folder, name);
  }

  /** Takes the node at `path` out of the tree, to be put elsewhere. */
  detach(path: DevicePath): OverlayFile | OverlayFolder {
    const { folder, name } = this.#parent(path);
    const node = folder.children.get(fold(name));
    if (node === undefined || node.kind === 'gone' || node.name !== name) throw new OverlayError('ENOENT');
    this.#hide(folder, name);
    return node;
  }

  /** Puts a detached node at `path`; what was there is replaced, a folder with all it held. */
  attach(path: DevicePath, node: OverlayFile | OverlayFolder): void {
    const { folder, name } = this.#parent(path);
    const old = folder.children.get(fold(name));
    this.#refuseTwin(old, name);
    if (old !== undefined) this.#release(old);
    folder.children.set(fold(name), { ...node, name });
  }

  /** Everything in the overlay, parents first. */
  *walk(folder: OverlayFolder = this.root, prefix = ''): Generator<{ path: DevicePath; node: OverlayNode }> {
    for (const node of folder.children.values()) {
      const path = (prefix === '' ? node.name : `${prefix}/${node.name}`) as DevicePath;
      yield { path, node };
      if (node.kind === 'folder') yield* this.walk(node, path);
    }
  }

  #parent(path: DevicePath): { folder: OverlayFolder; name: string } {
    const cut = path.lastIndexOf('/');
    const name = path.slice(cut + 1);
    if (name === '') throw new OverlayError('EISDIR');
    return { folder: this.makeFolder((cut < 0 ? '' : path.slice(0, cut)) as DevicePath), name };
  }

  #enter(folder: OverlayFolder, name: string): OverlayFolder {
    const key = fold(name);
    const child = folder.children.get(key);
    this.#refuseTwin(child, name);
    if (child?.kind === 'folder') return child;
    if (child?.kind === 'file') throw new OverlayError('ENOTDIR');
    const made: OverlayFolder = {
      kind: 'folder',
      name,
      opaque: folder.opaque || child?.kind === 'gone',
      children: new Map(),
    };
    folder.children.set(key, made);
    return made;
  }

  #refuseTwin(node: OverlayNode | undefined, name: string): void {
    if (node !== undefined && node.kind !== 'gone' && node.name !== name) throw new OverlayError('EEXIST');
  }

  #hide(folder: OverlayFolder, name: string): void {
    if (folder.opaque) folder.children.delete(fold(name));
    else folder.children.set(fold(name), { kind: 'gone', name });
  }

  #release(node: OverlayNode): void {
    if (node.kind === 'file' && node.blob !== undefined) this.#released(node.blob);
    if (node.kind === 'folder') for (const child of node.children.values()) this.#release(child);
  }
}

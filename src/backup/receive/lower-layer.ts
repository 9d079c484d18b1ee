/** The lower layer: the device's folder as it lies on the disk, under what the device has sent in this run. Paths as the overlay's. */
import { IbkError } from '../../errors.js';
import { type ReadableFile, systemError } from '../disk/file-system.js';
import type { Catalog } from '../records/catalog.js';
import type { StoreContext } from '../records/context.js';
import { isSameFile } from '../records/identity.js';
import { isInSnapshot, isLitter } from '../records/names.js';
import { identityOfStat } from '../records/scan.js';
import type { OverlayFile } from './overlay-entry.js';

export interface OverlayNode {
  readonly name: string;
  readonly type: 'file' | 'directory' | 'other';
  readonly sizeBytes: number;
  readonly modifiedMs: number;
}

export class LowerLayer {
  readonly #ctx: StoreContext;
  readonly #catalog: Catalog;

  constructor(ctx: StoreContext, catalog: Catalog) {
    this.#ctx = ctx;
    this.#catalog = catalog;
  }

  typeOf(path: string): 'file' | 'directory' | undefined {
    const { fs, layout } = this.#ctx;
    const kind = fs.stat(path === '' ? layout.folder : layout.inFolder(path))?.kind;
    return kind === 'other' ? undefined : kind;
  }

  /** @throws IbkError `in_use` when another program changed the file */
  open(path: string): ReadableFile | undefined {
    const { fs, layout } = this.#ctx;
    const file = fs.open(layout.inFolder(path));
    if (file === undefined) return undefined;
    const known = this.#catalog.file(path);
    if (known === undefined || isSameFile(file, known)) return file;
    file.close();
    throw new IbkError('in_use', 'Another program changed the backup folder during this backup.', {
      reason: 'foreign_change',
      details: { path },
    });
  }

  list(folder: string): OverlayNode[] {
    const { fs, layout } = this.#ctx;
    const place = folder === '' ? layout.folder : layout.inFolder(folder);
    const nodes: OverlayNode[] = [];
    for (const { name, kind } of fs.list(place) ?? []) {
      if (kind === 'other' || isLitter(name) || (folder === '' && isInSnapshot(name))) continue;
      const stat = fs.stat(`${place}/${name}`);
      if (stat === undefined || stat.kind === 'other') continue;
      nodes.push({ name, type: stat.kind, sizeBytes: stat.sizeBytes, modifiedMs: stat.mtimeUs / 1000 });
    }
    return nodes;
  }

  /** Names of the files in a folder, without a look at each. */
  fileNames(folder: string): string[] {
    const { fs, layout } = this.#ctx;
    const entries = fs.list(folder === '' ? layout.folder : layout.inFolder(folder)) ?? [];
    return entries.filter(({ kind }) => kind === 'file').map(({ name }) => name);
  }

  /** A file of the folder under another name: no bytes move before the commit. */
  referenceTo(path: string): OverlayFile {
    const stat = this.#ctx.fs.stat(this.#ctx.layout.inFolder(path));
    if (stat === undefined) throw systemError('ENOENT', path);
    const known = this.#catalog.file(path) ?? identityOfStat(stat, null);
    return { kind: 'file', blob: null, lower: path, size: known.size, mtimeUs: known.mtimeUs, sha256: known.sha256 };
  }
}

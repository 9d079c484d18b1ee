/**
 * What lies in the place of a file that a run changes, removes or sends again, and is not that file: something overwrote it in place, which no folder's time tells.
 * It is moved to `aside/<time>/` before the commit point, so that nothing of it is lost and the device's file can come in.
 *
 * | the device sent | the earlier version |
 * |-----------------|---------------------|
 * | the same again  | is whole again: what was received goes into the place at once |
 * | other content   | has lost the file, and is said to |
 *
 * A crash in between leaves a folder that differs from the catalog, which the next start finds by its time.
 */
import type { FileIdentity } from '../disk/file-identity.js';
import { makeDirectories, parentOf } from '../disk/file-system.js';
import type { Catalog } from '../records/catalog.js';
import type { StoreContext } from '../records/context.js';
import { isSame } from '../records/identity.js';
import { timeName } from './aside.js';

export class Mending {
  readonly #ctx: StoreContext;
  readonly #mended: [string, FileIdentity][] = [];
  readonly #moved = new Set<string>();
  #aside: string | undefined;
  #files = 0;
  /** Folders of the backup that were changed by this. */
  readonly folders = new Set<string>();

  constructor(ctx: StoreContext) {
    this.#ctx = ctx;
  }

  /** Is the file of the backup in its place? Another one is moved aside. */
  isInPlace(path: string, known: FileIdentity): boolean {
    const { fs, layout } = this.#ctx;
    const place = layout.inFolder(path);
    const there = fs.stat(place);
    // A folder of that name stays: nothing moves a folder.
    if (isSame(fs, place, there, known) || there?.kind === 'directory') return true;
    if (there !== undefined) {
      this.#aside ??= timeName(this.#ctx);
      const to = `${this.#aside}/${path}`;
      makeDirectories(fs, parentOf(to));
      fs.rename(place, to);
      this.#moved.add(parentOf(to));
      this.folders.add(folderOf(path));
      this.#files += 1;
    }
    return false;
  }

  /** Puts what was received again into the place, which is empty. @param blob where it lies */
  restore(path: string, blob: string, identity: FileIdentity): void {
    const { fs, layout } = this.#ctx;
    const place = layout.inFolder(path);
    makeDirectories(fs, parentOf(place));
    fs.syncFile(blob);
    fs.rename(blob, place);
    this.folders.add(folderOf(path));
    this.#mended.push([path, identity]);
  }

  async finish(catalog: Catalog): Promise<void> {
    const { fs, layout } = this.#ctx;
    if (this.folders.size === 0) return;
    const changed = [...this.folders].map((name) => (name === '' ? layout.folder : layout.inFolder(name)));
    await fs.syncDirectories([...this.#moved, ...changed, layout.folder]);
    catalog.setFiles(this.#mended);
    if (this.#files === 0) return;
    const files = this.#files === 1 ? '1 file' : `${this.#files} files`;
    const message = `Something had overwritten ${files} of the last backup; what lay there is set aside.`;
    this.#ctx.warn({ kind: 'set_aside', message });
  }
}

function folderOf(path: string): string {
  const cut = path.indexOf('/');
  return cut < 0 ? '' : path.slice(0, cut);
}

/** What a list touches, noted while it is written, or read again after a crash. */
import { parentOf } from '../disk/file-system.js';
import type { ChangeLine } from './change-list.js';
import type { StoreLayout } from './layout.js';
import { isMetadata } from './names.js';

export class ListFolders {
  /** Of what was received. */
  readonly sources = new Set<string>();
  /** Of the backup. */
  readonly folders: Set<string>;
  /** Of the version that goes out. */
  readonly outs = new Set<string>();
  /** The lines of what describes the backup. */
  readonly metadata: ChangeLine[] = [];
  readonly #layout: StoreLayout;
  readonly #out: string | null;

  /** @param out none at the first backup */
  constructor(layout: StoreLayout, out: string | null) {
    this.#layout = layout;
    this.#out = out;
    this.folders = new Set([layout.folder]);
  }

  add(line: ChangeLine): void {
    const { p, src, old } = line;
    this.folders.add(parentOf(this.#layout.inFolder(p)));
    if (src !== null) this.sources.add(parentOf(this.#layout.inOwn(src)));
    if (old !== null && this.#out !== null) this.outs.add(parentOf(this.#layout.slot(this.#out, p)));
    if (isMetadata(p)) this.metadata.push(line);
  }

  /** What must exist before the commit point: at the first backup nothing, its folder comes after it. */
  get targets(): readonly string[] {
    return this.#out === null ? [] : [...this.outs, ...this.folders];
  }
}

/** The folders that a list moves files from and to, noted while it is written. */
import type { ChangeLine } from './change-list.js';
import { parentOf } from './file-system.js';
import type { StoreLayout } from './layout.js';

export class ListFolders {
  /** Of what was received. */
  readonly sources = new Set<string>();
  /** Of the version that goes out, and of the backup. */
  readonly targets = new Set<string>();
  readonly #layout: StoreLayout;
  readonly #out: string | null;

  /** @param out none at the first backup: its folder does not exist before the commit point */
  constructor(layout: StoreLayout, out: string | null) {
    this.#layout = layout;
    this.#out = out;
  }

  add({ p, src, old, new: next }: ChangeLine): void {
    if (src !== null) this.sources.add(parentOf(this.#layout.inOwn(src)));
    if (this.#out === null) return;
    if (old !== null) this.targets.add(parentOf(this.#layout.slot(this.#out, p)));
    if (next !== null) this.targets.add(parentOf(this.#layout.inFolder(p)));
  }
}

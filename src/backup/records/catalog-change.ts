/** What a list changes in the catalog, in one transaction: the lines of the outgoing version, and what the folder then holds. */
import type { Catalog } from './catalog.js';
import { type ChangeLine, readChangeList } from './change-list.js';
import type { StoreContext } from './context.js';
import type { CommitOperation } from './head-record.js';

type Operation = Pick<CommitOperation, 'out' | 'list' | 'listSha256' | 'next'>;

export class CatalogChange {
  readonly #catalog: Catalog;
  readonly #op: Operation;
  readonly #seq: number;

  /** Begins the transaction. Nothing, where the catalog has the change already. */
  static begin(catalog: Catalog, op: Operation): CatalogChange | undefined {
    if (catalog.current === op.next.id) return undefined;
    catalog.begin();
    try {
      return new CatalogChange(catalog, op);
    } catch (error) {
      catalog.rollback();
      throw error;
    }
  }

  private constructor(catalog: Catalog, op: Operation) {
    this.#catalog = catalog;
    this.#op = op;
    this.#seq = (catalog.versions().at(-1)?.seq ?? 0) + 1;
    if (op.out !== null) catalog.addVersion(this.#seq, op.out, op.list);
  }

  add(line: ChangeLine): void {
    if (this.#op.out !== null) this.#catalog.addLine(this.#seq, line);
    this.#catalog.setFile(line.p, line.new);
  }

  commit(): void {
    this.#catalog.setMeta('cur', this.#op.next.id);
    this.#catalog.commit();
  }

  /** Without effect after `commit`. */
  undo(): void {
    this.#catalog.rollback();
  }
}

/** The whole change, where nothing else is done meanwhile. */
export async function applyToCatalog(ctx: StoreContext, catalog: Catalog, op: Operation, path: string): Promise<void> {
  const change = CatalogChange.begin(catalog, op);
  if (change === undefined) return;
  try {
    for (const line of readChangeList(ctx.fs, path, op.listSha256)) {
      change.add(line);
      const turn = ctx.pause();
      if (turn !== undefined) await turn;
    }
    change.commit();
  } catch (error) {
    change.undo();
    throw error;
  }
}

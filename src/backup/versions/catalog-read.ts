/** A catalog for a reader that needs all paths of a version: the store's own, else one made for this time from lists and one scan. */
import { IbkError } from '../../errors.js';
import { openSqlite } from '../../io/sqlite.js';
import { Catalog } from '../records/catalog.js';
import { isInStep, rebuild } from '../records/catalog-sync.js';
import type { StoreContext } from '../records/context.js';
import type { VersionReader } from './resolve.js';

/** @throws IbkError `not_found`: there is no store */
export async function openCatalogForReading(ctx: StoreContext, reader: VersionReader): Promise<Catalog> {
  const head = reader.head();
  if (head === undefined)
    throw new IbkError('not_found', 'There is no backup of this device under this root.', { reason: 'store' });
  try {
    const handle = ctx.fs.openDatabase(ctx.layout.inOwn('catalog.db'), 'read');
    if (handle !== undefined) {
      const catalog = new Catalog(handle, 'read');
      if (isInStep(catalog, head)) return catalog;
      catalog.close();
    }
  } catch {
    // Damaged, or in need of a repair that readers don't do.
  }
  const db = openSqlite('');
  const catalog = new Catalog({ db, saved: () => {}, close: () => db.close() });
  await rebuild(ctx, catalog, head, 'scan');
  return catalog;
}

/**
 * Forgetting a version (docs/store.md 7). The new head is the commit point; deletions come after it, and by one rule only:
 * a line of the retired list names the content, and no list of the head does.
 *
 * No content moves: in the middle of the chain the older neighbour gets a new list that also holds what only the retired one named,
 * and the lines keep their `at`.
 */
import { IbkError } from '../../errors.js';
import { parentOf } from '../disk/file-system.js';
import type { Catalog } from '../records/catalog.js';
import { listPath, syncCatalog } from '../records/catalog-sync.js';
import { type ChangeLine, ChangeListWriter, mergeLists, readChangeList } from '../records/change-list.js';
import type { StoreContext } from '../records/context.js';
import { nextDelta, putHead } from '../records/head.js';
import type { ChainEntry, EditEntry, Head, LostFiles, RetireOperation } from '../records/head-record.js';
import { ChangeTally } from '../records/tally.js';
import { dropKept, holdsContent } from '../versions/kept-content.js';

/** Takes a version out of the chain; the head that is returned has the deletion to be run. @throws IbkError `not_found`, `usage` */
export async function retireVersion(ctx: StoreContext, head: Head, id: string): Promise<Head> {
  const edit = head.edits.find((copy) => copy.id === id);
  if (edit !== undefined) return retireEdit(ctx, head, edit);
  const at = head.chain.findIndex((entry) => entry.id === id);
  const entry = head.chain[at];
  if (entry === undefined) throw new IbkError('not_found', `There is no earlier version ${id}.`, { reason: 'version' });
  if (entry.pinned) throw new IbkError('usage', `Version ${id} is pinned.`, { reason: 'pinned' });
  if (head.edits.some(({ base }) => base === id)) {
    // Its files are needed; it is listed no more, and goes with the last copy.
    const chain = head.chain.map((other) => (other === entry ? { ...entry, hidden: true } : other));
    return putHead(ctx, head, { chain });
  }
  const rest = head.chain.filter((other) => other !== entry);
  const older = at === 0 ? undefined : head.chain[at - 1];
  if (older === undefined) {
    return putHead(ctx, head, { chain: rest, op: { t: 'rm', v: id, delta: entry.delta, u: null, du: null } });
  }
  const merged = await writeMerged(ctx, head, older, entry);
  const chain = rest.map((other) => (other === older ? merged : other));
  return putHead(ctx, head, { chain, op: { t: 'rm', v: id, delta: entry.delta, u: older.id, du: older.delta } });
}

function retireEdit(ctx: StoreContext, head: Head, edit: EditEntry): Promise<Head> {
  if (edit.pinned) throw new IbkError('usage', `Version ${edit.id} is pinned.`, { reason: 'pinned' });
  const edits = head.edits.filter((other) => other !== edit);
  return putHead(ctx, head, { edits, op: { t: 'rm', v: edit.id, delta: edit.delta, u: null, du: null } });
}

/** A version that was forgotten while an edited copy needed it, and that none needs any more. */
export function unneededBase({ chain, edits }: Head): string | undefined {
  return chain.find(({ id, hidden, pinned }) => hidden && !pinned && !edits.some(({ base }) => base === id))?.id;
}

async function writeMerged(ctx: StoreContext, head: Head, older: ChainEntry, retired: ChainEntry): Promise<ChainEntry> {
  const { fs, layout } = ctx;
  const delta = nextDelta(head);
  const path = listPath(ctx, { id: older.id, delta });
  fs.unlink(path);
  const at = head.chain.indexOf(retired);
  const to = head.chain[at + 1]?.id ?? head.current?.id ?? '';
  const writer = new ChangeListWriter(fs, path, { udid: layout.udid, from: older.id, to });
  const tally = new ChangeTally();
  try {
    const lines = mergeLists(
      readChangeList(fs, listPath(ctx, older), older.listSha256),
      readChangeList(fs, listPath(ctx, retired), retired.listSha256),
    );
    for (const line of lines) {
      if (isBackAgain(ctx, line)) continue;
      writer.add(line);
      tally.add(line);
      const turn = ctx.pause();
      if (turn !== undefined) await turn;
    }
  } catch (error) {
    writer.abandon();
    throw error;
  }
  const { sha256 } = writer.finish();
  await fs.syncDirectories([layout.version(older.id)]);
  const counts = { ...tally.counts(), lost: bothLost(older.counts.lost, retired.counts.lost) };
  return { ...older, delta, listSha256: sha256, counts };
}

/** Lost here, and the next newer version has the very same bytes: they stand for it, as for every file that no list names. */
function isBackAgain(ctx: StoreContext, { p, k, at, old, new: next }: ChangeLine): boolean {
  if (k !== 'stored' || at === null || old === null || next === null) return false;
  if (old.sha256 === null || old.sha256 !== next.sha256 || old.size !== next.size) return false;
  return !holdsContent(ctx, at, p);
}

/** Which files are lost no list says: the sum of both is the most there can be. */
function bothLost(a: LostFiles | null, b: LostFiles | null): LostFiles | null {
  if (a === null || b === null) return a ?? b;
  return { files: a.files + b.files, at: Math.min(a.at, b.at) };
}

/** Deletes what only the retired version needed. Every step may be repeated; a list that is gone means that its part is done. */
export async function runRetire(ctx: StoreContext, catalog: Catalog, head: Head, op: RetireOperation): Promise<Head> {
  const { fs, layout } = ctx;
  await syncCatalog(ctx, catalog, head);
  const folder = layout.version(op.v);
  const list = `${folder}/${op.delta}`;
  const emptied = new Set<string>();
  if (fs.stat(list) !== undefined) {
    for (const { k, at, p } of readChangeList(fs, list)) {
      if (k !== 'stored' || at === null) continue;
      // Under its own id: what a promotion found no place for.
      for (const place of new Set([at, op.v])) {
        if (catalog.isStored(place, p)) continue;
        for (const folder of dropKept(ctx, place, p)) emptied.add(folder);
      }
      const turn = ctx.pause();
      if (turn !== undefined) await turn;
    }
    await fs.syncDirectories([...emptied]);
    fs.unlink(list);
  }
  // Also where a killed run had done it already: what comes back after the head forgot it would be nobody's.
  if (!head.chain.some(({ id }) => id === op.v)) fs.unlink(`${folder}/version.json`);
  await fs.syncDirectories([fs.stat(folder) === undefined ? layout.inOwn('versions') : folder]);
  if (op.u !== null && op.du !== null) {
    fs.unlink(listPath(ctx, { id: op.u, delta: op.du }));
    await fs.syncDirectories([layout.version(op.u)]);
  }
  // Only now: a folder that is gone cannot be synced.
  for (const path of [...emptied, folder]) removeEmptyFolders(ctx, path);
  return putHead(ctx, head, { op: null });
}

/** Removes a folder below `versions/` that holds nothing, and those above it that then hold nothing. */
export function removeEmptyFolders(ctx: StoreContext, path: string): void {
  const { fs, layout } = ctx;
  for (let at = path; at.startsWith(layout.inOwn('versions/')); at = parentOf(at)) {
    const entries = fs.list(at);
    if (entries !== undefined && entries.length > 0) return;
    if (entries !== undefined) fs.removeDirectory(at);
  }
}

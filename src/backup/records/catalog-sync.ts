/**
 * Brings the catalog up to date with the head and the lists, which are the authority; from nothing, where it was lost.
 *
 * Lost: lines from the lists; what the folder should hold from one scan by stat, and from the `new` sides of the lists where one names the path.
 */
import type { FileIdentity } from '../disk/file-identity.js';
import type { StoreDatabase } from '../disk/file-system.js';
import { Catalog } from './catalog.js';
import { readChangeList } from './change-list.js';
import type { StoreContext } from './context.js';
import { findList } from './find-list.js';
import type { ChainEntry, Head } from './head-record.js';
import { scanFolder } from './scan.js';
import { compareSeals, takeSeal } from './seal.js';

/** mtime in microseconds and size that no file has. */
const CHANGED: FileIdentity = { size: -1, mtimeUs: 0, sha256: null };
/** FAT keeps times in steps of 2 s. */
const CLOCK_GRAIN_MS = 2_000;

/** The catalog of a writer: made new where it is missing or cannot be read. */
export function openCatalog(ctx: StoreContext): Catalog {
  const { fs, layout } = ctx;
  const path = layout.inOwn('catalog.db');
  try {
    return opened(fs.openDatabase(path, 'catalog'));
  } catch (error) {
    if (!isUnusable(error)) throw error;
    // Its journal first: one that is left would be played into the new file.
    fs.unlink(`${path}-journal`);
    fs.unlink(path);
    return opened(fs.openDatabase(path, 'catalog'));
  }
}

function opened(handle: StoreDatabase | undefined): Catalog {
  if (handle === undefined) throw new Error('catalog.db cannot be made');
  try {
    return new Catalog(handle);
  } catch (error) {
    handle.close();
    throw error;
  }
}

function isUnusable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error.message === 'catalog of another format') return true;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return /^SQLITE_(?:NOTADB|CORRUPT|ERROR|SCHEMA|FORMAT)/.test(code);
}

/** Makes the catalog say what `head` and its lists say. Cheap when it does already. */
export async function syncCatalog(ctx: StoreContext, catalog: Catalog, head: Head): Promise<void> {
  if (isInStep(catalog, head)) return;
  await catalog.transaction(async () => {
    if (!(await rollForward(ctx, catalog, head))) await rebuild(ctx, catalog, head, 'scan');
  });
}

/** The lists' lines are here, and the folder's state is that of the current version or of the one that a commit makes. */
export function isInStep(catalog: Catalog, head: Head): boolean {
  const { op, current } = head;
  const pending = op?.t === 'commit' || op?.t === 'adopt' ? op : undefined;
  const cur = catalog.current;
  const other = op?.t === 'promote' ? op.out : pending?.next.id;
  if (cur !== current?.id && (cur === undefined || cur !== other)) return false;
  return hasLines(catalog, head);
}

/** Every list of the chain is in the catalog, in the chain's order, and no other but that of a pending operation. */
export function hasLines(catalog: Catalog, head: Head): boolean {
  const { op, chain, current } = head;
  const rows = catalog.versions();
  const last = rows.at(-1);
  const pending = op?.t === 'commit' || op?.t === 'adopt' ? op : undefined;
  if (last !== undefined && pending !== undefined && last.id === pending.out && last.delta === pending.list) rows.pop();
  if (op?.t === 'promote' && last?.id === current?.id && last?.delta === op.list) rows.pop();
  return (
    rows.length === chain.length &&
    rows.every((row, at) => row.id === chain[at]?.id && row.delta === chain[at]?.delta) &&
    hasEdits(catalog, head)
  );
}

function hasEdits(catalog: Catalog, { edits }: Head): boolean {
  const rows = catalog.edits();
  return (
    rows.length === edits.length && rows.every(({ id, delta }) => edits.some((e) => e.id === id && e.delta === delta))
  );
}

/** The lines of edited copies that are missing are read, those of forgotten ones dropped. */
async function syncEdits(ctx: StoreContext, catalog: Catalog, { edits }: Head): Promise<void> {
  for (const { seq, id, delta } of catalog.edits())
    if (!edits.some((edit) => edit.id === id && edit.delta === delta)) catalog.dropVersion(seq);
  for (const edit of edits)
    if (catalog.version(edit.id) === undefined) await readLines(ctx, catalog, catalog.nextEdit(), edit);
}

/** Only some lists changed, or the catalog stands at an earlier version: reads what is missing. False: it is of no use. */
async function rollForward(ctx: StoreContext, catalog: Catalog, head: Head): Promise<boolean> {
  const { chain, current, op } = head;
  if (current === null) return false;
  const place = new Map(chain.map((entry, at) => [entry.id, at]));
  const rows = catalog.versions().filter(({ id }) => place.has(id));
  // What was taken in at the bottom of the chain comes before all that is known.
  const [first] = rows;
  const below = first === undefined ? 0 : (place.get(first.id) ?? 0);
  let before = below - 1;
  const known = new Map<string, { seq: number; delta: string }>();
  for (const row of catalog.versions()) {
    const at = place.get(row.id);
    if (at === undefined) catalog.dropVersion(row.seq);
    else if (at !== before + 1) return false;
    else {
      known.set(row.id, row);
      before = at;
    }
  }
  let seq = (first?.seq ?? 1) - below - 1;
  for (const entry of chain) {
    const row = known.get(entry.id);
    seq = row?.seq ?? seq + 1;
    if (row?.delta === entry.delta) continue;
    if (row !== undefined) catalog.dropVersion(row.seq);
    await readLines(ctx, catalog, seq, entry);
  }
  await syncEdits(ctx, catalog, head);
  const cur = catalog.current;
  if (cur === current.id) return true;
  if ((op?.t === 'commit' || op?.t === 'adopt') && cur === op.next.id) return false;
  const from = place.get(cur ?? '');
  if (from === undefined) return false;
  for (const entry of chain.slice(from)) await applyNewSides(ctx, catalog, entry);
  catalog.setMeta('cur', current.id);
  return true;
}

/** Everything anew. `lists`: without the scan; what no list names is then not known (for readers). */
export async function rebuild(ctx: StoreContext, catalog: Catalog, head: Head, how: 'scan' | 'lists'): Promise<void> {
  catalog.clear();
  let seq = 0;
  for (const entry of head.chain) {
    seq += 1;
    await readLines(ctx, catalog, seq, entry);
  }
  await syncEdits(ctx, catalog, head);
  const { current, op } = head;
  if (current === null) return;
  if (how === 'scan') await takeFolderAsFound(ctx, catalog, head);
  for (const entry of head.chain) await applyNewSides(ctx, catalog, entry);
  if (op?.t === 'commit' || op?.t === 'adopt') {
    for (const line of readChangeList(ctx.fs, findList(ctx, op), op.listSha256)) catalog.setFile(line.p, line.old);
  }
  if (op?.t === 'promote') {
    const list = listPath(ctx, { id: current.id, delta: op.list });
    for (const line of readChangeList(ctx.fs, list, op.listSha256)) catalog.setFile(line.p, line.old);
  }
  if (how === 'scan') catalog.setMeta('cur', current.id);
}

async function takeFolderAsFound(ctx: StoreContext, catalog: Catalog, head: Head): Promise<void> {
  // The seal tells whether another program was here since; what is newer than the seal is then not ours.
  const difference = head.op === null && head.seal !== null ? compareSeals(head.seal, takeSeal(ctx)) : 'none';
  const foreign = difference !== 'none' && difference !== 'numbers';
  const newestUs = foreign ? (head.sealedAt + CLOCK_GRAIN_MS) * 1000 : Number.POSITIVE_INFINITY;
  const found: [string, FileIdentity][] = [];
  const flush = () => {
    for (const [path, is] of found.splice(0)) catalog.setFile(path, is.mtimeUs > newestUs ? CHANGED : is);
  };
  for await (const finding of scanFolder(ctx, catalog, 'all')) {
    if (finding.is !== null) found.push([finding.path, finding.is]);
    if (found.length >= 5_000) flush();
  }
  flush();
}

async function readLines(ctx: StoreContext, catalog: Catalog, seq: number, entry: ChainEntry): Promise<void> {
  catalog.addVersion(seq, entry.id, entry.delta);
  for (const line of readChangeList(ctx.fs, listPath(ctx, entry), entry.listSha256)) {
    catalog.addLine(seq, line);
    await ctx.pause();
  }
}

/** The lines of a version that came into being beside the others, in one transaction. */
export function applyLines(ctx: StoreContext, catalog: Catalog, seq: number, entry: ChainEntry): Promise<void> {
  return catalog.transaction(() => readLines(ctx, catalog, seq, entry));
}

async function applyNewSides(ctx: StoreContext, catalog: Catalog, entry: ChainEntry): Promise<void> {
  for (const line of readChangeList(ctx.fs, listPath(ctx, entry), entry.listSha256)) {
    catalog.setFile(line.p, line.new);
    await ctx.pause();
  }
}

export function listPath(ctx: StoreContext, entry: Pick<ChainEntry, 'id' | 'delta'>): string {
  return `${ctx.layout.version(entry.id)}/${entry.delta}`;
}

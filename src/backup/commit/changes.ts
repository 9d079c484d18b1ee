/**
 * What a run changed: one ordered pass over the overlay's index, joined with the catalog, written as the list of the outgoing version.
 *
 * A received file equal to the one in place is no change (that is a full backup of an unchanged phone). Status.plist is always replaced, even by
 * the same bytes: the window in which the folder has none is what keeps other programs away from a half-applied commit.
 */
import { IbkError } from '../../errors.js';
import type { FileIdentity } from '../disk/file-identity.js';
import type { Overlay } from '../receive/overlay.js';
import type { OverlayFile } from '../receive/overlay-entry.js';
import type { Catalog } from '../records/catalog.js';
import { type ChangeLine, ChangeListWriter } from '../records/change-list.js';
import type { StoreContext } from '../records/context.js';
import type { ChangeCounts } from '../records/head-record.js';
import { isSame, sha256OfPath } from '../records/identity.js';
import { blobName } from '../records/layout.js';
import { ListFolders } from '../records/list-folders.js';
import { isInSnapshot, isManagedName, STATUS_PLIST } from '../records/names.js';
import { identityOfStat } from '../records/scan.js';
import { ChangeTally } from '../records/tally.js';
import { Mending } from './mend.js';

const PAGE = 200;
const NAMES_TOLD = 3;

export interface WrittenChanges {
  readonly sha256: string;
  readonly counts: ChangeCounts;
  /** Received, but equal to what was in place. */
  readonly unchanged: number;
  /** Folders of the backup in which something else was found in the place of a file, and moved aside. */
  readonly mended: ReadonlySet<string>;
  readonly folders: ListFolders;
}

/**
 * Writes the list to `path`. It is durable on return, its name is not.
 * @param from the version that goes out; null at the first backup
 */
export async function writeChanges(
  ctx: StoreContext,
  catalog: Catalog,
  overlay: Overlay,
  path: string,
  from: string | null,
  to: string,
): Promise<WrittenChanges> {
  await expandRemovals(ctx, catalog, overlay);
  ensureStatus(ctx, overlay);
  const writer = new ChangeListWriter(ctx.fs, path, { udid: ctx.layout.udid, from, to });
  const tally = new ChangeTally();
  const unknown = new UnknownNames();
  const mending = new Mending(ctx);
  const folders = new ListFolders(ctx.layout, from);
  let unchanged = 0;
  let dropped = 0;
  try {
    for await (const { path: changed, file } of changes(ctx, overlay)) {
      if (isInSnapshot(changed)) {
        dropped += file === null ? 0 : 1;
        continue;
      }
      const found = lineFor({ ctx, catalog, overlay, mending, from }, changed, file);
      if (found === undefined) {
        unchanged += 1;
        continue;
      }
      const { line, lost } = found;
      tally.add(line, lost);
      if (line.new !== null && !isManagedName(changed)) unknown.add(changed);
      writer.add(line);
      folders.add(line);
    }
  } catch (error) {
    writer.abandon();
    throw error;
  }
  if (dropped > 0) {
    ctx.warn({ kind: 'snapshot_dropped', message: `The iPhone left ${dropped} files in Snapshot; they were dropped.` });
  }
  unknown.warn(ctx);
  await mending.finish(catalog);
  return {
    sha256: writer.finish().sha256,
    counts: tally.counts(ctx.now()),
    unchanged,
    mended: mending.folders,
    folders,
  };
}

/** Kept, since a later iOS may have a reason for them; told, since nobody has seen one yet. */
class UnknownNames {
  readonly #first: string[] = [];
  #count = 0;

  add(path: string): void {
    this.#count += 1;
    if (this.#first.length < NAMES_TOLD) this.#first.push(path);
  }

  warn(ctx: StoreContext): void {
    if (this.#count === 0) return;
    const more = this.#count > this.#first.length ? ` and ${this.#count - this.#first.length} more` : '';
    ctx.warn({
      kind: 'unknown_name',
      message: `The iPhone sent files that Apple's layout does not have: ${this.#first.join(', ')}${more}.`,
    });
  }
}

async function* changes(
  ctx: StoreContext,
  overlay: Overlay,
): AsyncGenerator<{ readonly path: string; readonly file: OverlayFile | null }, void> {
  for (let after = ''; ; ) {
    const page = overlay.index.changesAfter(after, PAGE);
    for (const change of page) yield change;
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) return;
    after = last.path;
    await ctx.pause();
  }
}

interface Pass {
  readonly ctx: StoreContext;
  readonly catalog: Catalog;
  readonly overlay: Overlay;
  readonly mending: Mending;
  readonly from: string | null;
}

/** Undefined: no change. `lost`: what the outgoing version had there is not there any more. */
function lineFor(
  { ctx, catalog, overlay, mending, from }: Pass,
  path: string,
  file: OverlayFile | null,
): { readonly line: ChangeLine; readonly lost: boolean } | undefined {
  // Before the first backup the catalog is empty: it need not be asked about each file.
  const old = (from === null ? undefined : catalog.file(path)) ?? unknownFile(ctx, path);
  const k = old === null ? 'absent' : 'stored';
  if (file === null) {
    if (old === null) return undefined;
    return { line: { p: path, k, at: from, src: null, old, new: null }, lost: !mending.isInPlace(path, old) };
  }
  if (file.blob === null && file.lower === path) return undefined;
  const equal = old !== null && path !== STATUS_PLIST && isEqual(ctx, path, old, file);
  // Without a checksum it was compared with what lies there.
  if (equal && old.sha256 === null) return undefined;
  const inPlace = old === null || mending.isInPlace(path, old);
  if (equal && inPlace) return undefined;
  const { number, identity } = received(ctx, overlay, file);
  if (equal) {
    mending.restore(path, ctx.layout.blob(number), identity);
    return undefined;
  }
  return { line: { p: path, k, at: from, src: blobName(number), old, new: identity }, lost: !inPlace };
}

/** A file in the folder that the store never put there and that has none of Apple's names: it goes out like any other. */
function unknownFile(ctx: StoreContext, path: string): FileIdentity | null {
  if (isManagedName(path)) return null;
  const place = ctx.layout.inFolder(path);
  const stat = ctx.fs.stat(place);
  return stat?.kind === 'file' ? identityOfStat(stat, sha256OfPath(ctx.fs, place) ?? null) : null;
}

function isEqual(ctx: StoreContext, path: string, old: FileIdentity, file: OverlayFile): boolean {
  if (old.size !== file.size || file.sha256 === null) return false;
  const sha256 = old.sha256 ?? sha256OfPath(ctx.fs, ctx.layout.inFolder(path));
  return sha256 === file.sha256;
}

/** Content of its own for a file that was moved or copied under another name: one file cannot lie in two places without links. */
function received(ctx: StoreContext, overlay: Overlay, file: OverlayFile): { number: number; identity: FileIdentity } {
  const { size, mtimeUs, sha256 } = file;
  if (file.blob !== null) return { number: file.blob, identity: { size, mtimeUs, sha256 } };
  const place = ctx.layout.inFolder(file.lower ?? '');
  if (!isSame(ctx.fs, place, ctx.fs.stat(place), file)) {
    throw new IbkError('in_use', 'Another program changed the backup folder during this backup.', {
      reason: 'foreign_change',
      details: { path: file.lower },
    });
  }
  return overlay.incoming.copyOf(place, sha256 ?? sha256OfPath(ctx.fs, place) ?? null);
}

/** What a removed folder of the lower layer held, path by path. */
async function expandRemovals(ctx: StoreContext, catalog: Catalog, overlay: Overlay): Promise<void> {
  for (const { path, entry } of overlay.index.hiding()) {
    if (entry.kind === 'gone' && catalog.file(path) !== undefined) overlay.index.addRemoval(path);
    for (let after = ''; ; ) {
      const paths = catalog.pathsAfter(`${path}/`, after, PAGE);
      for (const below of paths) overlay.index.addRemoval(below);
      const last = paths.at(-1);
      if (last === undefined) break;
      after = last;
      await ctx.pause();
    }
  }
}

/** A device that did not send Status.plist again: the one in place goes out and a copy comes in. */
function ensureStatus(ctx: StoreContext, overlay: Overlay): void {
  if (overlay.index.get(STATUS_PLIST) !== undefined) return;
  const place = ctx.layout.inFolder(STATUS_PLIST);
  if (ctx.fs.stat(place)?.kind !== 'file') return;
  const { number, identity } = overlay.incoming.copyOf(place, sha256OfPath(ctx.fs, place) ?? null);
  overlay.index.put(STATUS_PLIST, null, { kind: 'file', blob: number, lower: null, ...identity });
}

/**
 * What a version keeps of a path: the content in its slot, or, of a plain Manifest.db, packed beside it (pack-manifests.ts). Both may be there for a moment;
 * they are then the same.
 */
import type { FileIdentity } from '../disk/file-identity.js';
import { parentOf, type ReadableFile } from '../disk/file-system.js';
import type { StoreContext } from '../records/context.js';
import { MANIFEST_DB } from '../records/names.js';
import { isVersionId } from '../records/version-id.js';
import { openPacked, plainSizeOf } from './packed-manifest.js';

type Place = Pick<StoreContext, 'fs' | 'layout'>;

export function holdsContent({ fs, layout }: Place, id: string, path: string): boolean {
  if (fs.stat(layout.slot(id, path)) !== undefined) return true;
  return path === MANIFEST_DB && fs.stat(layout.packed(id)) !== undefined;
}

/** The slot first: whoever packs takes that away last. */
export function openKept(
  { fs, layout }: Place,
  id: string,
  path: string,
  identity: FileIdentity | null,
): ReadableFile | undefined {
  const file = fs.open(layout.slot(id, path));
  if (file !== undefined || path !== MANIFEST_DB || identity === null) return file;
  return openPacked(fs, layout.packed(id), identity);
}

/** A folder in its place is nobody's content: it stays, and stops nothing. @returns the folders in which names went */
export function dropKept({ fs, layout }: Place, id: string, path: string): string[] {
  const places = [layout.slot(id, path), ...(path === MANIFEST_DB ? [layout.packed(id)] : [])];
  for (const place of places) if (fs.stat(place)?.kind !== 'directory') fs.unlink(place);
  return places.map(parentOf);
}

/** What the content of `path`, recorded as `size` bytes, really takes. */
export function keptBytes({ fs, layout }: Place, id: string, path: string, size: number): number {
  if (path !== MANIFEST_DB || fs.stat(layout.slot(id, path)) !== undefined) return size;
  return fs.stat(layout.packed(id))?.sizeBytes ?? size;
}

/** Of versions, also of those that are kept for what others need of them. */
function foldersOf({ fs, layout }: Place): string[] {
  const entries = fs.list(layout.inOwn('versions')) ?? [];
  return entries.filter(({ name, kind }) => kind === 'directory' && isVersionId(name)).map(({ name }) => name);
}

/** By how much less is taken than was recorded: of one version's own folder, or of all. */
export function savedBytes(ctx: Place, id?: string): number {
  const { fs, layout } = ctx;
  const ids = id === undefined ? foldersOf(ctx) : [id];
  return ids.reduce((sum, each) => {
    const packed = fs.stat(layout.packed(each));
    if (packed === undefined || fs.stat(layout.slot(each, MANIFEST_DB)) !== undefined) return sum;
    return sum + Math.max(0, (plainSizeOf(fs, layout.packed(each)) ?? 0) - packed.sizeBytes);
  }, 0);
}

/**
 * The plain Manifest.db of an earlier version is most of what a backup that changed little adds. It is packed: written anew under a passing name, read back and
 * compared, given its name, and only then the one that it came from goes. No step needs to be undone, and whatever a crash left is done by the next commit.
 *
 * The version before the newest keeps its own as it is, so that forgetting the newest needs no room (promote.ts); and so does what nobody took a checksum of. With
 * `--durability none` nothing is packed: a power cut would cost an earlier version its manifest.
 */
import { IbkError } from '../../errors.js';
import { diskFailure } from '../disk/disk-errors.js';
import type { FileIdentity } from '../disk/file-identity.js';
import { needDirectories, parentOf, type ReadableFile } from '../disk/file-system.js';
import { storedPieces } from '../format/stored-bytes.js';
import type { Catalog } from '../records/catalog.js';
import type { StoreContext } from '../records/context.js';
import type { Head } from '../records/head-record.js';
import { sha256OfOpen } from '../records/identity.js';
import { MANIFEST_DB } from '../records/names.js';
import { isPackable, openPacked, packedMembers } from './packed-manifest.js';

/** To be called when all else is done: a disk that is full, or fails, leaves the manifests as they are. */
export async function packManifests(ctx: StoreContext, catalog: Catalog, head: Head): Promise<void> {
  if (ctx.durability === 'none') return;
  const newest = catalog.version(head.chain.at(-1)?.id ?? '')?.seq;
  const kept = catalog.kept(MANIFEST_DB);
  const plain = kept.find(({ seq }) => seq === newest)?.at;
  try {
    for (const { at, identity } of kept) {
      if (at === plain || identity.sha256 === null || identity.size < ctx.leastPackedBytes) continue;
      const file = ctx.fs.open(ctx.layout.slot(at, MANIFEST_DB));
      if (file === undefined) continue;
      try {
        if (!isPackable(file, identity.size)) continue;
        ctx.fence();
        await pack(ctx, at, file, identity);
      } finally {
        file.close();
      }
    }
  } catch (error) {
    if (diskFailure(error) === undefined && !(error instanceof IbkError)) throw error;
  }
}

async function pack(ctx: StoreContext, id: string, file: ReadableFile, identity: FileIdentity): Promise<void> {
  const { fs, layout } = ctx;
  const packed = layout.packed(id);
  if (fs.stat(packed) === undefined) {
    const members = packedMembers(file, identity.size);
    if (!(await write(ctx, id, packed, members, identity, (path) => openPacked(fs, path, identity)))) return;
  } else if (!(await isOf(ctx, openPacked(fs, packed, identity), identity))) {
    fs.unlink(packed);
    return;
  }
  await fs.syncDirectories([layout.version(id)]);
  fs.unlink(layout.slot(id, MANIFEST_DB));
}

/**
 * The Manifest.db of a version lies in its slot again. The packed one stays, until the version's list goes or the next commit takes this one for its source.
 * @throws IbkError `damaged`; system errors. Nothing was changed then.
 */
export async function unpackManifest(ctx: StoreContext, id: string, identity: FileIdentity): Promise<void> {
  const { fs, layout } = ctx;
  const slot = layout.slot(id, MANIFEST_DB);
  if (fs.stat(slot) !== undefined) return;
  const file = openPacked(fs, layout.packed(id), identity);
  if (file === undefined) return;
  try {
    await needDirectories(fs, [parentOf(slot)]);
    if (!(await write(ctx, id, slot, storedPieces(file), identity, (path) => fs.open(path))))
      throw new IbkError('damaged', 'The Manifest.db of the version before the newest is damaged.', {
        reason: 'manifest',
        meaning: 'Nothing was changed.',
        hint: 'Forget that one first.',
        details: { version: id },
      });
    await fs.syncDirectories([parentOf(slot), layout.version(id)]);
  } finally {
    file.close();
  }
}

/** Makes the file `to`. False, with nothing left: what was written does not read back as that database, or was not worth it. */
async function write(
  ctx: StoreContext,
  id: string,
  to: string,
  pieces: AsyncIterable<Buffer>,
  identity: FileIdentity,
  reopen: (path: string) => ReadableFile | undefined,
): Promise<boolean> {
  const { fs, layout, pause } = ctx;
  const path = layout.packing(id);
  fs.unlink(path);
  const file = fs.create(path);
  try {
    try {
      for await (const piece of pieces) {
        file.write([piece]);
        const turn = pause();
        if (turn !== undefined) await turn;
      }
      file.setModified(identity.mtimeUs);
      file.sync();
    } finally {
      file.close();
    }
    if (await isOf(ctx, reopen(path), identity)) {
      fs.rename(path, to);
      return true;
    }
  } catch (error) {
    fs.unlink(path);
    throw error;
  }
  fs.unlink(path);
  return false;
}

/** Closes it. */
async function isOf({ pause }: StoreContext, file: ReadableFile | undefined, identity: FileIdentity): Promise<boolean> {
  if (file === undefined) return false;
  try {
    return file.stat().sizeBytes === identity.size && (await sha256OfOpen(file, { pause })) === identity.sha256;
  } catch (error) {
    if (error instanceof IbkError) return false;
    throw error;
  } finally {
    file.close();
  }
}

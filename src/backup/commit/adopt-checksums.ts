/**
 * Checksums for the files of the current version that have none, since another program made them: from here on verify finds what changes.
 *
 * They stand in the catalog alone, which can be lost; then the files are without them again.
 */
import type { FileIdentity } from '../disk/file-identity.js';
import type { Catalog } from '../records/catalog.js';
import type { StoreContext } from '../records/context.js';
import { isExactly, sha256OfOpen } from '../records/identity.js';

const PAGE = 500;

export interface AdoptChecksumsOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onRead?: ((bytes: number) => void) | undefined;
}

/** @returns how many files have one now that had none. A file that changes meanwhile is left. @throws the signal's reason; what was read so far is kept */
export async function adoptChecksums(
  ctx: StoreContext,
  catalog: Catalog,
  { signal, onRead }: AdoptChecksumsOptions,
): Promise<number> {
  let adopted = 0;
  for (let after = ''; ; ) {
    const page = catalog.pathsAfter('', after, PAGE);
    const known: [string, FileIdentity][] = [];
    try {
      for (const path of page) {
        const identity = catalog.file(path);
        if (identity === undefined || identity.sha256 !== null) continue;
        const sha256 = await checksumOf(ctx, path, identity, signal);
        if (sha256 === undefined) continue;
        known.push([path, { ...identity, sha256 }]);
        onRead?.(identity.size);
      }
    } finally {
      catalog.setFiles(known);
    }
    adopted += known.length;
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) return adopted;
    after = last;
  }
}

async function checksumOf(
  { fs, layout, pause }: StoreContext,
  path: string,
  identity: FileIdentity,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  signal?.throwIfAborted();
  const file = fs.open(layout.inFolder(path));
  if (file === undefined) return undefined;
  try {
    if (!isExactly(file.stat(), identity)) return undefined;
    const sha256 = await sha256OfOpen(file, { pause, signal });
    return isExactly(file.stat(), identity) ? sha256 : undefined;
  } finally {
    file.close();
  }
}

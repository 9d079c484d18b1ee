/**
 * `S/shadow/`: a second home of what describes the backup in the folder. Where another program makes its own backup on top of ibk's last one, the files that it replaced
 * are lost to that version, but not the manifest and the keys of all others.
 *
 * Manifest.db has a clone or a second name, and nothing where the disk has neither: it costs no room. The property lists are copied. What lies here is believed
 * by its SHA-256 alone, so that a stale or half-made one does no harm; a program that writes into the file itself takes the second name along.
 */
import type { FileIdentity } from './change-list.js';
import type { StoreContext } from './context.js';
import { makeDirectories, removeTree } from './file-system.js';
import { sha256OfPath } from './identity.js';
import { isManifestFile, isMetadata, METADATA_NAMES } from './names.js';

const FOLDER = 'shadow';
/** Info.plist has the icons of all apps. */
const MOST_COPIED_BYTES = 64 * 1024 * 1024;

/** Makes it anew. Never fails: without it everything goes on as well. */
export function keepShadow(ctx: StoreContext): void {
  const { fs, layout } = ctx;
  try {
    removeTree(fs, layout.inOwn(FOLDER));
    const there = METADATA_NAMES.filter((name) => fs.stat(layout.inFolder(name))?.kind === 'file');
    if (there.length === 0) return;
    makeDirectories(fs, layout.inOwn(FOLDER));
    for (const name of there) {
      const [from, to] = [layout.inFolder(name), layout.inOwn(`${FOLDER}/${name}`)];
      if (isManifestFile(name)) fs.secondName(from, to);
      else if ((fs.stat(from)?.sizeBytes ?? 0) <= MOST_COPIED_BYTES) fs.copy(from, to);
    }
  } catch (error) {
    // A full disk, or one that is gone: what comes next finds that out.
    if (!(error instanceof Error && 'code' in error)) throw error;
  }
}

/** Where the content of a metadata file lies, durable; null where it does not. Relative to S. */
export function fromShadow({ fs, layout }: StoreContext, path: string, was: FileIdentity): string | null {
  if (!isMetadata(path) || was.sha256 === null) return null;
  const name = `${FOLDER}/${path}`;
  const place = layout.inOwn(name);
  const stat = fs.stat(place);
  if (stat?.kind !== 'file' || stat.sizeBytes !== was.size) return null;
  if (sha256OfPath(fs, place) !== was.sha256) return null;
  fs.syncFile(place);
  return name;
}

export function isShadowName(text: string): boolean {
  return text.startsWith(`${FOLDER}/`) && isMetadata(text.slice(FOLDER.length + 1));
}

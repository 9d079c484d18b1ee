/**
 * `S/shadow/`: a second home of what describes the backup in the folder. Where another program makes its own backup on top of ibk's last one, the files that it replaced
 * are lost to that version, but not the manifest and the keys of all others.
 *
 * Manifest.db has a clone or a second name, and nothing where the disk has neither: it costs no room. The property lists are copied. What lies here is believed
 * by its SHA-256 alone, so that a stale or half-made one does no harm; a program that writes into the file itself takes the second name along.
 */
import type { FileIdentity } from '../disk/file-identity.js';
import { makeDirectories, readWhole, removeTree } from '../disk/file-system.js';
import type { StoreContext } from './context.js';
import { sha256OfPath } from './identity.js';
import { isManifestFile, isMetadata, METADATA_NAMES, STATUS_PLIST } from './names.js';

const FOLDER = 'shadow';
/** Info.plist has the icons of all apps. */
const MOST_COPIED_BYTES = 64 * 1024 * 1024;
const MOST_STATUS_BYTES = 1024 * 1024;

/** Before the head that takes a new state for settled: what described the one before is of no use then, and a full disk has that much more room. */
export function dropShadow(ctx: StoreContext): void {
  whereItCan(() => removeTree(ctx.fs, ctx.layout.inOwn(FOLDER)));
}

/** After that head, and at each start: what is missing or half-made is made. Where nothing is, it costs a few stats. */
export function keepShadow(ctx: StoreContext): void {
  const { fs, layout } = ctx;
  whereItCan(() => {
    if (!isOfThisBackup(ctx)) removeTree(fs, layout.inOwn(FOLDER));
    for (const name of METADATA_NAMES) {
      const [from, to] = [layout.inFolder(name), layout.inOwn(`${FOLDER}/${name}`)];
      const [there, kept] = [fs.stat(from), fs.stat(to)];
      if (there?.kind !== 'file' || kept?.sizeBytes === there.sizeBytes) continue;
      if (!isManifestFile(name) && there.sizeBytes > MOST_COPIED_BYTES) continue;
      makeDirectories(fs, layout.inOwn(FOLDER));
      fs.unlink(to);
      if (isManifestFile(name)) fs.secondName(from, to);
      else fs.copy(from, to);
    }
  });
}

/** No two backups have the same Status.plist, which comes last. */
function isOfThisBackup({ fs, layout }: StoreContext): boolean {
  const there = readWhole(fs, layout.inFolder(STATUS_PLIST), MOST_STATUS_BYTES);
  const kept = readWhole(fs, layout.inOwn(`${FOLDER}/${STATUS_PLIST}`), MOST_STATUS_BYTES);
  return there === undefined ? kept === undefined : kept?.equals(there) === true;
}

/** Without a shadow everything goes on as well. A full disk, or one that is gone: what comes next finds that out. */
function whereItCan(work: () => void): void {
  try {
    work();
  } catch (error) {
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

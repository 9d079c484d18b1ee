/**
 * Is what lies in the folder still the backup that the store knows, where files that describe it have another time or content since ibk left it?
 *
 * A run of another program brings a Status.plist, a Manifest.plist and a manifest of its own, and writes Info.plist anew when it begins. So: where one of
 * the three is as it was received, and Info.plist is no newer, nobody made a backup there. What differs then is damage, not another backup.
 */
import { field } from '../../plist/fields.js';
import { folderSource } from '../reader/backup-source.js';
import { BackupPlists } from '../reader/plists.js';
import type { StoreContext } from '../records/context.js';
import { sha256OfPath } from '../records/identity.js';
import { DESCRIBING_NAMES } from '../records/names.js';
import type { VersionReader } from '../versions/resolve.js';

/** @param folder absolute path. @returns the id of that version; undefined: another program made a backup, or nobody can tell */
export function versionInFolder(ctx: StoreContext, reader: VersionReader, folder: string): string | undefined {
  const head = reader.head();
  if (head === undefined || head.op !== null || head.current === null) return undefined;
  if (!DESCRIBING_NAMES.some((name) => isAsReceived(ctx, reader, name))) return undefined;
  const isRewritten = !isAsReceived(ctx, reader, 'Info.plist') && isInfoNewer(folder, head.current.date);
  return isRewritten ? undefined : head.current.id;
}

function isAsReceived({ fs, layout }: StoreContext, reader: VersionReader, name: string): boolean {
  const { size, sha256 } = reader.expectedInFolder(name) ?? { sha256: null };
  const path = layout.inFolder(name);
  return sha256 !== null && fs.stat(path)?.sizeBytes === size && sha256OfPath(fs, path) === sha256;
}

/** By the date that every program writes into it when it begins. */
function isInfoNewer(folder: string, date: number): boolean {
  const { info } = new BackupPlists(folderSource(folder));
  const begun = info === undefined ? undefined : field(info, 'Last Backup Date');
  return begun instanceof Date && begun.getTime() > date;
}

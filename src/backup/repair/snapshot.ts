/**
 * `Snapshot/`: what a run received and had not put in place yet. Its Status.plist is of the beginning of the run and never moves up.
 *
 * The device orders the files up one by one, what describes the backup last; a run that was stopped in the middle of that can be completed.
 */
import type { StoreFileSystem } from '../disk/file-system.js';
import type { BackupSource } from '../reader/backup-source.js';
import {
  comparePaths,
  isHashFolder,
  isManagedName,
  isMetadata,
  LEFTOVER_FOLDER,
  STATUS_PLIST,
} from '../records/names.js';

type Looking = Pick<StoreFileSystem, 'list' | 'stat' | 'open'>;

/** Files that belong to a backup, in order of their paths; `links` has what lies in the place of such a file and is none. */
export function filesOfBackup(fs: Looking, folder: string): { readonly files: string[]; readonly links: string[] } {
  const [files, links]: [string[], string[]] = [[], []];
  for (const { name, kind } of fs.list(folder) ?? []) {
    if (kind === 'directory' && isHashFolder(name)) {
      for (const inner of fs.list(`${folder}/${name}`) ?? []) note(`${name}/${inner.name}`, inner.kind);
    } else note(name, kind);
  }
  return { files: files.sort(comparePaths), links: links.sort(comparePaths) };

  function note(path: string, kind: string): void {
    const isExpected = isManagedName(path) || isHashFolder(path) || path === LEFTOVER_FOLDER;
    if (kind === 'other' && isExpected) links.push(path);
    if (kind === 'file' && isManagedName(path)) files.push(path);
  }
}

/** Paths below Snapshot, in the order in which they move up: payloads, then what describes the backup. */
export function filesToMoveUp(fs: Looking, folder: string): string[] {
  const { files } = filesOfBackup(fs, `${folder}/${LEFTOVER_FOLDER}`);
  const moving = files.filter((path) => path !== STATUS_PLIST);
  return [...moving.filter((path) => !isMetadata(path)), ...moving.filter(isMetadata)];
}

/** The folder as it would be with the move completed. */
export function completedSource(fs: Looking, folder: string, below: BackupSource): BackupSource {
  const moving = new Set(filesToMoveUp(fs, folder));
  const place = (path: string) => (moving.has(path) ? `${folder}/${LEFTOVER_FOLDER}/${path}` : `${folder}/${path}`);
  return {
    ...below,
    open: (path) => fs.open(place(path)),
    async *files({ signal }) {
      const paths = new Set([...filesOfBackup(fs, folder).files, ...moving]);
      for (const path of [...paths].sort(comparePaths)) {
        signal?.throwIfAborted();
        const sizeBytes = fs.stat(place(path))?.sizeBytes ?? 0;
        yield { path, fault: undefined, sizeBytes, compared: false, withoutChecksum: true };
      }
    },
  };
}

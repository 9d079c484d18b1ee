/** `ibk copy`: a backup, whole, in another place: a folder in Apple's layout, or an archive of one. The backup itself is only read. */
import type { BackupSource } from '../backup/reader/backup-source.js';
import { type CopiedBackup, copyBackup, type CopyBackupOptions } from '../backup/copy-backup.js';
import { diskFailure, onDisk } from '../backup/disk/disk-errors.js';
import type { ReadableFile } from '../backup/disk/file-system.js';
import { isMetadata } from '../backup/records/names.js';
import { fill, storedPieces } from '../backup/format/stored-bytes.js';
import type { EntryContent, OutputTarget } from '../output/output-target.js';
import type { ChosenBackup } from './choose-backups.js';
import type { Destination } from './extract/destination.js';
import { openTarget, type OpenTargetOptions, requireSpace } from './extract/open-target.js';
import { inNewFolder } from './new-folder.js';
import { withSource } from './open-backup.js';

export interface CopyOptions extends CopyBackupOptions {
  readonly root: string;
  readonly dryRun: boolean;
}

/**
 * A folder that is not there yet, or empty, becomes the backup.
 * @returns undefined for a rehearsal. What was begun is taken away; only a kill leaves `<to>.partial`
 * @throws IbkError `usage`, `destination`; the signal's reason
 */
export function copyToFolder(
  chosen: ChosenBackup,
  to: string,
  options: CopyOptions,
): Promise<CopiedBackup | undefined> {
  const { backup, version } = chosen;
  const { root, dryRun } = options;
  const making = { to, backup: backup.path, command: 'ibk copy', bytes: version.bytes, dryRun };
  return withSource(chosen, root, (source) =>
    onDisk(() => inNewFolder(making, (partial) => copyBackup(source, partial, options))),
  );
}

/**
 * An archive that holds one folder, named by the device's UDID, as every program that restores expects it. It gets its name when it is whole.
 * @throws IbkError `destination`; the signal's reason
 */
export async function copyToArchive(
  chosen: ChosenBackup,
  destination: Destination,
  options: CopyOptions & Omit<OpenTargetOptions, 'overwrite'>,
): Promise<CopiedBackup | undefined> {
  const { backup, version } = chosen;
  if (version.bytes !== null) await requireSpace(destination, version.bytes);
  if (options.dryRun) return undefined;
  return withSource(chosen, options.root, async (source) => {
    const { target } = await openTarget(destination, { ...options, overwrite: undefined });
    try {
      const copied = await fillArchive(source, target, backup.udid, options);
      await target.finish();
      return copied;
    } catch (error) {
      await target.abandon();
      throw error;
    }
  });
}

async function fillArchive(
  source: BackupSource,
  target: OutputTarget,
  top: string,
  { signal, onFile, onFailure }: CopyBackupOptions,
): Promise<CopiedBackup> {
  const sum = { files: 0, bytes: 0, failed: 0 };
  const folders = new Set<string>();
  for await (const { path } of source.files({ signal })) {
    const parts = [top, ...path.split('/').slice(0, -1)];
    for (let depth = 1; depth <= parts.length; depth++) {
      const folder = parts.slice(0, depth).join('/');
      if (folders.has(folder)) continue;
      folders.add(folder);
      await target.folder({ path: folder, mode: 0o700, mtime: null, btime: null });
    }
    const file = opened(source, path);
    if (typeof file === 'string') {
      sum.failed += 1;
      onFailure?.({ path, reason: file });
      continue;
    }
    try {
      const { sizeBytes, mtimeUs } = file.stat();
      const facts = { path: `${top}/${path}`, mode: 0o600, mtime: Math.floor(mtimeUs / 1e6), btime: null };
      await target.file(facts, contentOf(file), signal);
      if (!isMetadata(path)) sum.files += 1;
      sum.bytes += sizeBytes;
      onFile?.(sizeBytes);
    } finally {
      file.close();
    }
  }
  return sum;
}

function opened(source: BackupSource, path: string): ReadableFile | 'missing' | 'lost' | 'irregular' | 'unreadable' {
  try {
    const file = source.open(path);
    if (file !== undefined) return file;
    const why = source.whyNot(path);
    return why === 'absent' ? 'missing' : why;
  } catch (error) {
    if (diskFailure(error) === undefined) throw error;
    return 'unreadable';
  }
}

/** The bytes as they are stored. */
function contentOf(file: ReadableFile): EntryContent {
  const { sizeBytes } = file.stat();
  return {
    storedBytes: sizeBytes,
    plainBytes: () => sizeBytes,
    readWhole: () => {
      const bytes = Buffer.alloc(sizeBytes);
      return bytes.subarray(0, fill(file, bytes, 0));
    },
    pieces: (signal) => storedPieces(file, signal),
  };
}

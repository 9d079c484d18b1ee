/** `ibk prune`: takes away what no version needs, and never a version. */
import { onDisk } from '../../backup/disk/disk-errors.js';
import { BackupStore } from '../../backup/store.js';
import { abandonedFolders, clearUnpacked } from '../../backup/lock/unpacked.js';
import type { ListedBackup } from '../results.js';

export interface PruneResult {
  /** Things that were left, of whatever size. */
  readonly files: number;
  readonly bytes: number;
  /** What ibk did not put there: it stays but for `unknown`. By its place under the root. */
  readonly unknown: readonly string[];
}

export interface PruneOptions {
  readonly root: string;
  /** Only counted. */
  readonly dryRun: boolean;
  readonly removeUnknown: boolean;
  readonly signal?: AbortSignal | undefined;
  readonly beforeChange?: ((what: string) => void) | undefined;
}

/** @throws IbkError `in_use`, `damaged`, `destination` */
export async function prune(backups: readonly ListedBackup[], options: PruneOptions): Promise<PruneResult> {
  const { root, dryRun, removeUnknown, signal, beforeChange } = options;
  const unpacked = await abandonedFolders(root);
  if (!dryRun) await clearUnpacked(root);
  let { count: files, bytes } = unpacked;
  const unknown: string[] = [];
  for (const { udid } of backups) {
    signal?.throwIfAborted();
    await onDisk(async () => {
      const store = new BackupStore(root, udid, { beforeChange });
      const left = await store.interruptedRuns();
      using lease = await store.lease({ command: 'prune', signal, keepUnpacked: dryRun });
      const found = await lease.prune({ act: !dryRun, unknown: removeUnknown });
      files += left.count + found.count;
      bytes += left.bytes + found.bytes;
      if (!removeUnknown) unknown.push(...found.unknown.map((name) => `.ibk/${udid}/${name}`));
    });
  }
  return { files, bytes, unknown };
}

/** `ibk copy --to` another root: the versions of a device that are not there yet, each as what it is here. */
import { versionSource } from '../backup/reader/backup-source.js';
import type { StoredVersion } from '../backup/versions/history.js';
import { BackupStore, type StoreOptions } from '../backup/store.js';
import { IbkError } from '../errors.js';
import type { Clock } from '../io/clock.js';
import type { ListedBackup } from './results.js';

export interface CopyHistoryOptions extends Pick<StoreOptions, 'beforeChange'> {
  readonly root: string;
  /** The other root. */
  readonly to: string;
  readonly dryRun: boolean;
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
  readonly onFile?: ((bytes: number, kept: boolean) => void) | undefined;
}

export interface CopiedHistory {
  /** Ids of the versions that came, or would come, the oldest first. */
  readonly versions: readonly string[];
  /** Those that cannot be copied whole: another program overwrote files of them, or they never were complete. */
  readonly left: readonly string[];
}

/**
 * The oldest first, each by a commit of what differs; a run that is killed has copied those before it. Where both have versions in common, only newer ones come:
 * what was forgotten there stays forgotten. Edited copies stay here.
 * @throws IbkError `usage`: the same root; `not_found`: no version; as `lease`
 */
export async function copyHistory(backup: ListedBackup, options: CopyHistoryOptions): Promise<CopiedHistory> {
  const { root, to, clock, dryRun, signal, onFile, beforeChange } = options;
  const from = new BackupStore(root, backup.udid);
  const made = [...from.versions()].reverse().filter(({ base }) => base === null);
  if (made.length === 0)
    throw new IbkError('not_found', 'There is no version of it to be copied with its history.', {
      hint: 'As a folder: ibk copy --to DIR',
    });
  const target = new BackupStore(to, backup.udid, { clock, beforeChange });
  if (dryRun) return planned(made, target);
  return from.reading(async (ctx, reader) => {
    using lease = await target.lease({ command: 'ibk copy', signal });
    const plan = planned(made, target);
    for (const version of made.filter(({ id }) => plan.versions.includes(id))) {
      const { id, date, origin, pinned, tags, note, tookMs, facts } = version;
      const told = {
        date,
        ios: facts.ios,
        encrypted: facts.encrypted,
        record: { id, origin, pinned, tags, note, tookMs },
      };
      await lease.takeIn(versionSource(ctx, reader, id), told, { signal, onFile });
    }
    return plan;
  });
}

function planned(made: readonly StoredVersion[], target: BackupStore): CopiedHistory {
  const there = new Set(target.versions().map(({ id }) => id));
  const newer = made.slice(made.findLastIndex(({ id }) => there.has(id)) + 1);
  const isWhole = ({ complete, lost, unreadable, damaged }: StoredVersion): boolean =>
    complete && lost === null && !unreadable && damaged === 0;
  return {
    versions: newer.filter(isWhole).map(({ id }) => id),
    left: newer.filter((version) => !isWhole(version)).map(({ id }) => id),
  };
}

/** `backup --keep-daily 7`: forgets with the lease of the backup that has just been made, which itself always stays. */
import type { StoreLease } from '../../backup/lease.js';
import { versionsInUse } from '../../backup/lock/reading-marks.js';
import type { BackupStore } from '../../backup/store.js';
import { decide } from './decide.js';
import type { RetentionPolicy } from './policy.js';

export interface Forgotten {
  readonly versions: readonly string[];
  readonly freedBytes: number;
}

/** What is being restored from stays for the next time. @throws IbkError as `StoreLease.forget` */
export async function forgetAfterBackup(
  { root, udid }: { readonly root: string; readonly udid: string },
  store: BackupStore,
  lease: StoreLease,
  policy: RetentionPolicy,
): Promise<Forgotten> {
  const read = versionsInUse(root, udid);
  const candidates = store
    .versions()
    .map((version) => ({ ...version, madeAt: new Date(version.date), latest: version.current }))
    .sort((a, b) => Number(b.current) - Number(a.current) || b.date - a.date);
  const going = decide(candidates, policy).flatMap(({ action, version: { id } }) =>
    action === 'forget' && !read.has(id) ? [id] : [],
  );
  if (going.length === 0) return { versions: [], freedBytes: 0 };
  const freedBytes = (await store.space()).freedBy(going);
  // Oldest first, as they are stored.
  for (const { id } of [...store.versions()].reverse()) if (going.includes(id)) await lease.forget(id);
  return { versions: going, freedBytes };
}

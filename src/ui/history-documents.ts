/** The JSON documents of forget, tag, prune and stats. */
import { formatUtc } from '../figures.js';
import type { ForgetPlan } from '../operations/retention/forget.js';
import type { PruneResult } from '../operations/retention/prune.js';
import type { DeviceStats } from '../operations/retention/stats.js';
import type { TaggedVersion } from '../operations/retention/tag.js';
import { reasonSlug } from './forget-screen.js';
import type { Json } from './ndjson.js';

export function forgetDocument(
  done: readonly { readonly plan: ForgetPlan; readonly forgotten: boolean }[],
  dryRun: boolean,
): Json {
  const counted = done.filter(({ forgotten }) => forgotten || dryRun);
  return {
    v: 1,
    type: 'forget',
    dry_run: dryRun,
    freed_bytes: counted.reduce((sum, { plan }) => sum + plan.freedBytes, 0),
    decisions: done.flatMap(({ plan, forgotten }) =>
      plan.decisions.map(({ version, action, reasons }) => ({
        udid: plan.backup.udid,
        version: version.version,
        made_at: version.madeAt === null ? null : formatUtc(version.madeAt),
        action,
        done: action === 'forget' && forgotten,
        reasons: reasons.map(reasonSlug),
      })),
    ),
  };
}

export function tagDocument({ udid, name, version, pinned, tags, note }: TaggedVersion): Json {
  return { v: 1, type: 'tag', udid, name, version, pinned, tags, note };
}

export function pruneDocument({ files, bytes, unknown }: PruneResult, dryRun: boolean): Json {
  return { v: 1, type: 'prune', dry_run: dryRun, removed: files, freed_bytes: bytes, unknown };
}

export function statsDocument(devices: readonly DeviceStats[]): Json {
  return {
    v: 1,
    type: 'stats',
    devices: devices.map((device) => ({
      udid: device.udid,
      name: device.name,
      newest_bytes: device.newestBytes,
      history_bytes: device.historyBytes,
      manifests_bytes: device.manifestBytes,
      total_bytes: device.totalBytes,
      versions: device.versions,
      full_copies_bytes: device.fullCopiesBytes,
    })),
  };
}

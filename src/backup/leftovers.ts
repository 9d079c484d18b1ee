/**
 * What an interrupted run of another tool leaves in a backup folder, and that makes the next one fail: a `Snapshot/` (libimobiledevice #1544), property lists
 * of no bytes (#1582), a state other than finished. The device does not get to see it; a commit then sets it aside.
 */
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import type { DevicePath } from './device-path.js';
import type { IncomingBackup } from './incoming.js';
import type { BackupLayout } from './layout.js';
import { parseManifestPlist } from './manifest-plist.js';
import { type BackupStatus, parseStatusPlist, SMALL_PLIST_LIMIT } from './status-plist.js';

export interface EarlierBackup {
  /** None: there is no backup folder, or nothing in it that could be one. */
  readonly state: 'none' | 'finished' | 'unfinished';
  readonly status: BackupStatus | undefined;
  readonly encrypted: boolean | undefined;
  /** Names in `<UDID>/` that are hidden from the device and set aside by the next commit. */
  readonly leftovers: readonly string[];
}

const path = (name: string) => name as DevicePath;

/** Looks at the earlier backup, and hides from the device what would make it fail. */
export async function hideLeftovers(layout: BackupLayout, incoming: IncomingBackup): Promise<EarlierBackup> {
  const leftovers: string[] = [];
  if ((await incoming.lower.entry(path('Snapshot'))) !== undefined) leftovers.push('Snapshot');
  // Also where there is none: what the phone puts into Snapshot/ never falls through to the disk.
  incoming.remove(path('Snapshot'));
  const status = await readable(incoming, 'Status.plist', parseStatusPlist);
  const manifest = await readable(incoming, 'Manifest.plist', parseManifestPlist);
  const list = (await isFilled(layout, 'Manifest.db')) || (await isFilled(layout, 'Manifest.mbdb'));
  const usable = status?.finished === true && manifest !== undefined && list;
  const present: string[] = [];
  for (const name of ['Status.plist', 'Manifest.plist', 'Manifest.db', 'Manifest.mbdb']) {
    if ((await incoming.lower.entry(path(name))) !== undefined) present.push(name);
  }
  if (!usable) {
    for (const name of present) incoming.remove(path(name));
    leftovers.push(...present);
  }
  const state = usable ? 'finished' : leftovers.length > 0 ? 'unfinished' : 'none';
  return { state, status: usable ? status : undefined, encrypted: usable ? manifest?.encrypted : undefined, leftovers };
}

async function readable<T>(
  incoming: IncomingBackup,
  name: string,
  parse: (bytes: Buffer) => T,
): Promise<T | undefined> {
  try {
    return parse(await incoming.readWhole(path(name), SMALL_PLIST_LIMIT * 64));
  } catch {
    return undefined;
  }
}

async function isFilled(layout: BackupLayout, name: string): Promise<boolean> {
  const stat = await lstat(join(layout.folder, name)).catch(() => undefined);
  return stat?.isFile() === true && stat.size > 0;
}

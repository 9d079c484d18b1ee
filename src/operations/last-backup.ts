/** What lies under a root for a device, read quickly and without trust: enough to say when it was last backed up, and its name. */
import { join } from 'node:path';
import { readSmallFile } from '../io/small-files.js';
import { parsePlist } from '../plist/codec.js';
import { field, optionalString } from '../plist/fields.js';
import { isPlistDict, type PlistDict } from '../plist/value.js';
import type { LastBackup } from './results.js';

/** Info.plist holds an icon of every app. */
const MOST_BYTES = 64 * 1024 * 1024;

/** `complete` only when Status.plist says so and a manifest is there. Never throws: what cannot be read is not a complete backup. */
export async function readLastBackup(root: string, udid: string): Promise<LastBackup> {
  const folder = join(root, udid);
  const [status, manifest] = await Promise.all([
    readDict(join(folder, 'Status.plist')),
    readDict(join(folder, 'Manifest.plist')),
  ]);
  const date = status === undefined ? undefined : field(status, 'Date');
  const madeAt = date instanceof Date && !Number.isNaN(date.getTime()) ? date : undefined;
  const finished = status !== undefined && optionalString(status, 'SnapshotState') === 'finished';
  if (finished && manifest !== undefined && madeAt !== undefined) return { kind: 'complete', madeAt };
  const info = await readDict(join(folder, 'Info.plist'));
  if (status === undefined && manifest === undefined && info === undefined) return { kind: 'none' };
  return { kind: 'incomplete', madeAt: madeAt ?? null };
}

export interface RememberedDevice {
  readonly name: string | undefined;
  readonly productType: string | undefined;
  readonly ios: string | undefined;
}

/** What the last backup's Info.plist says about the device. Never throws. */
export async function readRememberedDevice(root: string, udid: string): Promise<RememberedDevice> {
  const info = await readDict(join(root, udid, 'Info.plist'));
  const text = (key: string) => (info === undefined ? undefined : optionalString(info, key)) || undefined;
  return { name: text('Device Name'), productType: text('Product Type'), ios: text('Product Version') };
}

async function readDict(path: string): Promise<PlistDict | undefined> {
  const bytes = await readSmallFile(path, MOST_BYTES);
  if (bytes === undefined) return undefined;
  try {
    const value = parsePlist(bytes, path);
    return isPlistDict(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

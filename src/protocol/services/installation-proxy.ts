/**
 * installation_proxy: the apps that the user installed. `Browse` is answered in pieces: `Status` BrowsingApplications with `CurrentList`,
 * at last `Complete`; `Error` on failure.
 */
import { IbkError } from '../../errors.js';
import { asArray, asDict, field, optionalString } from '../../plist/fields.js';
import { type PlistValue, plistDict } from '../../plist/value.js';
import type { ProtocolContext } from '../context.js';
import type { OpenedDevice, StartServiceOptions } from '../lockdown/device.js';
import { PlistChannel } from '../plist-channel.js';
import { SERVICE } from './names.js';

export interface InstalledApp {
  readonly bundleId: string;
  /** `ApplicationSINF` and `iTunesMetadata`, for Info.plist; absent for apps that were not bought in the store. */
  readonly sinf: Buffer | undefined;
  readonly metadata: Buffer | undefined;
}

/** A phone holds hundreds; both limits are far beyond any. */
const MOST_APPS = 20_000;
const MOST_PIECES = 20_000;
const MOST_ID_LENGTH = 1000;
/** A SINF has a few KiB, metadata some tens. What is larger, and what comes after so many in all, is left out: it is kept in memory. */
const MOST_PART_BYTES = 1024 * 1024;
const MOST_BYTES = 16 * 1024 * 1024;

/** @throws IbkError `device_error` for an error of the service; as `OpenedDevice.startService` */
export async function listUserApps(
  device: OpenedDevice,
  ctx: ProtocolContext,
  options: StartServiceOptions = {},
): Promise<InstalledApp[]> {
  const connection = await device.startService(SERVICE.installationProxy, options);
  const channel = new PlistChannel(connection, ctx, 'installation_proxy', SERVICE.installationProxy);
  try {
    return await browse(channel, options.signal);
  } finally {
    channel.close();
  }
}

async function browse(channel: PlistChannel, signal: AbortSignal | undefined): Promise<InstalledApp[]> {
  const ClientOptions = plistDict({
    ApplicationType: 'User',
    ReturnAttributes: ['CFBundleIdentifier', 'ApplicationSINF', 'iTunesMetadata'],
  });
  await channel.send('Browse', plistDict({ Command: 'Browse', ClientOptions }), { signal });
  const apps: InstalledApp[] = [];
  let left = MOST_BYTES;
  const data = (value: PlistValue | undefined): Buffer | undefined => {
    if (!Buffer.isBuffer(value) || value.length > Math.min(left, MOST_PART_BYTES)) return undefined;
    left -= value.length;
    // A copy: the view would keep the whole answer.
    return Buffer.from(value);
  };
  for (let piece = 0; piece < MOST_PIECES && apps.length <= MOST_APPS; piece++) {
    const answer = await channel.receive({ signal });
    if (field(answer, 'Error') !== undefined)
      throw new IbkError('device_error', 'The device could not list its apps.', { reason: 'installation_proxy' });
    const list = field(answer, 'CurrentList');
    for (const entry of list === undefined ? [] : asArray(list, 'CurrentList')) {
      const app = asDict(entry, 'CurrentList entry');
      const bundleId = optionalString(app, 'CFBundleIdentifier');
      if (bundleId === undefined || bundleId.length > MOST_ID_LENGTH) continue;
      apps.push({ bundleId, sinf: data(field(app, 'ApplicationSINF')), metadata: data(field(app, 'iTunesMetadata')) });
    }
    if (optionalString(answer, 'Status') === 'Complete') return apps;
  }
  throw new IbkError('device_error', 'The device listed apps without end.', { reason: 'protocol' });
}

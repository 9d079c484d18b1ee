/** `ibk devices`: who is there, and in what state; and who comes and goes. */
import type { Link } from '../events.js';
import { inParallel } from '../io/in-parallel.js';
import { modelName } from '../models.js';
import type { OperationContext } from './context.js';
import { meetDevice } from './device-state.js';
import { readLastBackup } from './last-backup.js';
import type { ListedDevice } from './results.js';
import { type LinkChoice, type PresentDevice, presentDevices, selectDevices } from './select-device.js';

export interface ListDevicesOptions {
  /** The backup root, for the names of devices that tell none and for the age of the last backup. */
  readonly root: string;
  /** Default `any`. */
  readonly link?: LinkChoice | undefined;
}

/**
 * All connected devices, in the muxer's order. An unreachable or locked device is listed as such. With `ctx.timeouts.waitMs` it waits for
 * the first device.
 * @throws IbkError `usbmuxd`; `no_device` only after waiting
 */
export async function listDevices(ctx: OperationContext, options: ListDevicesOptions): Promise<ListedDevice[]> {
  const link = options.link ?? 'any';
  const waits = ctx.timeouts.waitMs > 0;
  const found = waits ? await selectDevices(ctx, { udids: ['all'], link }) : await presentDevices(ctx, link);
  return inParallel(found, (device) => listOne(ctx, device, options.root));
}

async function listOne(ctx: OperationContext, device: PresentDevice, root: string): Promise<ListedDevice> {
  const [met, lastBackup] = await Promise.all([meetDevice(ctx, device, root), readLastBackup(root, device.udid)]);
  return {
    udid: device.udid,
    name: met.name,
    model: met.productType === undefined ? null : modelName(met.productType),
    productType: met.productType ?? null,
    ios: met.ios ?? null,
    links: device.links,
    state: met.state,
    trusted: met.trusted,
    lastBackup,
  };
}

/** One change that `ibk devices --watch` shows. */
export interface DeviceChange {
  readonly change: 'attached' | 'detached';
  /** The link that came or went. */
  readonly link: Link;
  /** As it was found when it was attached. */
  readonly device: ListedDevice;
}

/**
 * Devices as they come and go, those already there first, until the signal aborts.
 * @throws IbkError `usbmuxd` when the muxer ends; the signal's reason
 */
export async function* watchDevices(
  ctx: OperationContext,
  options: ListDevicesOptions,
): AsyncGenerator<DeviceChange, void> {
  const known = new Map<number, DeviceChange>();
  for await (const event of ctx.muxer.listen({ signal: ctx.signal })) {
    if (event.kind === 'attached') {
      const { device: entry } = event;
      if (options.link !== undefined && options.link !== 'any' && options.link !== entry.link) continue;
      const device = await listOne(ctx, { udid: entry.udid, links: [entry.link], entry }, options.root);
      const change: DeviceChange = { change: 'attached', link: entry.link, device };
      known.set(entry.deviceId, change);
      yield change;
    } else if (event.kind === 'detached') {
      const before = known.get(event.deviceId);
      known.delete(event.deviceId);
      if (before !== undefined) yield { ...before, change: 'detached' };
    }
  }
}

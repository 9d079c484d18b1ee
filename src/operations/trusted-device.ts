/**
 * From an entry of the muxer to an open, trusted device: pairs first where there is no trust yet, and again where the device has forgotten this computer.
 */
import type { IbkError } from '../errors.js';
import { type OpenedDevice, openDevice } from '../protocol/lockdown/device.js';
import { isLockdownError } from '../protocol/lockdown/errors.js';
import { pair } from '../protocol/lockdown/trust.js';
import type { MuxDevice } from '../protocol/usbmux/messages.js';
import { type PairRecord, readPairRecord } from '../protocol/usbmux/pair-record.js';
import { UsbmuxTransport } from '../protocol/usbmux/transport.js';
import type { OperationContext } from './context.js';

/**
 * @param gone aborts when the device is detached
 * @throws IbkError `not_paired`, `device_locked`, `connection_lost`, `timeout` …
 */
export async function openTrustedDevice(
  ctx: OperationContext,
  device: MuxDevice,
  gone: AbortSignal,
): Promise<OpenedDevice> {
  const transport = new UsbmuxTransport(ctx.muxer, device, gone);
  const target = { muxer: ctx.muxer, transport, deviceId: device.deviceId };
  const found = await recordOf(ctx, device);
  if (found === undefined) return openDevice(ctx, transport, await pair(ctx, target));
  try {
    return await openDevice(ctx, transport, found);
  } catch (error) {
    if (!forgotten(error) || device.link === 'network') throw error;
    return openDevice(ctx, transport, await pair(ctx, target));
  }
}

/** A damaged record is as good as none: pairing makes a new one. */
async function recordOf(ctx: OperationContext, device: MuxDevice): Promise<PairRecord | undefined> {
  try {
    return await readPairRecord({ muxer: ctx.muxer }, device.udid, { signal: ctx.signal });
  } catch (error) {
    if (isDamagedRecord(error)) return undefined;
    throw error;
  }
}

function isDamagedRecord(error: unknown): boolean {
  return error instanceof Error && (error as Partial<IbkError>).reason === 'invalid_pair_record';
}

/** Its trust settings were reset, or it was restored: it asks for Trust again. */
function forgotten(error: unknown): boolean {
  return isLockdownError(error, 'InvalidHostID') || isLockdownError(error, 'InvalidPairRecord');
}

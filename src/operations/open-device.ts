/**
 * From a selected device to an open session, pairing where that is wanted.
 *
 *   await using held = await openSelected(ctx, selected, { pair: 'if_unknown' });
 *   held.device    OpenedDevice (protocol/lockdown/device.ts)
 *   held.gone      aborts with `connection_lost`, reason `detached`, when the cable comes out; all connections end with it
 */
import { IbkError } from '../errors.js';
import { type OpenedDevice, openDevice } from '../protocol/lockdown/device.js';
import { isLockdownError } from '../protocol/lockdown/errors.js';
import type { SupervisionIdentity } from '../protocol/lockdown/supervision.js';
import { pair } from '../protocol/lockdown/trust.js';
import { type PairRecord, readPairRecord } from '../protocol/usbmux/pair-record.js';
import { UsbmuxTransport, watchDetached } from '../protocol/usbmux/transport.js';
import type { OperationContext } from './context.js';
import { choosingOption } from './device-names.js';
import type { SelectedDevice } from './select-device.js';

export interface OpenOptions {
  /**
   * `never`: a device without a record is `not_paired`. `if_unknown`: it is paired first, and its owner asked for Trust; one that has
   * forgotten us stays an error, as somebody chose that. `if_needed`: that one is paired again, too.
   */
  readonly pair: 'never' | 'if_unknown' | 'if_needed';
  /** Pairs a supervised device without asking its owner. */
  readonly identity?: SupervisionIdentity | undefined;
}

export interface HeldDevice extends AsyncDisposable {
  readonly device: OpenedDevice;
  readonly gone: AbortSignal;
  /** It was paired just now. */
  readonly isNewlyPaired: boolean;
}

/** @throws IbkError `not_paired`, `device_locked`, `connection_lost`, `timeout`, … in words that name the device */
export async function openSelected(
  ctx: OperationContext,
  selected: SelectedDevice,
  options: OpenOptions,
): Promise<HeldDevice> {
  const watch = watchDetached(ctx.muxer, selected.entry, ctx.signal);
  const transport = new UsbmuxTransport(ctx.muxer, selected.entry, watch.gone);
  const target = { muxer: ctx.muxer, transport, deviceId: selected.entry.deviceId, identity: options.identity };
  const hold = (device: OpenedDevice, isNewlyPaired: boolean): HeldDevice => ({
    device,
    gone: watch.gone,
    isNewlyPaired,
    async [Symbol.asyncDispose]() {
      await device.release();
      watch[Symbol.dispose]();
    },
  });
  try {
    const record = await recordOf(ctx, selected, options);
    if (record !== undefined) {
      try {
        return hold(await openDevice(ctx, transport, record), false);
      } catch (error) {
        if (options.pair !== 'if_needed' || !isForgotten(error)) throw error;
      }
    }
    if (options.pair === 'never') throw notTrusted(selected);
    return hold(await openDevice(ctx, transport, await pair(ctx, target)), true);
  } catch (error) {
    watch[Symbol.dispose]();
    throw named(error, selected);
  }
}

/** A damaged record counts as none where pairing is allowed. */
async function recordOf(
  ctx: OperationContext,
  selected: SelectedDevice,
  options: OpenOptions,
): Promise<PairRecord | undefined> {
  try {
    return await readPairRecord({ muxer: ctx.muxer }, selected.udid, { signal: ctx.signal });
  } catch (error) {
    if (options.pair === 'if_needed' && error instanceof IbkError && error.code === 'not_paired') return undefined;
    throw error;
  }
}

/** The device does not know the record any more, or does not accept it. */
export function isForgotten(error: unknown): boolean {
  if (!(error instanceof IbkError)) return false;
  const names = ['InvalidHostID', 'MissingHostID', 'MissingPairRecord', 'InvalidPairRecord'];
  return (
    names.some((name) => isLockdownError(error, name)) ||
    error.reason === 'tls_closed' ||
    error.reason === 'invalid_pair_record'
  );
}

export function notTrusted(selected: Pick<SelectedDevice, 'name'>): IbkError {
  return new IbkError('not_paired', `${selected.name} does not trust this computer.`, {
    meaning: 'Without it no backup is possible.',
    hint: `ibk pair${choosingOption(selected.name)}`,
    reason: 'no_pair_record',
  });
}

/** The advice for a device that must be paired names it. */
function named(error: unknown, selected: SelectedDevice): unknown {
  if (error instanceof IbkError && error.hint === 'ibk pair')
    return error.with({ hint: `ibk pair${choosingOption(selected.name)}` });
  return error;
}

/** `ibk pair`, `ibk unpair`, and checking whether the trust still stands. */
import type { SupervisionIdentity } from '../protocol/lockdown/supervision.js';
import { unpair, type Unpaired } from '../protocol/lockdown/trust.js';
import { type PairRecord, readPairRecord } from '../protocol/usbmux/pair-record.js';
import { UsbmuxTransport } from '../protocol/usbmux/transport.js';
import type { OperationContext } from './context.js';
import { factsOf } from './device-names.js';
import { openSelected } from './open-device.js';
import type { DeviceFacts } from '../events.js';
import type { SelectedDevice } from './select-device.js';

export interface PairResult {
  readonly udid: string;
  readonly facts: DeviceFacts;
  /** True: it trusted this computer before, and nothing was changed. */
  readonly wasPaired: boolean;
}

/**
 * Makes the device trust this computer, unless it does; a device that has forgotten us is paired again. Emits `prompt` events while its
 * owner is being asked; with the identity of the organization that supervises it nobody is.
 * @throws IbkError `not_paired` (refused, not answered), `device_locked`, `device_precondition`, `connection_lost` …
 */
export async function pairDevice(
  ctx: OperationContext,
  selected: SelectedDevice,
  options: { readonly identity?: SupervisionIdentity | undefined } = {},
): Promise<PairResult> {
  await using held = await openSelected(ctx, selected, { ...options, pair: 'if_needed' });
  return { udid: selected.udid, facts: openedFacts(held.device, selected), wasPaired: !held.isNewlyPaired };
}

/**
 * Opens a session with the record that is there.
 * @throws IbkError `not_paired` when there is none, or the device does not know it
 */
export async function validatePairing(ctx: OperationContext, selected: SelectedDevice): Promise<DeviceFacts> {
  await using held = await openSelected(ctx, selected, { pair: 'never' });
  return openedFacts(held.device, selected);
}

export interface UnpairResult extends Unpaired {
  readonly udid: string;
  readonly name: string;
}

/** Tells the device to forget this computer and removes the record here. Both false: there was nothing to undo. */
export async function unpairDevice(ctx: OperationContext, selected: SelectedDevice): Promise<UnpairResult> {
  const transport = new UsbmuxTransport(ctx.muxer, selected.entry);
  const record = await readableRecord(ctx, selected.udid);
  const done = await unpair(ctx, { muxer: ctx.muxer, transport }, record);
  return { udid: selected.udid, name: selected.name, ...done };
}

async function readableRecord(ctx: OperationContext, udid: string): Promise<PairRecord | undefined> {
  return readPairRecord({ muxer: ctx.muxer }, udid, { signal: ctx.signal }).catch((error) => {
    if (error instanceof Error && 'reason' in error && error.reason === 'invalid_pair_record') return undefined;
    throw error;
  });
}

function openedFacts(
  device: { text(key: string): string | undefined; readonly ios: { readonly text: string } },
  selected: SelectedDevice,
): DeviceFacts {
  return factsOf({
    name: device.text('DeviceName') ?? selected.name,
    productType: device.text('ProductType'),
    ios: device.text('ProductVersion') ?? device.ios.text,
  });
}

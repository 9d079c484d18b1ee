/** In what state a device is: trusted, unlocked, set up. Shared by the list, the report on one device, and doctor. */
import { IbkError } from '../errors.js';
import { field } from '../plist/fields.js';
import { greetDevice } from '../protocol/lockdown/greeting.js';
import type { OpenedDevice } from '../protocol/lockdown/device.js';
import { SERVICE } from '../protocol/services/names.js';
import type { OperationContext } from './context.js';
import { placeholderName } from './device-names.js';
import { readRememberedDevice } from './last-backup.js';
import { openSelected } from './open-device.js';
import type { DeviceState } from './results.js';
import type { PresentDevice } from './select-device.js';

/** What could be learnt about a device. */
export interface Acquaintance {
  readonly udid: string;
  readonly name: string;
  readonly productType: string | undefined;
  readonly ios: string | undefined;
  readonly state: DeviceState;
  readonly trusted: boolean;
  /** Why it is not ready. */
  readonly problem: IbkError | undefined;
}

/**
 * Looks at the device and, while its session is open, hands it to `look`. A problem of the device is part of the answer, not an error.
 * @throws IbkError only for what is wrong on this side: the signal's reason, `usbmuxd`
 */
export async function meetDevice(
  ctx: OperationContext,
  present: PresentDevice,
  root: string,
  look: (device: OpenedDevice) => Promise<void> = async () => {},
): Promise<Acquaintance> {
  try {
    const selected = { ...present, name: placeholderName(present.udid, undefined), productType: undefined };
    await using held = await openSelected(ctx, selected, { pair: 'never' });
    const { device } = held;
    const problem = await problemOf(device);
    await look(device);
    const facts = {
      name: device.text('DeviceName'),
      productType: device.text('ProductType'),
      ios: device.text('ProductVersion'),
    };
    return {
      ...(await calledBy(present, root, facts)),
      state: problem?.state ?? 'ready',
      trusted: true,
      problem: problem?.error,
    };
  } catch (error) {
    if (!(error instanceof IbkError) || error.code === 'usbmuxd' || ctx.signal.aborted) throw error;
    const state = stateOf(error);
    const greeting =
      state === 'unreachable' ? undefined : await greetDevice(ctx, ctx.muxer, present.entry).catch(() => undefined);
    return { ...(await calledBy(present, root, greeting)), state, trusted: state === 'locked', problem: error };
  }
}

interface ToldFacts {
  readonly name: string | undefined;
  readonly productType: string | undefined;
  readonly ios: string | undefined;
}

/** What the device tells; else what its last backup says; else a placeholder. */
async function calledBy(present: PresentDevice, root: string, told: ToldFacts | undefined) {
  const remembered = told?.name && told.productType ? undefined : await readRememberedDevice(root, present.udid);
  const productType = told?.productType ?? remembered?.productType;
  const name = told?.name ?? remembered?.name ?? placeholderName(present.udid, productType);
  return { udid: present.udid, name, productType, ios: told?.ios ?? remembered?.ios };
}

function stateOf(error: IbkError): DeviceState {
  if (error.code === 'not_paired') return 'not_trusted';
  if (error.code === 'device_locked') return 'locked';
  if (error.code === 'device_busy') return 'setup_not_finished';
  return 'unreachable';
}

async function problemOf(device: OpenedDevice): Promise<{ state: DeviceState; error: IbkError } | undefined> {
  if (device.text('ActivationState') === 'Unactivated')
    return {
      state: 'setup_not_finished',
      error: new IbkError('device_busy', `The ${device.noun} has not finished its set-up.`, {
        hint: `Finish it on the ${device.noun}.`,
        reason: 'not_activated',
      }),
    };
  // A screen that is locked now is no hindrance; one that was never unlocked since the start is.
  const locked = field(device.values, 'PasswordProtected') === true ? await lockedSinceStart(device) : undefined;
  return locked === undefined ? undefined : { state: 'locked', error: locked };
}

/**
 * Only a service that is started with the escrow bag tells (MissingValue); notification_proxy does no harm. That it behaves as the backup
 * service does is inferred.
 */
async function lockedSinceStart(device: OpenedDevice): Promise<IbkError | undefined> {
  try {
    (await device.startService(SERVICE.notificationProxy, { escrowBag: true })).close();
    return undefined;
  } catch (error) {
    if (error instanceof IbkError && error.code === 'device_locked') return error;
    if (error instanceof IbkError && (error.code === 'interrupted' || error.code === 'terminated')) throw error;
    return undefined; // says nothing about the lock
  }
}

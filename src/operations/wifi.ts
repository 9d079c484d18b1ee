/**
 * Whether computers that a phone trusts may reach it over Wi-Fi: `EnableWifiConnections` of the lockdown domain below, which Finder calls "Show this iPhone
 * when on Wi-Fi" (key and domain: libimobiledevice, pymobiledevice3).
 */
import { IbkError } from '../errors.js';
import type { OpenedDevice } from '../protocol/lockdown/device.js';
import type { OperationContext } from './context.js';
import { openSelected } from './open-device.js';
import type { WifiStatus } from './results.js';
import type { SelectedDevice } from './select-device.js';

const DOMAIN = 'com.apple.mobile.wireless_lockdown';
const KEY = 'EnableWifiConnections';

/** @throws IbkError as `openSelected` */
export async function wifiStatus(ctx: OperationContext, selected: SelectedDevice): Promise<WifiStatus> {
  await using held = await openSelected(ctx, selected, { pair: 'if_unknown' });
  return statusOf(held.device, selected);
}

/**
 * On return the phone has said that it is so.
 * @throws IbkError `device_precondition` when it kept the old setting; as `openSelected`
 */
export async function setWifi(ctx: OperationContext, selected: SelectedDevice, on: boolean): Promise<WifiStatus> {
  await using held = await openSelected(ctx, selected, { pair: 'if_unknown' });
  const { device } = held;
  await device.setValue(DOMAIN, KEY, on);
  const status = await statusOf(device, selected);
  if (status.enabled === on) return status;
  throw new IbkError('device_precondition', `The ${device.noun} keeps its setting, though it took the new one.`, {
    reason: 'setting_kept',
    hint: 'Management may forbid it: ask whoever manages the device.',
  });
}

async function statusOf(device: OpenedDevice, selected: SelectedDevice): Promise<WifiStatus> {
  const value = await device.getValue(DOMAIN, KEY);
  return {
    udid: device.udid,
    name: device.text('DeviceName') ?? selected.name,
    noun: device.noun,
    enabled: value === true,
    link: selected.entry.link,
  };
}

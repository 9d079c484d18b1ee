/** The facts of a device that events and listings carry. */
import type { DeviceFacts } from '../events.js';
import type { OpenedDevice } from '../protocol/lockdown/device.js';

export function modelName(productType: string): string {
  return productType;
}

export function deviceFacts(device: OpenedDevice): DeviceFacts {
  const productType = device.text('ProductType') ?? 'unknown';
  return {
    name: device.text('DeviceName') ?? device.udid,
    model: modelName(productType),
    productType,
    ios: device.text('ProductVersion') ?? 'unknown',
  };
}

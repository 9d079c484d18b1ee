/**
 * diagnostics_relay: is a passcode set at all? `{Request: MobileGestalt, MobileGestaltKeys: [PasswordConfigured]}`, then Goodbye. Works
 * while the device is locked (libimobiledevice's idevicebackup2 asks so).
 */
import { optionalBoolean, optionalDict } from '../../plist/fields.js';
import { plistDict } from '../../plist/value.js';
import type { ProtocolContext } from '../context.js';
import type { OpenedDevice, StartServiceOptions } from '../lockdown/device.js';
import { PlistChannel } from '../plist-channel.js';
import { SERVICE } from './names.js';

/** Undefined when the device does not tell. @throws IbkError as `OpenedDevice.startService` */
export async function isPasscodeSet(
  device: OpenedDevice,
  ctx: ProtocolContext,
  options: StartServiceOptions = {},
): Promise<boolean | undefined> {
  const connection = await device.startService(SERVICE.diagnostics, options);
  const channel = new PlistChannel(connection, ctx, 'diagnostics', SERVICE.diagnostics);
  const { signal } = options;
  try {
    const ask = plistDict({ Request: 'MobileGestalt', MobileGestaltKeys: ['PasswordConfigured'] });
    await channel.send('MobileGestalt', ask, { signal });
    const answer = await channel.receive({ signal });
    const gestalt = optionalDict(optionalDict(answer, 'Diagnostics') ?? plistDict(), 'MobileGestalt');
    await channel.send('Goodbye', plistDict({ Request: 'Goodbye' }), { signal }).catch(() => undefined);
    return gestalt === undefined ? undefined : optionalBoolean(gestalt, 'PasswordConfigured');
  } finally {
    channel.close();
  }
}

/** What a device tells anybody: one short conversation without a session. */
import { optionalString } from '../../plist/fields.js';
import type { ProtocolContext } from '../context.js';
import type { UsbmuxClient } from '../usbmux/client.js';
import type { MuxDevice } from '../usbmux/messages.js';
import { UsbmuxTransport } from '../usbmux/transport.js';
import { LockdownConversation } from './session.js';

export interface DeviceGreeting {
  readonly name: string | undefined;
  readonly productType: string | undefined;
  readonly ios: string | undefined;
  readonly deviceClass: string | undefined;
}

/** @throws IbkError when the device cannot be reached or does not answer */
export async function greetDevice(
  ctx: ProtocolContext,
  muxer: UsbmuxClient,
  entry: MuxDevice,
): Promise<DeviceGreeting> {
  const conversation = await LockdownConversation.open(ctx, new UsbmuxTransport(muxer, entry));
  try {
    const { values, deviceClass } = await conversation.greet();
    const text = (key: string) => optionalString(values, key) || undefined;
    return { name: text('DeviceName'), productType: text('ProductType'), ios: text('ProductVersion'), deviceClass };
  } finally {
    conversation.close();
  }
}

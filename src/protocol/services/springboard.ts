/** springboardservices: icons of apps. `{command: getIconPNGData, bundleId}` is answered with `pngData`; keys are lower-case here. */
import { field } from '../../plist/fields.js';
import { plistDict } from '../../plist/value.js';
import type { ProtocolContext } from '../context.js';
import type { OpenedDevice, StartServiceOptions } from '../lockdown/device.js';
import { PlistChannel, type WaitOptions } from '../plist-channel.js';
import type { Connection } from '../transport.js';
import { SERVICE } from './names.js';

export class Springboard {
  readonly #channel: PlistChannel;

  constructor(connection: Connection, ctx: ProtocolContext) {
    this.#channel = new PlistChannel(connection, ctx, 'springboard', SERVICE.springboard);
  }

  /** PNG bytes, or undefined when the device has none for it. */
  async icon(bundleId: string, options: WaitOptions = {}): Promise<Buffer | undefined> {
    await this.#channel.send('getIconPNGData', plistDict({ command: 'getIconPNGData', bundleId }), options);
    const png = field(await this.#channel.receive(options), 'pngData');
    return Buffer.isBuffer(png) && png.length > 0 ? png : undefined;
  }

  close(): void {
    this.#channel.close();
  }
}

/** @throws IbkError as `OpenedDevice.startService` */
export async function openSpringboard(
  device: OpenedDevice,
  ctx: ProtocolContext,
  options: StartServiceOptions = {},
): Promise<Springboard> {
  return new Springboard(await device.startService(SERVICE.springboard, options), ctx);
}

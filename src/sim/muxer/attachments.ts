/** What is plugged in: one entry for each phone and link, with the number that usbmuxd gives it. A replugged phone gets a new number. */
import type { Link } from '../../events.js';
import { type PlistDict, plistDict } from '../../plist/value.js';
import type { SimulatedPhone } from '../phone/phone.js';

export interface Attachment {
  readonly deviceId: number;
  readonly phone: SimulatedPhone;
  readonly link: Link;
}

export type AttachmentEvent = { readonly kind: 'attached' | 'detached' | 'paired'; readonly attachment: Attachment };

export class Attachments {
  #list: readonly Attachment[] = [];
  #nextId = 1;
  readonly #listeners = new Set<(event: AttachmentEvent) => void>();

  constructor(phones: readonly SimulatedPhone[]) {
    for (const phone of phones) {
      this.#plug(phone);
      phone.on('plugged', () => this.#plug(phone));
      phone.on('unplugged', () => this.#unplug(phone));
    }
  }

  get list(): readonly Attachment[] {
    return this.#list;
  }

  find(deviceId: number): Attachment | undefined {
    return this.#list.find((one) => one.deviceId === deviceId);
  }

  /** @returns the call that ends listening */
  listen(listener: (event: AttachmentEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  paired(attachment: Attachment): void {
    this.#tell({ kind: 'paired', attachment });
  }

  #plug(phone: SimulatedPhone): void {
    const added = phone.links.map((link) => ({ deviceId: this.#nextId++, phone, link }));
    this.#list = [...this.#list, ...added];
    for (const attachment of added) this.#tell({ kind: 'attached', attachment });
  }

  #unplug(phone: SimulatedPhone): void {
    const gone = this.#list.filter((one) => one.phone === phone);
    this.#list = this.#list.filter((one) => one.phone !== phone);
    for (const attachment of gone) this.#tell({ kind: 'detached', attachment });
  }

  #tell(event: AttachmentEvent): void {
    for (const listener of [...this.#listeners]) listener(event);
  }
}

/** An `Attached` message, which is also an entry of ListDevices. */
export function attachedMessage({ deviceId, phone, link }: Attachment): PlistDict {
  const common = { DeviceID: deviceId, SerialNumber: phone.udid };
  const properties =
    link === 'usb'
      ? plistDict({
          ConnectionSpeed: 480_000_000,
          ConnectionType: 'USB',
          LocationID: deviceId << 16,
          ProductID: 0x12a8,
          ...common,
        })
      : plistDict({
          ConnectionType: 'Network',
          EscapedFullServiceName: `${phone.identity.wifiAddress}@fe80::1._apple-mobdev2._tcp.local.`,
          InterfaceIndex: 2,
          NetworkAddress: loopbackAddress(),
          ...common,
        });
  return plistDict({ DeviceID: deviceId, MessageType: 'Attached', Properties: properties });
}

/** A raw sockaddr_in of 127.0.0.1 as a Linux daemon gives it: u16 family, port, address. */
function loopbackAddress(): Buffer {
  const address = Buffer.alloc(16);
  address.set([2, 0, 0, 0, 127, 0, 0, 1]);
  return address;
}

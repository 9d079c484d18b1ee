/**
 * Pair records: the keys and certificates by which a device and this computer know each other.
 *
 *   DeviceCertificate HostCertificate RootCertificate   data, PEM text
 *   HostPrivateKey RootPrivateKey                       data, PEM text; never sent to the device
 *   HostID SystemBUID WiFiMACAddress                    strings
 *   EscrowBag                                           data; opens a locked device's key bag for a service
 *
 * Read from usbmuxd, else from the platform's own folder; saved through usbmuxd, so that every program sees it.
 */
import { join } from 'node:path';
import { inspect } from 'node:util';
import { IbkError } from '../../errors.js';
import { readSmallFile } from '../../io/small-files.js';
import { buildXmlPlist, parsePlist } from '../../plist/codec.js';
import { asData, asDict, asString, field, optionalString } from '../../plist/fields.js';
import { type PlistDict, plistDict } from '../../plist/value.js';
import type { Platform } from './address.js';
import type { CallOptions, UsbmuxClient } from './client.js';

const MOST_RECORD_BYTES = 1024 * 1024;
const LIMITS = { maxBytes: MOST_RECORD_BYTES, maxValues: 10_000, maxDepth: 16 } as const;

export interface PairRecordFields {
  readonly hostId: string;
  readonly systemBuid: string;
  readonly deviceCertificate: Buffer;
  readonly hostCertificate: Buffer;
  readonly rootCertificate: Buffer;
  readonly hostPrivateKey: Buffer;
  readonly rootPrivateKey: Buffer;
  readonly wifiMacAddress: string | undefined;
  readonly escrowBag: Buffer | undefined;
}

/** Prints and serializes as "[pair record]": it is a secret as a whole. */
export class PairRecord {
  readonly fields: PairRecordFields;

  constructor(fields: PairRecordFields) {
    this.fields = fields;
    Object.defineProperty(this, 'fields', { enumerable: false });
  }

  /** What the device may see of it, for Pair, ValidatePair and Unpair: no private key, no escrow bag. */
  publicPart(): PlistDict {
    const { fields: f } = this;
    return plistDict({
      DeviceCertificate: f.deviceCertificate,
      HostCertificate: f.hostCertificate,
      RootCertificate: f.rootCertificate,
      HostID: f.hostId,
      SystemBUID: f.systemBuid,
    });
  }

  /** The whole record as other programs store it. */
  encode(): Buffer {
    const { fields: f } = this;
    return buildXmlPlist(
      plistDict({
        ...this.publicPart(),
        HostPrivateKey: f.hostPrivateKey,
        RootPrivateKey: f.rootPrivateKey,
        WiFiMACAddress: f.wifiMacAddress,
        EscrowBag: f.escrowBag,
      }),
    );
  }

  toJSON(): string {
    return '[pair record]';
  }

  [inspect.custom](): string {
    return '[pair record]';
  }
}

/** @throws IbkError `not_paired`, reason `invalid_pair_record`: nothing that a session can be opened with */
export function decodePairRecord(bytes: Buffer): PairRecord {
  try {
    const dict = asDict(parsePlist(bytes, 'The pair record', LIMITS), 'The pair record');
    const data = (key: string) => asData(field(dict, key), key);
    const escrowBag = field(dict, 'EscrowBag');
    return new PairRecord({
      hostId: asString(field(dict, 'HostID'), 'HostID'),
      systemBuid: asString(field(dict, 'SystemBUID'), 'SystemBUID'),
      deviceCertificate: data('DeviceCertificate'),
      hostCertificate: data('HostCertificate'),
      rootCertificate: data('RootCertificate'),
      hostPrivateKey: data('HostPrivateKey'),
      rootPrivateKey: data('RootPrivateKey'),
      wifiMacAddress: optionalString(dict, 'WiFiMACAddress'),
      escrowBag: Buffer.isBuffer(escrowBag) && escrowBag.length > 0 ? escrowBag : undefined,
    });
  } catch {
    // The cause would quote the record; it is not kept.
    throw new IbkError('not_paired', 'The pair record of this device on this computer is damaged.', {
      meaning: 'It has to be made again; the device asks for Trust once more.',
      reason: 'invalid_pair_record',
    });
  }
}

export interface PairRecordSource {
  readonly muxer: UsbmuxClient;
  /** The platform's folder; default: `pairRecordFolder(muxer.platform)`. */
  readonly folder?: string | undefined;
}

/** Where Apple's software and usbmuxd keep the records. */
export function pairRecordFolder(platform: Platform): string {
  if (platform === 'win32') return 'C:\\ProgramData\\Apple\\Lockdown';
  return platform === 'darwin' ? '/var/db/lockdown' : '/var/lib/lockdown';
}

/**
 * The record for the device, or undefined when there is none that this user may read. Tries the usual UDID, then the one without a dash.
 * @throws IbkError `usbmuxd`, `timeout`; `not_paired` when the record is damaged
 */
export async function readPairRecord(
  { muxer, folder }: PairRecordSource,
  udid: string,
  options: CallOptions = {},
): Promise<PairRecord | undefined> {
  const names = udid.includes('-') ? [udid, udid.replaceAll('-', '')] : [udid];
  for (const name of names) {
    const bytes = await muxer.readPairRecord(name, options);
    if (bytes !== undefined) return decodePairRecord(bytes);
  }
  for (const name of names) {
    // Absent, or guarded (macOS): the muxer is the way, and it had none.
    const bytes = await readSmallFile(
      join(folder ?? pairRecordFolder(muxer.platform), `${name}.plist`),
      MOST_RECORD_BYTES,
    );
    if (bytes !== undefined) return decodePairRecord(bytes);
  }
  return undefined;
}

/** What the phone keeps of a computer that it trusts. */
import { X509Certificate } from 'node:crypto';
import { asData, asString, field } from '../../plist/fields.js';
import type { PlistDict } from '../../plist/value.js';
import type { DeviceKey } from './device-key.js';

export interface Pairing {
  readonly hostId: string;
  readonly systemBuid: string;
  /** PEM texts, as the computer sent them. */
  readonly hostCertificate: string;
  readonly rootCertificate: string;
  readonly deviceCertificate: string;
  readonly escrowBag: Buffer;
}

/**
 * Reads and checks the PairRecord of a Pair request: the root signs itself, the host and the device certificate; the device certificate
 * holds our public key; no private key came along.
 * @throws Error in plain words: what a real phone would not accept, or should never have been sent.
 */
export function checkPairRecord(record: PlistDict, key: DeviceKey): Omit<Pairing, 'escrowBag'> {
  if (field(record, 'HostPrivateKey') !== undefined) throw new Error('the Pair request holds the HostPrivateKey');
  const root = certificate(record, 'RootCertificate');
  const host = certificate(record, 'HostCertificate');
  const device = certificate(record, 'DeviceCertificate');
  if (!root.verify(root.publicKey)) throw new Error('the RootCertificate does not sign itself');
  if (!host.verify(root.publicKey)) throw new Error('the RootCertificate does not sign the HostCertificate');
  if (!device.verify(root.publicKey)) throw new Error('the RootCertificate does not sign the DeviceCertificate');
  if (!device.publicKey.equals(key.publicKey)) throw new Error("the DeviceCertificate holds another phone's key");
  for (const [name, one] of Object.entries({ HostCertificate: host, DeviceCertificate: device })) {
    if (one.ca) throw new Error(`the ${name} is a CA`);
  }
  for (const [name, one] of Object.entries({
    RootCertificate: root,
    HostCertificate: host,
    DeviceCertificate: device,
  })) {
    if (Date.parse(one.validFrom) > Date.now() + 60_000) throw new Error(`the ${name} is not valid yet`);
    if (Date.parse(one.validTo) < Date.now()) throw new Error(`the ${name} has expired`);
  }
  return {
    hostId: asString(field(record, 'HostID'), 'HostID'),
    systemBuid: asString(field(record, 'SystemBUID'), 'SystemBUID'),
    rootCertificate: root.toString(),
    hostCertificate: host.toString(),
    deviceCertificate: device.toString(),
  };
}

function certificate(record: PlistDict, name: string): X509Certificate {
  const pem = asData(field(record, name), name);
  if (!pem.toString('latin1').includes('-----BEGIN CERTIFICATE-----')) throw new Error(`the ${name} is not PEM text`);
  return new X509Certificate(pem);
}

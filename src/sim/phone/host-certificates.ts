/**
 * Trust that is there from the start: keys and certificates as a computer would have made them when it paired, in DER by hand. All names are
 * empty, as in real pair records.
 */
import { createHash, createSign, type KeyObject } from 'node:crypto';
import { type PlistDict, plistDict } from '../../plist/value.js';
import { type DeviceKey, deviceKey } from './device-key.js';
import type { Pairing } from './pairing.js';

export interface ReadyPairing {
  readonly pairing: Pairing;
  /** What the computer keeps. */
  readonly record: PlistDict;
}

const VALIDITY = ['20200101000000Z', '20491231235959Z'] as const;

export async function readyPairing(options: {
  readonly label: string;
  readonly deviceKey: DeviceKey;
  readonly systemBuid: string;
  readonly wifiAddress: string;
  readonly escrowBag: (hostId: string) => Buffer;
}): Promise<ReadyPairing> {
  const [root, host] = await Promise.all([
    deviceKey(`${options.label}/root`, 2048),
    deviceKey(`${options.label}/host`, 2048),
  ]);
  const rootCertificate = certificate(root.publicKey, root.privateKey, true);
  const hostCertificate = certificate(host.publicKey, root.privateKey, false);
  const deviceCertificate = certificate(options.deviceKey.publicKey, root.privateKey, false);
  const hostId = uuidOf(`${options.label}/host-id`);
  const escrowBag = options.escrowBag(hostId);
  return {
    pairing: { hostId, systemBuid: options.systemBuid, rootCertificate, hostCertificate, deviceCertificate, escrowBag },
    record: plistDict({
      DeviceCertificate: Buffer.from(deviceCertificate),
      EscrowBag: escrowBag,
      HostCertificate: Buffer.from(hostCertificate),
      HostID: hostId,
      HostPrivateKey: Buffer.from(host.privatePem),
      RootCertificate: Buffer.from(rootCertificate),
      RootPrivateKey: Buffer.from(root.privatePem),
      SystemBUID: options.systemBuid,
      WiFiMACAddress: options.wifiAddress,
    }),
  };
}

function uuidOf(label: string): string {
  const hex = createHash('sha256').update(label).digest('hex').toUpperCase();
  return [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    '-',
  );
}

/** X.509 v3, serial 1, sha256WithRSA, basicConstraints and (for leaves) keyUsage, both critical. */
function certificate(subject: KeyObject, signer: KeyObject, authority: boolean): string {
  const algorithm = sequence(objectId('2a864886f70d01010b'), Buffer.of(0x05, 0));
  const constraints = extension('551d13', authority ? sequence(tagged(0x01, Buffer.of(0xff))) : sequence());
  // digitalSignature and keyEncipherment: the first and third bit of a bit string with five unused.
  const usage = authority ? [] : [extension('551d0f', tagged(0x03, Buffer.of(5, 0xa0)))];
  const body = sequence(
    tagged(0xa0, tagged(0x02, Buffer.of(2))),
    tagged(0x02, Buffer.of(1)),
    algorithm,
    sequence(),
    sequence(...VALIDITY.map((time) => tagged(0x18, Buffer.from(time)))),
    sequence(),
    subject.export({ type: 'spki', format: 'der' }),
    tagged(0xa3, sequence(constraints, ...usage)),
  );
  const signature = createSign('sha256').update(body).sign(signer);
  const der = sequence(body, algorithm, tagged(0x03, Buffer.concat([Buffer.of(0), signature])));
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

function extension(id: string, value: Buffer): Buffer {
  return sequence(objectId(id), tagged(0x01, Buffer.of(0xff)), tagged(0x04, value));
}

function objectId(hex: string): Buffer {
  return tagged(0x06, Buffer.from(hex, 'hex'));
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return tagged(0x30, Buffer.concat(parts));
}

/** DER: tag, length (short, or long with its own count of bytes), content. */
function tagged(tag: number, content: Buffer): Buffer {
  if (content.length < 0x80) return Buffer.concat([Buffer.of(tag, content.length), content]);
  const hex = content.length.toString(16);
  const length = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
  return Buffer.concat([Buffer.of(tag, 0x80 | length.length), length, content]);
}

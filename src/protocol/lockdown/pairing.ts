/**
 * Makes the keys and certificates of a new pair record. With supervision.ts the only place that knows node-forge; the RSA keys and signatures come from
 * node:crypto: forge's own take a quarter of a second.
 *
 *   root    X.509 v3, self-signed            basicConstraints CA:TRUE, critical
 *   host    signed by the root key           CA:FALSE; keyUsage digitalSignature, keyEncipherment (both critical)
 *   device  the device's key, signed by root as host, and subjectKeyIdentifier
 *
 * All names are empty, serial 1, sha256WithRSA (sha1WithRSA below iOS 4), valid from a day ago (clocks differ) for ten years.
 * libimobiledevice and pymobiledevice3 agree on all of this but the backdating.
 */
import { createPublicKey, createSign, generateKeyPair, randomUUID } from 'node:crypto';
import { promisify } from 'node:util';
import type Forge from 'node-forge';
import { IbkError } from '../../errors.js';
import type { PairRecordFields } from '../usbmux/pair-record.js';
import type { IosVersion } from './ios-version.js';

const DAY_MS = 86_400_000;
const VALID_DAYS = 3650;
const KEY_USAGE = { name: 'keyUsage', critical: true, digitalSignature: true, keyEncipherment: true };

const makeKeyPair = promisify(generateKeyPair);

async function makeRsaKey(): Promise<{ readonly privateKey: string; readonly publicKey: string }> {
  return makeKeyPair('rsa', {
    modulusLength: 2048,
    publicExponent: 0x10001,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
}

export interface PairRecordInput {
  /** lockdownd's DevicePublicKey: PEM text, PKCS#1 ("RSA PUBLIC KEY"). */
  readonly devicePublicKey: Buffer;
  readonly systemBuid: string;
  readonly wifiMacAddress: string | undefined;
  readonly ios: IosVersion;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/**
 * New keys, certificates and host ID; the escrow bag comes with the device's answer.
 * @throws IbkError `device_error` when the device's key is not an RSA key
 */
export async function makePairRecord(input: PairRecordInput): Promise<PairRecordFields> {
  const devicePem = readDeviceKey(input.devicePublicKey);
  const [root, host] = await Promise.all([makeRsaKey(), makeRsaKey()]);
  // Loaded here: only pairing needs it, and it costs every other command more than all the rest of its start.
  const { default: forge } = await import('node-forge');
  const certificate = (publicPem: string, extensions: object[]) =>
    makeCertificate(forge, publicPem, extensions, root.privateKey, input);
  const leaf = { name: 'basicConstraints', critical: true, cA: false };
  return {
    hostId: randomUUID().toUpperCase(),
    systemBuid: input.systemBuid,
    rootCertificate: certificate(root.publicKey, [{ name: 'basicConstraints', critical: true, cA: true }]),
    hostCertificate: certificate(host.publicKey, [leaf, KEY_USAGE]),
    deviceCertificate: certificate(devicePem, [leaf, KEY_USAGE, { name: 'subjectKeyIdentifier' }]),
    rootPrivateKey: Buffer.from(root.privateKey),
    hostPrivateKey: Buffer.from(host.privateKey),
    wifiMacAddress: input.wifiMacAddress,
    escrowBag: undefined,
  };
}

function readDeviceKey(pem: Buffer): string {
  try {
    const key = createPublicKey(pem.toString('latin1').replace(/\0+$/, ''));
    const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
    if (key.asymmetricKeyType !== 'rsa' || bits < 1024 || bits > 8192)
      throw new Error(`${key.asymmetricKeyType} ${bits}`);
    return key.export({ type: 'spki', format: 'pem' }).toString();
  } catch (cause) {
    throw new IbkError('device_error', 'The device sent a public key that cannot be read.', {
      reason: 'device_public_key',
      cause,
    });
  }
}

function makeCertificate(
  forge: typeof Forge,
  publicPem: string,
  extensions: object[],
  signerPem: string,
  { ios, now }: PairRecordInput,
): Buffer {
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = forge.pki.publicKeyFromPem(publicPem);
  certificate.serialNumber = '01';
  certificate.validity.notBefore = new Date(now - DAY_MS);
  certificate.validity.notAfter = new Date(now + VALID_DAYS * DAY_MS);
  certificate.setSubject([]);
  certificate.setIssuer([]);
  certificate.setExtensions(extensions);
  const digest = ios.major < 4 ? 'sha1' : 'sha256';
  // Asked for once what is to be signed is made.
  const sign = () => {
    const signed = forge.asn1.toDer(certificate.tbsCertificate).getBytes();
    return createSign(digest).update(signed, 'latin1').sign(signerPem).toString('latin1');
  };
  certificate.sign({ sign } as unknown as Forge.pki.rsa.PrivateKey, forge.md[digest].create());
  return Buffer.from(forge.pki.certificateToPem(certificate).replaceAll('\r\n', '\n'));
}

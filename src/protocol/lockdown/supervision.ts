/**
 * The identity of an organization that supervises devices: a certificate and its key, as Apple Configurator exports them (PKCS#12). With it a device
 * pairs without asking its owner:
 *
 *   Pair  PairingOptions {SupervisorCertificate: DER, ExtendedPairingErrors: true}  →  MCChallengeRequired, ExtendedResponse {PairingChallenge}
 *   Pair  PairingOptions {ChallengeResponse: PKCS#7 SignedData of the challenge, DER, SHA-256}  →  paired
 *
 * (pymobiledevice3, go-ios.) With pairing.ts the only place that knows node-forge.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { inspect } from 'node:util';
import type Forge from 'node-forge';
import { IbkError } from '../../errors.js';
import type { Secret } from '../../io/secret.js';

/** Prints and serializes as "[supervision identity]": the key is a secret. */
export class SupervisionIdentity {
  /** DER. */
  readonly certificate: Buffer;
  readonly #sign: (challenge: Buffer, nowMs: number) => Buffer;

  constructor(certificate: Buffer, sign: (challenge: Buffer, nowMs: number) => Buffer) {
    this.certificate = certificate;
    this.#sign = sign;
  }

  /** PKCS#7 SignedData that holds the challenge, DER. */
  answer(challenge: Buffer, nowMs: number): Buffer {
    return this.#sign(challenge, nowMs);
  }

  toJSON(): string {
    return '[supervision identity]';
  }

  [inspect.custom](): string {
    return '[supervision identity]';
  }
}

/** The password did not open it; without one: it has one. */
export const WRONG_P12_PASSWORD = 'p12_password';

/**
 * @param path for words
 * @throws IbkError `password`, reason WRONG_P12_PASSWORD; `usage` when it is no identity with an RSA key
 */
export async function readIdentity(
  p12: Buffer,
  password: Secret | undefined,
  path: string,
): Promise<SupervisionIdentity> {
  const { default: forge } = await import('node-forge');
  const { key, certificate } = open(forge, p12, password, path);
  const der = Buffer.from(forge.asn1.toDer(forge.pki.certificateToAsn1(certificate)).getBytes(), 'latin1');
  const fits = new X509Certificate(der).checkPrivateKey(createPrivateKey(forge.pki.privateKeyToPem(key)));
  if (!fits) throw unusable(path, 'its key is not that of its certificate');
  return new SupervisionIdentity(der, (challenge, nowMs) => signed(forge, challenge, { key, certificate, nowMs }));
}

interface Identity {
  readonly key: Forge.pki.rsa.PrivateKey;
  readonly certificate: Forge.pki.Certificate;
}

function open(forge: typeof Forge, p12: Buffer, password: Secret | undefined, path: string): Identity {
  let archive: Forge.pkcs12.Pkcs12Pfx;
  try {
    archive = decode(forge, p12, password?.bytes().toString('utf8') ?? '');
  } catch (error) {
    // Its words could hold what it read; they are not kept.
    if (error instanceof Error && /MAC could not be verified|Invalid password/i.test(error.message)) {
      throw new IbkError('password', `The password does not open ${path}.`, {
        reason: WRONG_P12_PASSWORD,
        meaning: 'It was chosen when the identity was exported, and is not that of a backup. Nothing was changed.',
        hint: 'Type it when asked, or use --password-file, -command, -stdin.',
      });
    }
    throw unusable(path, 'it is no PKCS#12 file, or of a kind that ibk does not read');
  }
  const { pkcs8ShroudedKeyBag: shrouded, keyBag: plain, certBag } = forge.pki.oids;
  const bags = (type: string | undefined) =>
    type === undefined ? [] : (archive.getBags({ bagType: type })[type] ?? []);
  const key = [...bags(shrouded), ...bags(plain)].find((bag) => bag.key !== undefined && bag.key !== null)?.key;
  if (key === undefined || key === null || !('n' in key)) throw unusable(path, 'it holds no RSA key');
  const certificate = bags(certBag)
    .map(({ cert }) => cert)
    .find((cert) => isRsaOf(cert, key));
  if (certificate === undefined) throw unusable(path, 'it holds no certificate of its key');
  return { key, certificate };
}

const ASCII = /^[\x20-\x7e]*$/;

/** The checksum takes the password as UTF-16, the newer ciphers as UTF-8; node-forge has one text for both. */
function decode(forge: typeof Forge, p12: Buffer, password: string): Forge.pkcs12.Pkcs12Pfx {
  const asn1 = forge.asn1.fromDer(p12.toString('latin1'));
  try {
    return forge.pkcs12.pkcs12FromAsn1(asn1, password);
  } catch (error) {
    const isWrong = error instanceof Error && error.message.includes('MAC');
    const [version, safe] = Array.isArray(asn1.value) ? asn1.value : [];
    if (isWrong || ASCII.test(password) || typeof version !== 'object' || typeof safe !== 'object') throw error;
    // The checksum was right: without it, the same again.
    const { Class, Type } = forge.asn1;
    const unchecked = forge.asn1.create(Class.UNIVERSAL, Type.SEQUENCE, true, [version, safe]);
    return forge.pkcs12.pkcs12FromAsn1(unchecked, forge.util.encodeUtf8(password));
  }
}

function isRsaOf(
  cert: Forge.pki.Certificate | undefined,
  key: Forge.pki.rsa.PrivateKey,
): cert is Forge.pki.Certificate {
  const publicKey = cert?.publicKey;
  return publicKey !== undefined && publicKey !== null && 'n' in publicKey && publicKey.n.equals(key.n);
}

function signed(
  forge: typeof Forge,
  challenge: Buffer,
  { key, certificate, nowMs }: Identity & { readonly nowMs: number },
): Buffer {
  const { data, sha256, contentType, messageDigest, signingTime } = forge.pki.oids;
  const message = forge.pkcs7.createSignedData();
  message.content = forge.util.createBuffer(challenge.toString('latin1'));
  message.addCertificate(certificate);
  message.addSigner({
    key,
    certificate,
    digestAlgorithm: sha256 ?? '',
    authenticatedAttributes: [
      { type: contentType ?? '', value: data ?? '' },
      { type: messageDigest ?? '' },
      // The types know texts alone; a date is what is written.
      { type: signingTime ?? '', value: new Date(nowMs) as unknown as string },
    ],
  });
  message.sign();
  return Buffer.from(forge.asn1.toDer(message.toAsn1()).getBytes(), 'latin1');
}

function unusable(path: string, why: string): IbkError {
  return new IbkError('usage', `${path} cannot be used as a supervision identity: ${why}.`, {
    reason: 'p12',
    hint: 'Export it anew from Apple Configurator, with its certificate.',
  });
}

/**
 * A phone that an organization supervises, and that pairs with nobody else: asks for a signature of its challenge (flow: pymobiledevice3, go-ios; what is
 * answered to others, and to a wrong signature, is inferred).
 *
 *   ContentInfo { OID signedData, [0] SignedData { version, digests, { OID data, [0] OCTET STRING }, [0] certificates?, SET OF SignerInfo } }
 *   SignerInfo  { version, issuer and serial, digest, [0] signed attributes?, algorithm, OCTET STRING signature }          (RFC 2315)
 */
import { createHash, verify, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';

const TAG = { octets: 0x04, oid: 0x06, sequence: 0x30, set: 0x31, context0: 0xa0 } as const;
/** 1.2.840.113549.1.9.4 messageDigest. */
const MESSAGE_DIGEST = Buffer.from('2a864886f70d010904', 'hex');

export class Supervision {
  readonly #organization: X509Certificate;
  readonly challenge: Buffer;

  /** @param path certificate of the organization, PEM or DER */
  constructor(path: string, udid: string) {
    this.#organization = new X509Certificate(readFileSync(path));
    this.challenge = createHash('sha256').update(`ibk-sim/challenge/${udid}`).digest();
  }

  isSupervisor(certificate: Buffer): boolean {
    return certificate.equals(this.#organization.raw);
  }

  /** Why the answer is none; undefined: it is signed by the organization. */
  fault(response: Buffer): string | undefined {
    let parts: SignedChallenge;
    try {
      parts = parse(response);
    } catch (error) {
      return `no SignedData: ${error instanceof Error ? error.message : String(error)}`;
    }
    if (!parts.content.equals(this.challenge)) return 'it does not hold the challenge';
    const digest = createHash('sha256').update(parts.content).digest();
    if (parts.attributes !== undefined && !parts.digest?.equals(digest))
      return 'its digest is not that of the challenge';
    const covered = parts.attributes ?? parts.content;
    return verify('sha256', covered, this.#organization.publicKey, parts.signature) ? undefined : 'a wrong signature';
  }
}

interface SignedChallenge {
  readonly content: Buffer;
  /** As they are signed: a SET. */
  readonly attributes: Buffer | undefined;
  readonly digest: Buffer | undefined;
  readonly signature: Buffer;
}

function parse(der: Buffer): SignedChallenge {
  const info = children(one(der, TAG.sequence));
  const signed = children(one(at(info, 1).content, TAG.sequence));
  const data = children(at(signed, 2).content);
  const content = one(at(data, 1).content, TAG.octets);
  const signers = signed.at(-1);
  if (signers?.tag !== TAG.set) throw new Error('no signer');
  const signer = children(one(signers.content, TAG.sequence));
  const attributes = signer.find(({ tag }) => tag === TAG.context0);
  const signature = signer.filter(({ tag }) => tag === TAG.octets).at(-1);
  if (signature === undefined) throw new Error('no signature');
  const whole =
    attributes === undefined ? undefined : Buffer.concat([Buffer.of(TAG.set), attributes.whole.subarray(1)]);
  return {
    content,
    attributes: whole,
    digest: attributes === undefined ? undefined : digestIn(attributes.content),
    signature: signature.content,
  };
}

function digestIn(attributes: Buffer): Buffer | undefined {
  for (const attribute of children(attributes)) {
    const [type, values] = children(attribute.content);
    if (type?.tag === TAG.oid && type.content.equals(MESSAGE_DIGEST) && values !== undefined)
      return one(values.content, TAG.octets);
  }
  return undefined;
}

interface Element {
  readonly tag: number;
  readonly content: Buffer;
  /** With its head. */
  readonly whole: Buffer;
}

function one(der: Buffer, tag: number): Buffer {
  const element = read(der);
  if (element.tag !== tag) throw new Error(`tag ${element.tag}, not ${tag}`);
  return element.content;
}

function at(elements: readonly Element[], index: number): Element {
  const element = elements[index];
  if (element === undefined) throw new Error('it ends early');
  return element;
}

function children(der: Buffer): Element[] {
  const all: Element[] = [];
  for (let rest = der; rest.length > 0; rest = rest.subarray(all.at(-1)?.whole.length)) all.push(read(rest));
  return all;
}

/** Definite lengths of up to four bytes. */
function read(der: Buffer): Element {
  const [tag = 0, first = 0] = der;
  const more = first < 0x80 ? 0 : first & 0x7f;
  if (der.length < 2 || more > 4 || (first >= 0x80 && more === 0)) throw new Error('a length that is none');
  const length = more === 0 ? first : der.readUIntBE(2, more);
  const start = 2 + more;
  if (start + length > der.length) throw new Error('it ends early');
  return { tag, content: der.subarray(start, start + length), whole: der.subarray(0, start + length) };
}

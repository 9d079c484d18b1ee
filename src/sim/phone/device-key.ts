/**
 * The phone's RSA key, derived from a seed, so that a simulated phone is the same phone at each start. It protects nothing: whoever knows
 * the seed knows the key.
 */
import { checkPrime, createHash, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';

export interface DeviceKey {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  /** lockdownd's DevicePublicKey: PEM text of a PKCS#1 public key. */
  readonly publicPem: Buffer;
  readonly privatePem: string;
}

const EXPONENT = 65537n;
const SMALL_PRIMES: readonly bigint[] = sieve(4000);

const known = new Map<string, Promise<DeviceKey>>();

/** As `deriveDeviceKey`; a process that starts the same phone again derives nothing. */
export function deviceKey(label: string, bits: 1024 | 2048): Promise<DeviceKey> {
  const name = `${bits}/${label}`;
  const key = known.get(name) ?? deriveDeviceKey(label, bits);
  known.set(name, key);
  return key;
}

/** Takes about 0.1 s of other threads; the same arguments give the same key. */
export async function deriveDeviceKey(label: string, bits: 1024 | 2048): Promise<DeviceKey> {
  const [one, two] = await Promise.all([derivePrime(`${label}/p`, bits / 2), derivePrime(`${label}/q`, bits / 2)]);
  const [p, q] = one > two ? [one, two] : [two, one];
  const d = inverse(EXPONENT, (p - 1n) * (q - 1n));
  const privateKey = createPrivateKey({
    format: 'jwk',
    key: {
      kty: 'RSA',
      n: base64url(p * q),
      e: base64url(EXPONENT),
      d: base64url(d),
      p: base64url(p),
      q: base64url(q),
      dp: base64url(d % (p - 1n)),
      dq: base64url(d % (q - 1n)),
      qi: base64url(inverse(q, p)),
    },
  });
  const publicKey = createPublicKey(privateKey);
  const publicPem = Buffer.from(publicKey.export({ type: 'pkcs1', format: 'pem' }));
  return {
    privateKey,
    publicKey,
    publicPem,
    privatePem: privateKey.export({ type: 'pkcs1', format: 'pem' }).toString(),
  };
}

/** The first prime at or after a number that follows from the label; its two highest bits are set, so that a product has full length. */
async function derivePrime(label: string, bits: number): Promise<bigint> {
  const blocks = Array.from({ length: bits / 512 }, (_, i) => createHash('sha512').update(`${label}/${i}`).digest());
  let candidate = BigInt(`0x${Buffer.concat(blocks).toString('hex')}`) | (3n << BigInt(bits - 2)) | 1n;
  for (; ; candidate += 2n) {
    if (SMALL_PRIMES.some((small) => candidate % small === 0n)) continue;
    if ((candidate - 1n) % EXPONENT === 0n) continue;
    if (await isPrime(candidate)) return candidate;
  }
}

function isPrime(candidate: bigint): Promise<boolean> {
  return new Promise((resolve, reject) =>
    checkPrime(candidate, {}, (error, result) => (error ? reject(error) : resolve(result))),
  );
}

function sieve(limit: number): bigint[] {
  const primes: number[] = [];
  for (let n = 3; n < limit; n += 2) if (primes.every((p) => n % p !== 0)) primes.push(n);
  return primes.map(BigInt);
}

function inverse(a: bigint, modulus: bigint): bigint {
  let [r, nextR, t, nextT] = [modulus, a % modulus, 0n, 1n];
  while (nextR !== 0n) {
    const quotient = r / nextR;
    [r, nextR] = [nextR, r - quotient * nextR];
    [t, nextT] = [nextT, t - quotient * nextT];
  }
  return ((t % modulus) + modulus) % modulus;
}

function base64url(value: bigint): string {
  const hex = value.toString(16);
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex').toString('base64url');
}

/** The phone's end of TLS, for lockdown sessions and services. */
import { constants, type X509Certificate } from 'node:crypto';
import type { Duplex } from 'node:stream';
import {
  createSecureContext,
  type SecureContext,
  type SecureContextOptions,
  type SecureVersion,
  TLSSocket,
} from 'node:tls';
import type { Pairing } from '../phone/pairing.js';
import { PullReader } from './pull-reader.js';

export interface PhoneTls {
  readonly versions: { readonly min: SecureVersion; readonly max: SecureVersion };
  /** Drops a client that offers more than TLS 1.0 instead of negotiating down, as iOS 7 and 8 did. */
  readonly intolerant: boolean;
  readonly fault: 'refuse' | 'alert' | undefined;
  readonly privatePem: string;
}

/** Large enough that a service can hand over several records at once. */
const BUFFER_BYTES = 256 * 1024;

/**
 * Runs the handshake as the server, with the DeviceCertificate of the pair record. Either certificate of the pairing is taken from the
 * client, root or host, since clients in the field differ.
 * @returns undefined when the handshake fails; `violation` hears about a client without the certificate of its pairing.
 */
export async function acceptTls(
  stream: Duplex,
  phone: PhoneTls,
  pairing: Pairing,
  violation: (text: string) => void,
): Promise<TLSSocket | undefined> {
  if (phone.fault !== undefined || phone.intolerant) {
    const hello = await peekClientHello(stream);
    if (hello === undefined || phone.fault === 'refuse' || (phone.intolerant && hello.version > 0x0301)) {
      stream.destroy();
      return undefined;
    }
    if (phone.fault === 'alert') {
      stream.end(Buffer.of(0x15, 0x03, 0x01, 0, 2, 2, 40)); // fatal, handshake_failure
      return undefined;
    }
  }
  const socket = new TLSSocket(
    stream as never,
    {
      isServer: true,
      secureContext: contextFor(phone, pairing),
      requestCert: true,
      rejectUnauthorized: false,
      highWaterMark: BUFFER_BYTES,
    } as ConstructorParameters<typeof TLSSocket>[1],
  );
  socket.on('error', () => {});
  const secure = await new Promise<boolean>((resolve) => {
    socket.once('secure', () => resolve(true));
    socket.once('close', () => resolve(false));
  });
  if (!secure) return undefined;
  const peer = socket.getPeerX509Certificate();
  if (peer === undefined || !belongs(peer, pairing)) {
    violation(
      `TLS: the client ${peer === undefined ? 'sent no certificate' : "sent a certificate that is not its pairing's"}`,
    );
    socket.destroy();
    return undefined;
  }
  return socket;
}

const contexts = new WeakMap<Pairing, Map<string, SecureContext>>();

/** Made once for all connections: reading the key and the certificate takes longer than a handshake. */
function contextFor({ versions: { min, max }, privatePem }: PhoneTls, pairing: Pairing): SecureContext {
  const ofPairing = contexts.get(pairing) ?? new Map<string, SecureContext>();
  contexts.set(pairing, ofPairing);
  const name = `${min} ${max} ${privatePem}`;
  const context = ofPairing.get(name) ?? newContext({ minVersion: min, maxVersion: max, key: privatePem }, pairing);
  ofPairing.set(name, context);
  return context;
}

function newContext(own: SecureContextOptions, pairing: Pairing): SecureContext {
  return createSecureContext({
    ...own,
    cert: pairing.deviceCertificate,
    // Security level 0: RSA-1024 keys, SHA-1 and TLS 1.0 are what old devices have.
    ciphers: 'DEFAULT:@SECLEVEL=0',
    secureOptions: constants.SSL_OP_NO_TICKET,
  });
}

function belongs({ raw }: X509Certificate, { hostCertificate, rootCertificate }: Pairing): boolean {
  return [hostCertificate, rootCertificate].some((pem) => derOf(pem).equals(raw));
}

function derOf(pem: string): Buffer {
  return Buffer.from(pem.replace(/-----[A-Z ]+-----/g, ''), 'base64');
}

/** Looks at the version that a ClientHello offers (legacy field: 0x0301 TLS 1.0 … 0x0303 TLS 1.2 and later), and puts the bytes back. */
async function peekClientHello(stream: Duplex): Promise<{ version: number } | undefined> {
  const reader = new PullReader(stream);
  const head = await reader.exactly(11);
  reader.release();
  if (head === undefined) return undefined;
  stream.unshift(head);
  return { version: head.readUInt16BE(9) };
}

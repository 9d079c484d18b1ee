/**
 * TLS to a device. The host is the client and shows the pair record's host certificate; nobody checks the device's, as its names are
 * empty and it is signed by a key that only the record knows; here its public key is compared with the record's DeviceCertificate.
 *
 * Versions, as libimobiledevice found them out: up to iOS 9 exactly TLS 1.0 (offering more breaks the handshake on many), later 1.0 to
 * 1.3. One retry with the other idea. Old devices need OpenSSL's security level 0 (RSA-1024, SHA-1, TLS 1.0) and renegotiation as it
 * was before RFC 5746. A failed handshake ruins the socket: the caller reconnects and starts a new session before the retry.
 */
import { constants, X509Certificate } from 'node:crypto';
import { connect, createSecureContext, type SecureContext, type SecureVersion, type TLSSocket } from 'node:tls';
import { IbkError } from '../../errors.js';
import { abortError, within } from '../../io/abort.js';
import { connectionOf } from '../connection.js';
import type { ProtocolContext } from '../context.js';
import type { Connection } from '../transport.js';
import type { PairRecord } from '../usbmux/pair-record.js';
import type { IosVersion } from './ios-version.js';

export interface TlsRange {
  readonly minVersion: SecureVersion;
  readonly maxVersion: SecureVersion;
}

const ONLY_1_0: TlsRange = { minVersion: 'TLSv1', maxVersion: 'TLSv1' };
const ONLY_1_2: TlsRange = { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' };
const ALL: TlsRange = { minVersion: 'TLSv1', maxVersion: 'TLSv1.3' };

/** What to offer first, and what to offer after that failed. */
export function tlsRanges(ios: IosVersion): readonly [TlsRange, TlsRange] {
  return ios.major < 10 ? [ONLY_1_0, ONLY_1_2] : [ALL, ONLY_1_0];
}

/** Naming the TLS 1.3 suites keeps Node from turning 1.3 off. */
const CIPHERS = [
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'TLS_AES_128_GCM_SHA256',
  'ALL:!aNULL:!eNULL:@SECLEVEL=0',
].join(':');

const contexts = new WeakMap<PairRecord, Map<TlsRange, SecureContext>>();

/** Made once for the session and all services: reading the key and the certificate takes longer than a handshake. */
function contextFor(record: PairRecord, range: TlsRange): SecureContext {
  const ofRecord = contexts.get(record) ?? new Map<TlsRange, SecureContext>();
  contexts.set(record, ofRecord);
  const context = ofRecord.get(range) ?? newContext(record, range);
  ofRecord.set(range, context);
  return context;
}

function newContext({ fields }: PairRecord, range: TlsRange): SecureContext {
  return createSecureContext({
    cert: fields.hostCertificate,
    key: fields.hostPrivateKey,
    ...range,
    ciphers: CIPHERS,
    secureOptions: constants.SSL_OP_LEGACY_SERVER_CONNECT,
  });
}

export interface TlsConnection {
  readonly connection: Connection;
  /** False when the device's key is not the one in the pair record; undefined when that cannot be told. */
  readonly isRecordedPeer: () => boolean | undefined;
  /** What was agreed on, for the trace. */
  readonly facts: { readonly protocol: string; readonly cipher: string };
}

/**
 * Runs the handshake on a connection whose reader has been released.
 * @throws IbkError `device_error`, reason `tls` (an alert) or `tls_closed` (closed instead of an answer); `timeout`
 */
export async function startTls(
  raw: Connection,
  record: PairRecord,
  range: TlsRange,
  ctx: ProtocolContext,
  signal: AbortSignal,
): Promise<TlsConnection> {
  const onTimeout = () =>
    new IbkError('timeout', 'The secure connection to the device was not made in time.', {
      hint: 'Unlock it, or give it more time: --timeout 3m',
      reason: 'tls',
    });
  const deadline = { clock: ctx.clock, timeoutMs: ctx.timeouts.connectMs, signal, onTimeout };
  try {
    const socket = await within(deadline, (bounded) => handshake(raw, record, range, bounded));
    const facts = { protocol: socket.getProtocol() ?? 'unknown', cipher: socket.getCipher()?.name ?? 'unknown' };
    return { connection: layered(socket, raw), isRecordedPeer: () => isRecordedPeer(socket, record), facts };
  } catch (error) {
    raw.close();
    throw error;
  }
}

function handshake(raw: Connection, record: PairRecord, range: TlsRange, signal: AbortSignal): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    let socket: TLSSocket;
    try {
      socket = connect({
        socket: raw.stream,
        secureContext: contextFor(record, range),
        rejectUnauthorized: false,
        checkServerIdentity: () => undefined,
      });
    } catch (cause) {
      return reject(badRecord(cause)); // the record's certificate or key cannot be read
    }
    const settle = (finish: () => void) => {
      socket.off('secureConnect', done).off('error', failed).off('close', closed);
      signal.removeEventListener('abort', stop);
      raw.closed.removeEventListener('abort', lost);
      finish();
    };
    const fail = (error: IbkError) =>
      settle(() => {
        socket.on('error', () => undefined).destroy();
        reject(error);
      });
    const done = () => settle(() => resolve(socket));
    const failed = (cause: Error) => fail(handshakeFailed(raw, cause));
    const closed = () => fail(handshakeFailed(raw));
    const stop = () => fail(abortError(signal));
    const lost = () => fail(handshakeFailed(raw));
    socket.on('secureConnect', done).on('error', failed).on('close', closed);
    signal.addEventListener('abort', stop, { once: true });
    raw.closed.addEventListener('abort', lost, { once: true });
    if (signal.aborted) stop();
    else if (raw.closed.aborted) lost();
  });
}

/** Closing either layer closes both; a device that was detached below is told above. */
function layered(socket: TLSSocket, raw: Connection): Connection {
  const connection = connectionOf(socket);
  const lost = () => socket.destroy(abortError(raw.closed));
  socket.on('close', () => {
    raw.closed.removeEventListener('abort', lost);
    raw.close();
  });
  raw.closed.addEventListener('abort', lost, { once: true });
  if (raw.closed.aborted) lost();
  return connection;
}

function isRecordedPeer(socket: TLSSocket, record: PairRecord): boolean | undefined {
  try {
    const peer = socket.getPeerX509Certificate();
    if (peer === undefined) return undefined;
    const spki = (certificate: X509Certificate) => certificate.publicKey.export({ type: 'spki', format: 'der' });
    return spki(peer).equals(spki(new X509Certificate(record.fields.deviceCertificate)));
  } catch {
    return undefined; // a certificate that Node cannot read says nothing either way
  }
}

function handshakeFailed(raw: Connection, cause?: Error): IbkError {
  const reason: unknown = raw.closed.reason;
  if (reason instanceof IbkError && reason.reason === 'detached') return reason;
  if (cause instanceof IbkError) return cause;
  // OpenSSL's own errors have a library name; what is left is the link: closed or reset.
  const alert = cause !== undefined && 'library' in cause;
  return new IbkError('device_error', 'The secure connection to the device could not be made.', {
    meaning: 'It may no longer know this computer.',
    hint: 'Unlock it and try again; if that does not help, pair it again: ibk pair',
    reason: alert ? 'tls' : 'tls_closed',
    details: { tls_error: cause !== undefined && 'code' in cause ? String(cause.code) : null },
    cause,
  });
}

function badRecord(cause: unknown): IbkError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : null;
  return new IbkError('not_paired', 'The certificates in the pair record of this device cannot be used.', {
    meaning: 'It has to be made again; the device asks for Trust once more.',
    reason: 'invalid_pair_record',
    details: { tls_error: code },
  });
}

export function isTlsFailure(error: unknown): error is IbkError {
  return error instanceof IbkError && (error.reason === 'tls' || error.reason === 'tls_closed');
}

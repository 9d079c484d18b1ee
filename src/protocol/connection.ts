/** Sockets as `Connection`s: who closes, who notices, and how bytes are sent without outrunning the other side. */
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { IbkError } from '../errors.js';
import { abortError, throwIfAborted } from '../io/abort.js';
import type { Connection } from './transport.js';

const KEEP_ALIVE_AFTER_MS = 30_000;

/**
 * Wraps an open stream. From here on a failure of the stream is never an unhandled 'error' event: it is found in `closed.reason` and by
 * whoever reads or writes. `gone` (the device was unplugged) destroys the stream with its reason.
 */
export function connectionOf(stream: Duplex, gone?: AbortSignal): Connection {
  const closed = new AbortController();
  const unplugged = () => stream.destroy(gone === undefined ? undefined : abortError(gone));
  const end = (cause?: Error) => {
    gone?.removeEventListener('abort', unplugged);
    if (!closed.signal.aborted) closed.abort(asConnectionLost(cause));
  };
  stream.on('error', end);
  stream.on('close', () => end(stream.errored ?? undefined));
  gone?.addEventListener('abort', unplugged, { once: true });
  if (gone?.aborted) unplugged();
  const close = () => {
    stream.destroy();
    end(new IbkError('connection_lost', 'The connection was closed on this side.', { reason: 'closed_here' }));
  };
  return { stream, closed: closed.signal, close };
}

export function asConnectionLost(cause: unknown): IbkError {
  if (cause instanceof IbkError) return cause;
  return new IbkError('connection_lost', 'The connection to the device was lost.', { cause });
}

/**
 * Writes `parts` as one piece and waits while the stream is full.
 * @throws IbkError `connection_lost`, or the signal's reason
 */
export async function send(connection: Connection, parts: readonly Buffer[], signal?: AbortSignal): Promise<void> {
  const { stream, closed } = connection;
  throwIfAborted(signal);
  if (closed.aborted || !stream.writable) throw closed.aborted ? abortError(closed) : asConnectionLost(stream.errored);
  stream.cork();
  let roomLeft = true;
  for (const part of parts) roomLeft = stream.write(part);
  stream.uncork();
  if (!roomLeft) await drained(connection, signal);
}

/**
 * Writes `bytes` and waits until the stream is done with them: from then on they may be changed. Nothing is copied on the way.
 * @throws IbkError `connection_lost`, or the signal's reason; the stream may then still hold the bytes
 */
export function handOver({ stream, closed }: Connection, bytes: Buffer, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(abortError(signal));
    if (closed.aborted) return reject(abortError(closed));
    const stop = () => signal !== undefined && reject(abortError(signal));
    signal?.addEventListener('abort', stop, { once: true });
    stream.write(bytes, (error) => {
      signal?.removeEventListener('abort', stop);
      if (!error) resolve();
      else reject(closed.aborted ? abortError(closed) : asConnectionLost(stream.errored ?? error));
    });
  });
}

/** Waits for 'drain', for the end of the connection, or for the signal. */
export function drained({ stream, closed }: Connection, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (finish: () => void) => () => {
      stream.off('drain', done);
      closed.removeEventListener('abort', lost);
      signal?.removeEventListener('abort', stop);
      finish();
    };
    const done = settle(resolve);
    const lost = settle(() => reject(abortError(closed)));
    const stop = settle(() => signal !== undefined && reject(abortError(signal)));
    stream.once('drain', done);
    closed.addEventListener('abort', lost, { once: true });
    signal?.addEventListener('abort', stop, { once: true });
    if (closed.aborted) lost();
    else if (signal?.aborted) stop();
    else if (!stream.writableNeedDrain) done();
  });
}

/** Opens a socket; rejects with the system's own error, or with the signal's reason. */
export function openSocket(
  target: { readonly path: string } | { readonly host: string; readonly port: number },
  signal: AbortSignal,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(abortError(signal));
    const socket =
      'path' in target ? connect({ path: target.path }) : connect({ host: target.host, port: target.port });
    const settle = (finish: () => void) => {
      socket.off('connect', connected).off('error', failed);
      signal.removeEventListener('abort', stop);
      finish();
    };
    const connected = () =>
      settle(() => {
        socket.setNoDelay(true);
        if (!('path' in target)) socket.setKeepAlive(true, KEEP_ALIVE_AFTER_MS);
        resolve(socket);
      });
    const failed = (error: Error) => settle(() => reject(error));
    const stop = () =>
      settle(() => {
        socket.on('error', () => undefined); // what it still reports is of no interest
        socket.destroy();
        reject(abortError(signal));
      });
    socket.on('connect', connected).on('error', failed);
    signal.addEventListener('abort', stop, { once: true });
  });
}

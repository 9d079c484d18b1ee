/**
 * One Device Link conversation: the version exchange, then one request of the device at a time, each answered once.
 *
 *   const link = await DeviceLink.open(connection, { clock, stallMs, answerMs, signal });
 *   await link.ask(hello)                       a message whose answer is a ProcessMessage (Hello)
 *   await link.exchange(request, host, events)  the device drives until its final ProcessMessage
 *   await link.disconnect()                     also after a failure; bounded by the signal it is given
 */
import { IbkError } from '../../errors.js';
import { abortError, throwIfAborted, within } from '../../io/abort.js';
import { ByteReader } from '../../io/byte-reader.js';
import type { Clock } from '../../io/clock.js';
import type { PlistDict, PlistValue } from '../../plist/value.js';
import { constantName, type Trace, type TraceConnection } from '../../trace/trace.js';
import { handOver, send } from '../connection.js';
import type { Connection } from '../transport.js';
import { buildFrame, HANDSHAKE_LIMIT, MESSAGE_LIMIT, readFrame } from './framing.js';
import type { DeviceLinkHost } from './host.js';
import { type HostWork, lateFailure } from './late-failure.js';
import { malformed } from './malformed.js';
import { type DeviceRequest, decodeRequest, disconnectMessage, processMessage, versionReply } from './messages.js';
import { Outgoing, streamEnding } from './outgoing.js';
import { Patience } from './patience.js';
import { type LinkProgress, ProgressMeter } from './progress.js';
import { type LinkEvents, serve } from './serve.js';
import { StallGuard } from './stall-guard.js';

export interface LinkOptions {
  readonly clock: Clock;
  /** Longest silence of the device while it has the word. */
  readonly stallMs: number;
  /** Longest wait for an answer of the handshake. */
  readonly answerMs: number;
  readonly signal: AbortSignal;
  readonly trace?: Trace | undefined;
}

export class DeviceLink {
  /** What the device announced: 300 up to iOS 13, 400 from iOS 14. */
  version = 0;
  readonly #connection: Connection;
  readonly #reader: ByteReader;
  readonly #options: LinkOptions;
  readonly #guard: StallGuard;
  /** Silence counts from here on: before the request it is our turn, and what is gathered then takes its time. */
  readonly #begin: () => void;
  readonly #signal: AbortSignal;
  readonly #progress = new ProgressMeter();
  readonly #patience = new Patience(() => this.#progress.bytesDone);
  readonly #outgoing = new Outgoing((bytes, signal) => this.#handOver(bytes, signal));
  readonly #log: TraceConnection | undefined;
  #written = 0;
  #over = false;

  private constructor(connection: Connection, options: LinkOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#reader = new ByteReader(connection.stream);
    this.#guard = new StallGuard(options.clock, options.stallMs, () => this.#reader.received + this.#written);
    this.#begin = this.#guard.pause();
    this.#signal = AbortSignal.any([options.signal, connection.closed, this.#guard.signal]);
    this.#log = options.trace?.open('devicelink', 'com.apple.mobilebackup2');
  }

  /**
   * The version exchange. A version that is not known is echoed, as all clients that look at it found to work.
   * @throws IbkError `device_error`, `connection_lost`, `timeout`, or the signal's reason
   */
  static async open(connection: Connection, options: LinkOptions): Promise<DeviceLink> {
    const link = new DeviceLink(connection, options);
    try {
      await link.#bounded('the version exchange', async (signal) => {
        const hello = await link.#receive(HANDSHAKE_LIMIT, signal);
        if (hello.kind !== 'versionExchange') throw malformed('no version at the start');
        link.version = hello.major;
        await link.#send(versionReply(hello.major), signal);
        const ready = await link.#receive(HANDSHAKE_LIMIT, signal);
        if (ready.kind !== 'deviceReady') throw malformed('it was not ready after the version exchange');
      });
      return link;
    } catch (error) {
      link.end('failed');
      throw error;
    }
  }

  /** Figures of the running exchange; read them whenever they are shown. */
  get progress(): LinkProgress {
    return this.#progress;
  }

  /** Milliseconds for which the device has been silent while it had the word. */
  silentMs(): number {
    return this.#guard.silentMs();
  }

  /** Silence does not count until the returned function is called: the phone waits for a person. */
  pauseStall(): () => void {
    return this.#guard.pause();
  }

  /** One question that the device answers with a ProcessMessage. */
  ask(content: PlistDict): Promise<PlistDict> {
    return this.#bounded('an answer', async (signal) => {
      await this.#send(processMessage(content), signal);
      const answer = await this.#receive(HANDSHAKE_LIMIT, signal);
      if (answer.kind === 'disconnect') throw ended(answer.reason);
      if (answer.kind !== 'processMessage') throw malformed('another message came instead of an answer');
      return answer.content;
    });
  }

  /**
   * Sends `request` and serves the device until its final answer, which is returned whatever it says, unless the host failed after all.
   * @throws IbkError `unsafe`, `device_error`, `connection_lost`, `timeout` (reason `stall`), the signal's reason, or the host's late failure
   */
  async exchange(request: PlistDict, host: DeviceLinkHost, events: LinkEvents): Promise<PlistDict> {
    this.#begin();
    const work = { host, pauseStall: () => this.#guard.pause() };
    let last: PlistDict;
    try {
      last = await this.#serveUntilEnd(request, work, events);
    } catch (error) {
      // What the host still does for it ends before the run does.
      await lateFailure(work);
      throw error;
    }
    const late = await lateFailure(work);
    if (late === undefined) return last;
    events.onHostFailure('', late);
    throw late;
  }

  async #serveUntilEnd(request: PlistDict, work: HostWork, events: LinkEvents): Promise<PlistDict> {
    const signal = this.#signal;
    await this.#send(processMessage(request), signal);
    const { signal: stopped } = this.#options;
    for (;;) {
      // What has arrived is read even after the link is lost, but not after we were stopped: a phone that never pauses would keep us.
      throwIfAborted(stopped);
      const received = await this.#receive(MESSAGE_LIMIT, signal);
      if (received.kind === 'processMessage') return received.content;
      if (received.kind === 'disconnect') throw ended(received.reason);
      events.onRequest(received);
      const answer = await serve(received, {
        reader: this.#reader,
        outgoing: this.#outgoing,
        ...work,
        signal,
        stopped,
        progress: this.#progress,
        patience: this.#patience,
        log: this.#log,
        events,
      });
      if (answer !== undefined) await this.#send(answer, signal);
    }
  }

  /** Tells the device that we are done, whatever state the conversation is in. Never throws. */
  async disconnect(signal: AbortSignal): Promise<void> {
    if (this.#over) return;
    try {
      const pieces = [...streamEnding(this.#outgoing.place), ...buildFrame(disconnectMessage())];
      this.#log?.message('sent', 'DLMessageDisconnect', disconnectMessage(), pieces.at(-1)?.length ?? 0);
      await this.#write(pieces, signal);
    } catch {
      // The device is gone, or takes nothing more: there is nobody left to tell.
    }
    this.end('done');
  }

  /** Stops all watching and closes the connection. Safe to call twice. */
  end(why: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#guard.stop();
    this.#log?.close(why);
    this.#connection.close();
  }

  async #receive(limit: number, signal: AbortSignal): Promise<DeviceRequest> {
    const { value, bytes } = await readFrame(this.#reader, limit, signal);
    if (this.#log !== undefined) this.#log.message('received', messageName(value), value, bytes);
    return decodeRequest(value);
  }

  async #send(message: PlistValue, signal: AbortSignal): Promise<void> {
    const pieces = buildFrame(message);
    if (this.#log !== undefined) this.#log.message('sent', messageName(message), message, pieces[1].length);
    await this.#write(pieces, signal);
  }

  async #write(pieces: readonly Buffer[], signal: AbortSignal): Promise<void> {
    for (const piece of pieces) this.#written += piece.length;
    await send(this.#connection, pieces, signal);
  }

  #handOver(bytes: Buffer, signal: AbortSignal): Promise<void> {
    this.#written += bytes.length;
    return handOver(this.#connection, bytes, signal);
  }

  #bounded<T>(what: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { clock, answerMs, signal } = this.#options;
    if (signal.aborted) return Promise.reject(abortError(signal));
    const onTimeout = () =>
      new IbkError('timeout', `The iPhone did not answer within ${Math.round(answerMs / 1000)} s (${what}).`, {
        reason: 'answer',
        hint: 'Restart the device, or give it more time: --timeout 3m',
      });
    return within({ clock, timeoutMs: answerMs, signal, onTimeout }, work);
  }
}

function messageName(value: PlistValue): string {
  return constantName(Array.isArray(value) ? value[0] : undefined) ?? 'unreadable';
}

/** The device closed the conversation without a final answer. */
function ended(reason: string | undefined): IbkError {
  return new IbkError('device_error', 'The iPhone ended the conversation without an answer.', {
    reason: 'no_answer',
    details: { device_reason: reason ?? null },
  });
}

/**
 * A device with an open session: what the operations work with.
 *
 *   await using device = await openDevice(ctx, transport, record);
 *   device.values / device.text('SerialNumber')     all facts, fetched once when it was opened
 *   await device.getValue('com.apple.mobile.backup', 'WillEncrypt')
 *   const connection = await device.startService('com.apple.afc');            // yours: close() it
 *   const backup = await device.startService('com.apple.mobilebackup2', { escrowBag: true });
 *   await device.release();                          // ends the lockdown session; the next use opens one again
 *
 * lockdownd drops a connection that is idle for about 10 s (libimobiledevice's documentation), so an idle session is replaced before it is
 * used, and one that turns out to be stale is replaced and the request repeated, once. Services may be started in parallel.
 */
import { IbkError } from '../../errors.js';
import type { PlistDict, PlistValue } from '../../plist/value.js';
import { optionalString } from '../../plist/fields.js';
import type { ProtocolContext } from '../context.js';
import type { WaitOptions } from '../plist-channel.js';
import type { Connection, Transport } from '../transport.js';
import type { PairRecord } from '../usbmux/pair-record.js';
import { isStaleSession } from './errors.js';
import { boundedFacts } from './facts.js';
import type { IosVersion } from './ios-version.js';
import { decodeStartedService, type StartedService } from './messages.js';
import { type LockdownConversation, type OpenedSession, openSession, otherRange, nounOf } from './session.js';
import { isTlsFailure, startTls, type TlsRange, tlsRanges } from './tls.js';

/** Well below the 10 s after which lockdownd hangs up. */
const IDLE_LIMIT_MS = 6000;

export interface StartServiceOptions {
  /** Send the record's escrow bag, so that the service can work while the screen is locked. */
  readonly escrowBag?: boolean;
  readonly signal?: AbortSignal | undefined;
}

export class OpenedDevice implements AsyncDisposable {
  readonly udid: string;
  readonly transport: Transport;
  readonly record: PairRecord;
  readonly ios: IosVersion;
  /** iPhone, iPad, iPod or device: for words. */
  readonly noun: string;
  /** All values that lockdownd shows in a session, without a domain. */
  readonly values: PlistDict;
  readonly #ctx: ProtocolContext;
  #session: LockdownConversation | undefined;
  #tls: TlsRange;
  #lastUse: number;
  #queue: Promise<unknown> = Promise.resolve();
  #warnedOfBag = false;

  constructor(
    ctx: ProtocolContext,
    transport: Transport,
    record: PairRecord,
    opened: OpenedSession,
    values: PlistDict,
  ) {
    this.#ctx = ctx;
    this.transport = transport;
    this.udid = transport.udid;
    this.record = record;
    this.ios = opened.greeting.ios;
    this.noun = nounOf(opened.greeting.deviceClass);
    this.values = values;
    this.#session = opened.conversation;
    this.#tls = opened.tls;
    this.#lastUse = ctx.clock.monotonic();
  }

  /** A fact that is a string and not empty, or undefined. */
  text(key: string): string | undefined {
    return optionalString(this.values, key) || undefined;
  }

  /** One value, or with no key all of a domain; undefined when the device has none. */
  getValue(domain?: string, key?: string, options: WaitOptions = {}): Promise<PlistValue | undefined> {
    return this.#use((session) => session.getValue(domain, key, options), options.signal);
  }

  async setValue(domain: string | undefined, key: string, value: PlistValue, options: WaitOptions = {}): Promise<void> {
    await this.#use(
      (session) => session.request('SetValue', { Domain: domain, Key: key, Value: value }, options),
      options.signal,
    );
  }

  /**
   * Starts a service and connects to it, with TLS where the device says so.
   * @throws IbkError what lockdown/errors.ts has; `device_locked`, reason `not_unlocked_since_start`; `connection_lost`, `timeout`
   */
  async startService(name: string, options: StartServiceOptions = {}): Promise<Connection> {
    try {
      return await this.#connectService(await this.#startService(name, options), this.#tls, options);
    } catch (error) {
      if (!isTlsFailure(error)) throw error;
      const other = otherRange(tlsRanges(this.ios), this.#tls);
      const connection = await this.#connectService(await this.#startService(name, options), other, options);
      this.#tls = other;
      return connection;
    }
  }

  /** Ends the lockdown session; open services stay, and the device can be used again. */
  async release(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    await session?.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }

  async #startService(name: string, { escrowBag, signal }: StartServiceOptions): Promise<StartedService> {
    const bag = escrowBag ? this.record.fields.escrowBag : undefined;
    if (escrowBag && bag === undefined) this.#warnOfMissingBag();
    return this.#use(
      async (session) =>
        decodeStartedService(await session.request('StartService', { Service: name, EscrowBag: bag }, { signal })),
      signal,
    );
  }

  /** libimobiledevice refuses to go on here; an unlocked device needs no bag. */
  #warnOfMissingBag(): void {
    if (this.#warnedOfBag) return;
    this.#warnedOfBag = true;
    this.#ctx.onEvent({
      type: 'warning',
      udid: this.udid,
      reason: 'no_escrow_bag',
      message: `The pair record has no escrow bag: the ${this.noun} must stay unlocked until the end.`,
      hint: 'To have one: unlock it, then run ibk unpair && ibk pair',
    });
  }

  async #connectService(service: StartedService, range: TlsRange, options: StartServiceOptions): Promise<Connection> {
    const signal = options.signal ?? this.#ctx.signal;
    if (service.port < 1 || service.port > 65535)
      throw new IbkError('device_error', `The device named port ${service.port}.`, { reason: 'protocol' });
    const raw = await this.transport.connect(service.port, { signal });
    if (!service.wantsTls) return raw;
    const tls = await startTls(raw, this.record, range, this.#ctx, signal);
    this.#session?.note('service_tls', { port: service.port, ...tls.facts });
    return tls.connection;
  }

  /** One request at a time; reopens the session when it is idle, gone or stale. */
  #use<T>(work: (session: LockdownConversation) => Promise<T>, signal?: AbortSignal): Promise<T> {
    const run = async () => {
      const fresh = this.#session === undefined;
      try {
        return await work(await this.#current(signal));
      } catch (error) {
        if (fresh || !isStaleSession(error)) throw error;
        this.#drop();
        return await work(await this.#current(signal));
      } finally {
        this.#lastUse = this.#ctx.clock.monotonic();
      }
    };
    const result = this.#queue.then(run);
    this.#queue = result.catch(() => undefined);
    return result;
  }

  async #current(signal?: AbortSignal): Promise<LockdownConversation> {
    const idleMs = this.#ctx.clock.monotonic() - this.#lastUse;
    if (this.#session !== undefined && (idleMs > IDLE_LIMIT_MS || !this.#session.isOpen)) this.#drop();
    if (this.#session === undefined) {
      const opened = await openSession(this.#ctx, this.transport, this.record, { signal, preferred: this.#tls });
      this.#session = opened.conversation;
      this.#tls = opened.tls;
    }
    return this.#session;
  }

  #drop(): void {
    this.#session?.close();
    this.#session = undefined;
  }
}

/**
 * Opens a session and fetches all facts.
 * @throws IbkError `not_paired` when the device does not know the record, and whatever `openSession` throws
 */
export async function openDevice(
  ctx: ProtocolContext,
  transport: Transport,
  record: PairRecord,
  options: WaitOptions = {},
): Promise<OpenedDevice> {
  const opened = await openSession(ctx, transport, record, options);
  try {
    if (!opened.isRecordedPeer) warnOfStranger(ctx, transport.udid, opened);
    const all = await opened.conversation.getValue(undefined, undefined, options);
    const values = boundedFacts(all);
    return new OpenedDevice(ctx, transport, record, opened, values);
  } catch (error) {
    opened.conversation.close('failed');
    throw error;
  }
}

/** Not an error yet: that the device shows its pairing certificate is inferred, and unproven on hardware. */
function warnOfStranger(ctx: ProtocolContext, udid: string, opened: OpenedSession): void {
  ctx.onEvent({
    type: 'warning',
    udid,
    reason: 'unexpected_device_key',
    message: `The ${nounOf(opened.greeting.deviceClass)} answered with another key than the one it was paired with.`,
    hint: 'If this is not the device that you expect, stop and pair it again: ibk pair',
  });
}

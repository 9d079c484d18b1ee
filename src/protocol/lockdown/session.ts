/** A conversation with lockdownd: from the first connection to an open session. */
import { IbkError } from '../../errors.js';
import { field, optionalString } from '../../plist/fields.js';
import type { PlistDict, PlistValue } from '../../plist/value.js';
import type { ProtocolContext } from '../context.js';
import { PlistChannel, type WaitOptions } from '../plist-channel.js';
import type { Transport } from '../transport.js';
import type { PairRecord } from '../usbmux/pair-record.js';
import { isLockdownError, lockdownError } from './errors.js';
import { boundedFact, boundedFacts } from './facts.js';
import { type IosVersion, parseIosVersion } from './ios-version.js';
import {
  decodeStartedSession,
  LOCKDOWN_PORT,
  LOCKDOWN_TYPE,
  type LockdownRequest,
  lockdownErrorName,
  lockdownRequest,
  PROTOCOL_VERSION,
} from './messages.js';
import { isTlsFailure, startTls, type TlsRange, tlsRanges } from './tls.js';

/** What a device tells without a session; all of it may be missing. */
export interface Greeting {
  readonly ios: IosVersion;
  readonly deviceClass: string | undefined;
  readonly values: PlistDict;
}

/** One connection to lockdownd. Requests go one at a time. */
export class LockdownConversation {
  #channel: PlistChannel;
  #sessionId: string | undefined;
  readonly #ctx: ProtocolContext;
  /** iPhone, iPad …: for the words of errors. */
  noun = 'device';

  private constructor(channel: PlistChannel, ctx: ProtocolContext) {
    this.#channel = channel;
    this.#ctx = ctx;
  }

  /** Connects and makes sure that it is lockdownd. @throws IbkError as `Transport.connect`; `device_error` for anything else there */
  static async open(
    ctx: ProtocolContext,
    transport: Transport,
    options: WaitOptions = {},
  ): Promise<LockdownConversation> {
    const signal = options.signal ?? ctx.signal;
    const connection = await transport.connect(LOCKDOWN_PORT, { signal });
    const conversation = new LockdownConversation(new PlistChannel(connection, ctx, 'lockdown', LOCKDOWN_TYPE), ctx);
    try {
      const type = optionalString(await conversation.request('QueryType', {}, { signal }), 'Type');
      if (type !== LOCKDOWN_TYPE) throw notLockdown(type);
      return conversation;
    } catch (error) {
      conversation.close('failed');
      throw error;
    }
  }

  /** True while the connection is open as far as this side knows. */
  get isOpen(): boolean {
    return !this.#channel.connection.closed.aborted;
  }

  /**
   * One request, its answer.
   * @throws IbkError what `errors.ts` has for the device's error name; `timeout`, `connection_lost`
   */
  async request(
    name: LockdownRequest,
    extra: Readonly<Record<string, PlistValue | undefined>> = {},
    options: WaitOptions = {},
  ): Promise<PlistDict> {
    const answer = await this.answerTo(name, extra, options);
    const error = lockdownErrorName(answer);
    if (error === undefined) return answer;
    const service = typeof extra.Service === 'string' ? extra.Service : undefined;
    throw lockdownError(error, { request: name, service, noun: this.noun });
  }

  /** The same for those who have to see what else is in a refusal. @throws IbkError `timeout`, `connection_lost` */
  async answerTo(
    name: LockdownRequest,
    extra: Readonly<Record<string, PlistValue | undefined>> = {},
    options: WaitOptions = {},
  ): Promise<PlistDict> {
    const signal = options.signal ?? this.#ctx.signal;
    await this.#channel.send(name, lockdownRequest(name, extra), { ...options, signal });
    return this.#channel.receive({ ...options, signal });
  }

  /** A value, all values of a domain, or (with neither) all values that the device shows; undefined when there is none. */
  async getValue(domain?: string, key?: string, options: WaitOptions = {}): Promise<PlistValue | undefined> {
    try {
      return field(await this.request('GetValue', { Domain: domain, Key: key }, options), 'Value');
    } catch (error) {
      if (isLockdownError(error, 'MissingValue') || isLockdownError(error, 'GetProhibited')) return undefined;
      throw error;
    }
  }

  /** What is told without a session: one request where the device answers it, else the two values that the next steps need. */
  async greet(options: WaitOptions = {}): Promise<Greeting> {
    const all = await this.getValue(undefined, undefined, options);
    const values = boundedFacts(all);
    const told = async (key: string) => {
      const asked = field(values, key) ?? (await this.getValue(undefined, key, options));
      const value = typeof asked === 'string' ? boundedFact(asked) : asked;
      if (value !== undefined) values[key] = value;
      return typeof value === 'string' ? value : undefined;
    };
    const version = (await told('ProductVersion')) ?? '';
    const deviceClass = await told('DeviceClass');
    this.noun = nounOf(deviceClass);
    return { ios: parseIosVersion(version), deviceClass, values };
  }

  /**
   * Opens the session, with TLS where the device wants it. Ends the conversation when it fails.
   * @returns false when the device's key is not that of the pair record
   */
  async startSession(record: PairRecord, range: TlsRange, options: WaitOptions = {}): Promise<boolean> {
    const signal = options.signal ?? this.#ctx.signal;
    try {
      const { hostId, systemBuid } = record.fields;
      const answer = await this.request('StartSession', { HostID: hostId, SystemBUID: systemBuid }, options);
      const { sessionId, wantsTls } = decodeStartedSession(answer);
      this.#sessionId = sessionId;
      if (!wantsTls) return true;
      const tls = await startTls(this.#channel.release(), record, range, this.#ctx, signal);
      this.#channel = this.#channel.over(tls.connection);
      this.note('tls', tls.facts);
      return tls.isRecordedPeer() !== false;
    } catch (error) {
      if (isTlsFailure(error))
        this.note('tls_failed', {
          offered: `${range.minVersion}-${range.maxVersion}`,
          why: `${error.details.tls_error}`,
        });
      this.close('failed');
      throw error;
    }
  }

  /** Words of ours for the trace. */
  note(name: string, facts: Readonly<Record<string, string | number | boolean>>): void {
    this.#channel.note(name, facts);
  }

  /** iOS before 7 wants the host validated before each session. Later ones must not be asked. */
  async validatePair(record: PairRecord, options: WaitOptions = {}): Promise<void> {
    const extra = { PairRecord: record.publicPart(), ProtocolVersion: PROTOCOL_VERSION };
    await this.request('ValidatePair', extra, options);
  }

  /** Ends the session politely, within two seconds, and the connection in any case. */
  async stop(): Promise<void> {
    if (this.isOpen && this.#sessionId !== undefined && !this.#ctx.signal.aborted)
      await this.request('StopSession', { SessionID: this.#sessionId }, { timeoutMs: 2000 }).catch(() => undefined);
    this.close();
  }

  close(why = 'done'): void {
    this.#channel.close(why);
  }
}

export interface OpenedSession {
  readonly conversation: LockdownConversation;
  readonly greeting: Greeting;
  /** What worked; services use the same. */
  readonly tls: TlsRange;
  readonly isRecordedPeer: boolean;
}

/**
 * Connects, greets, validates (iOS < 7) and opens a session; retries a failed TLS handshake once with the other range, on a new
 * connection.
 * @throws IbkError `not_paired` (reason `invalid_host_id` …) when the device does not know the record
 */
export async function openSession(
  ctx: ProtocolContext,
  transport: Transport,
  record: PairRecord,
  options: WaitOptions & { readonly preferred?: TlsRange | undefined } = {},
): Promise<OpenedSession> {
  let failure: IbkError | undefined;
  for (let attempt = 0; attempt < 2; attempt++) {
    const conversation = await LockdownConversation.open(ctx, transport, options);
    try {
      const greeting = await conversation.greet(options);
      const ranges = tlsRanges(greeting.ios);
      const tls =
        (attempt === 0 ? (options.preferred ?? ranges[0]) : otherRange(ranges, options.preferred)) ?? ranges[0];
      if (greeting.ios.major < 7 && greeting.deviceClass !== 'Watch') await conversation.validatePair(record, options);
      const isRecordedPeer = await conversation.startSession(record, tls, options);
      return { conversation, greeting, tls, isRecordedPeer };
    } catch (error) {
      conversation.close('failed');
      if (!isTlsFailure(error)) throw error;
      failure = error;
    }
  }
  throw failure?.reason === 'tls_closed' ? forgotten(failure) : failure;
}

export function otherRange(ranges: readonly [TlsRange, TlsRange], used: TlsRange | undefined): TlsRange {
  return used === ranges[1] ? ranges[0] : ranges[1];
}

/** Closing the connection right after a good StartSession means the same as InvalidHostID (pymobiledevice3 takes it so). */
function forgotten(cause: IbkError): IbkError {
  return new IbkError(
    'not_paired',
    'The device ended the secure connection: most likely it no longer knows this computer.',
    {
      meaning: 'It was restored, or its trust settings were reset. Backups that were made stay as they are.',
      hint: 'ibk pair',
      reason: 'tls_closed',
      cause,
    },
  );
}

function notLockdown(type: string | undefined): IbkError {
  if (type === 'com.apple.mobile.restored')
    return new IbkError('device_busy', 'The device is in restore mode.', {
      hint: 'Finish the restore with Finder or Apple Devices, then run the same command again.',
      reason: 'restore_mode',
    });
  return new IbkError('device_error', 'Something other than lockdownd answered on the device.', { reason: 'protocol' });
}

/** iPhone, iPad, iPod, Watch …; else device. */
export function nounOf(deviceClass: string | undefined): string {
  return deviceClass !== undefined && /^(iPhone|iPad|iPod)$/.test(deviceClass) ? deviceClass : 'device';
}

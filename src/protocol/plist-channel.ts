/**
 * The framing of lockdownd and of most services: u32 big-endian length, then a property list. Requests are XML; answers may be XML or
 * binary.
 *
 *   const channel = new PlistChannel(connection, ctx, 'lockdown', 'com.apple.mobile.lockdown');
 *   await channel.send('GetValue', dict);  const answer = await channel.receive();
 */
import { IbkError } from '../errors.js';
import { within } from '../io/abort.js';
import { ByteReader } from '../io/byte-reader.js';
import { buildXmlPlist, parsePlist } from '../plist/codec.js';
import { asDict, optionalString } from '../plist/fields.js';
import type { PlistDict } from '../plist/value.js';
import { constantName, type TraceConnection, type TraceLayer } from '../trace/trace.js';
import { send } from './connection.js';
import type { ProtocolContext } from './context.js';
import type { Connection } from './transport.js';

/** The largest real answers are icons and app metadata, a few MiB; libimobiledevice 1.2 took none of 16 MiB or more. */
const MOST_BYTES = 16 * 1024 * 1024;

export interface WaitOptions {
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
}

export class PlistChannel {
  readonly connection: Connection;
  readonly #ctx: ProtocolContext;
  readonly #layer: TraceLayer;
  readonly #service: string;
  readonly #log: TraceConnection | undefined;
  readonly #reader: ByteReader;
  #closed = false;

  constructor(connection: Connection, ctx: ProtocolContext, layer: TraceLayer, service: string, log?: TraceConnection) {
    this.connection = connection;
    this.#ctx = ctx;
    this.#layer = layer;
    this.#service = service;
    this.#log = log ?? ctx.trace?.open(layer, service);
    this.#reader = new ByteReader(connection.stream);
  }

  /** The same conversation, on the stream that TLS has made of the connection. */
  over(connection: Connection): PlistChannel {
    return new PlistChannel(connection, this.#ctx, this.#layer, this.#service, this.#log);
  }

  async send(name: string, message: PlistDict, options: WaitOptions = {}): Promise<void> {
    const body = buildXmlPlist(message);
    const head = Buffer.allocUnsafe(4);
    head.writeUInt32BE(body.length, 0);
    this.#log?.message('sent', name, message, body.length);
    await this.#bounded(options, (signal) => send(this.connection, [head, body], signal));
  }

  /**
   * The next message. A wait that fails closes the channel: an answer that comes too late would be taken for that of the next request.
   * @throws IbkError `timeout`, `connection_lost`, `device_error` for what is no message
   */
  async receive(options: WaitOptions = {}): Promise<PlistDict> {
    try {
      return await this.#bounded(options, (signal) => this.#read(signal));
    } catch (error) {
      this.close('failed');
      throw error;
    }
  }

  /** Words of ours for the trace. */
  note(name: string, facts: Readonly<Record<string, string | number | boolean>>): void {
    this.#log?.note(name, facts);
  }

  /** Gives the connection up for another use (TLS). @throws IbkError `device_error` when the other side spoke out of turn */
  release(): Connection {
    if (this.#reader.rest().length > 0)
      throw new IbkError('device_error', 'The device sent data where it should have waited.', { reason: 'protocol' });
    return this.connection;
  }

  /** Safe to call twice. */
  close(why = 'done'): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#log?.close(why);
    this.connection.close();
  }

  async #read(signal: AbortSignal): Promise<PlistDict> {
    const length = (await this.#reader.exactly(4, signal)).readUInt32BE(0);
    if (length > MOST_BYTES)
      throw new IbkError('device_error', `${this.#service} announced a message of ${length} bytes.`, {
        reason: 'protocol',
      });
    const body = await this.#reader.exactly(length, signal);
    const what = `The answer of ${this.#service}`;
    const message = asDict(parsePlist(body, what, { maxBytes: MOST_BYTES }), what);
    const name = ['Request', 'Command', 'Status', 'Error'].map((key) => optionalString(message, key)).find(Boolean);
    this.#log?.message('received', constantName(name) ?? 'answer', message, length);
    return message;
  }

  #bounded<T>({ signal, timeoutMs }: WaitOptions, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const limit = timeoutMs ?? this.#ctx.timeouts.answerMs;
    const onTimeout = () =>
      new IbkError('timeout', `The device did not answer within ${Math.ceil(limit / 1000)} s.`, {
        hint: 'Unlock it, or give it more time: --timeout 3m',
        details: { service: this.#service },
      });
    return within({ clock: this.#ctx.clock, timeoutMs: limit, signal: signal ?? this.#ctx.signal, onTimeout }, work);
  }
}

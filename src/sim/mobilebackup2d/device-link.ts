/**
 * The phone's end of DeviceLink: u32 big-endian length, then a property list whose root is an array that begins with a name. One request
 * at a time, each answered by exactly one DLMessageStatusResponse of four elements. Strict: what a real phone could not use is a violation.
 */
import type { Duplex } from 'node:stream';
import { IbkError } from '../../errors.js';
import { within } from '../../io/abort.js';
import { ByteReader } from '../../io/byte-reader.js';
import type { Clock } from '../../io/clock.js';
import { buildBinaryPlist, parsePlist } from '../../plist/codec.js';
import { isPlistDict, type PlistValue } from '../../plist/value.js';
import { ConnectionOver, ProtocolViolation } from './endings.js';
import { type OutputFaults, WireOutput } from './output.js';

export const PLACEHOLDER = '___EmptyParameterString___';

/** Largest message taken from the computer: a listing of a flat backup with 300,000 files is about 60 MB. */
const MAX_MESSAGE_BYTES = 256 * 1024 * 1024;
/** A listing of a million files in one folder, as before iOS 10. */
const MAX_LISTED_VALUES = 20_000_000;
/** A computer that says nothing for this long has gone (a real phone's limit is not known). */
const HOST_TIMEOUT_MS = 30 * 60_000;

export interface HostMessage {
  readonly name: string;
  readonly elements: readonly PlistValue[];
}

export interface HostStatus {
  readonly code: number;
  readonly text: string;
  readonly payload: PlistValue;
}

export class PhoneDeviceLink {
  readonly reader: ByteReader;
  readonly output: WireOutput;
  readonly signal: AbortSignal;
  /** Aborts with `signal`, or when the computer closes: for waits in which nothing is read (a person at the phone, silence). */
  readonly attended: AbortSignal;
  readonly #clock: Clock;
  readonly #onSent: (name: string) => void;

  constructor(
    stream: Duplex,
    options: { signal: AbortSignal; clock: Clock; faults: OutputFaults; onSent: (name: string) => void },
  ) {
    this.reader = new ByteReader(stream);
    this.output = new WireOutput(stream, options.signal, options.faults);
    this.signal = options.signal;
    const closed = new AbortController();
    const gone = () => closed.abort(new IbkError('connection_lost', 'The computer closed the connection.'));
    stream.once('end', gone).once('close', gone);
    this.attended = AbortSignal.any([options.signal, closed.signal]);
    this.#clock = options.clock;
    this.#onSent = options.onSent;
  }

  /** Queues a message; goes out with the next flush. */
  put(message: readonly PlistValue[]): void {
    const body = buildBinaryPlist([...message]);
    this.#onSent(typeof message[0] === 'string' ? message[0] : '?');
    this.putRaw(body.length, body);
  }

  /** Queues a frame as it is, even if it is wrong. */
  putRaw(length: number, body: Buffer): void {
    const head = Buffer.allocUnsafe(4);
    head.writeUInt32BE(length, 0);
    this.output.put(head);
    this.output.put(body);
  }

  async send(message: readonly PlistValue[]): Promise<void> {
    this.put(message);
    await this.output.flush();
  }

  /** Bounds a wait for the computer. */
  waiting<T>(work: (signal: AbortSignal) => Promise<T>, timeoutMs = HOST_TIMEOUT_MS): Promise<T> {
    const onTimeout = () => new IbkError('timeout', 'The computer has said nothing for too long.');
    return within({ clock: this.#clock, timeoutMs, signal: this.signal, onTimeout }, work);
  }

  /** The next message. @throws ProtocolViolation; IbkError `connection_lost`, `timeout` or the signal's reason */
  async receive(timeoutMs = HOST_TIMEOUT_MS): Promise<HostMessage> {
    const body = await this.waiting(async (signal) => {
      const length = (await this.reader.exactly(4, signal)).readUInt32BE(0);
      if (length === 0 || length > MAX_MESSAGE_BYTES) throw new ProtocolViolation(`a message of ${length} bytes`);
      return this.reader.exactly(length, signal);
    }, timeoutMs);
    const limits = { maxBytes: MAX_MESSAGE_BYTES, maxValues: MAX_LISTED_VALUES };
    let value: PlistValue;
    try {
      value = parsePlist(body, 'message from the computer', limits);
    } catch (error) {
      throw new ProtocolViolation(error instanceof Error ? error.message : String(error));
    }
    const name = Array.isArray(value) ? value[0] : undefined;
    if (!Array.isArray(value) || typeof name !== 'string' || !name.startsWith('DL')) {
      throw new ProtocolViolation('a message that is not an array beginning with a DL name');
    }
    return { name, elements: value };
  }

  /** Was a goodbye of the computer among the last that came? Looked at when the link has died, to tell a wish from an accident. */
  async saidGoodbye(): Promise<boolean> {
    try {
      while (this.reader.buffered > 0) {
        if ((await this.receive()).name === 'DLMessageDisconnect') return true;
      }
    } catch {
      // Half a message: the link died in the middle.
    }
    return false;
  }

  /** The status that answers `request`. @throws ConnectionOver when the computer disconnects instead; ProtocolViolation */
  async status(request: string): Promise<HostStatus> {
    const { name, elements } = await this.receive();
    if (name === 'DLMessageDisconnect') throw new ConnectionOver('host disconnected');
    if (name !== 'DLMessageStatusResponse') throw new ProtocolViolation(`${request}: answered with ${name}`);
    if (elements.length !== 4) throw new ProtocolViolation(`${request}: a status of ${elements.length} elements`);
    const [, code, text, payload] = elements;
    if (typeof text !== 'string') throw new ProtocolViolation(`${request}: element 2 of the status is no string`);
    if (payload === undefined) throw new ProtocolViolation(`${request}: a status without payload`);
    return { code: statusCode(code, request), text, payload };
  }

  /** Sends a request without file stream and gives its status. */
  async request(message: readonly PlistValue[]): Promise<HostStatus> {
    await this.send(message);
    return this.status(String(message[0]));
  }
}

/** A negative status comes as a signed integer or as 2^64 - n: both are in use. */
function statusCode(value: PlistValue | undefined, request: string): number {
  if (typeof value === 'number' && Number.isInteger(value)) return value;
  if (typeof value !== 'bigint') throw new ProtocolViolation(`${request}: the status code is no integer`);
  const signed = value >= 2n ** 63n && value < 2n ** 64n ? value - 2n ** 64n : value;
  if (signed < -128n || signed > 127n) throw new ProtocolViolation(`${request}: status code ${value}`);
  return Number(signed);
}

/** Payload of a status without a result: a dictionary, or the placeholder that idevicebackup2 sends after CreateDirectory. */
export function expectNoResult(status: HostStatus, request: string): HostStatus {
  if (isPlistDict(status.payload) || status.payload === PLACEHOLDER) return status;
  throw new ProtocolViolation(`${request}: the payload of the status is no dictionary`);
}

/**
 * The client side of usbmuxd. Each request is a connection of its own, as libusbmuxd does it.
 *
 *   listDevices()  listen({signal})  connect(deviceId, port)  readBuid()
 *   readPairRecord(udid)  savePairRecord(udid, bytes, deviceId)  deletePairRecord(udid)
 *
 * All reject with IbkError: `usbmuxd` when the daemon cannot be reached or understood, `timeout`, or the signal's reason.
 */
import type { Socket } from 'node:net';
import { IbkError } from '../../errors.js';
import { type Deadline, throwIfAborted, within } from '../../io/abort.js';
import { ByteReader } from '../../io/byte-reader.js';
import type { Clock } from '../../io/clock.js';
import { asData, field, optionalString } from '../../plist/fields.js';
import type { PlistDict } from '../../plist/value.js';
import { constantName, type Trace, type TraceConnection } from '../../trace/trace.js';
import { connectionOf, openSocket } from '../connection.js';
import type { Timeouts } from '../context.js';
import type { Connection } from '../transport.js';
import { describeMuxAddress, type MuxAddress, type Platform } from './address.js';
import { encodePacket, malformed, readPacket } from './framing.js';
import {
  decodeDeviceList,
  decodeEvent,
  decodeResult,
  type MuxDevice,
  type MuxEvent,
  RESULT,
  request,
  swapPort,
} from './messages.js';
import { muxerName, muxerUnreachable } from './unreachable.js';

export interface UsbmuxOptions {
  readonly address: MuxAddress;
  /** Decides words and advice only. */
  readonly platform: Platform;
  readonly clock: Clock;
  readonly timeouts: Pick<Timeouts, 'connectMs' | 'answerMs'>;
  readonly trace?: Trace | undefined;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface ConnectCall extends CallOptions {
  /** Aborts when the device is detached: the connection then ends with that reason. */
  readonly gone?: AbortSignal | undefined;
}

const TAG = 1;
/** The daemon passes errno values for pair records; this one is "no such file". */
const ENOENT = 2;

export class UsbmuxClient {
  readonly address: MuxAddress;
  readonly platform: Platform;
  readonly #options: UsbmuxOptions;

  constructor(options: UsbmuxOptions) {
    this.address = options.address;
    this.platform = options.platform;
    this.#options = options;
  }

  /** All connections to all devices, USB and network, in the daemon's order. */
  async listDevices(options: CallOptions = {}): Promise<MuxDevice[]> {
    const answer = await this.#ask(request('ListDevices'), options);
    const result = decodeResult(answer);
    if (result !== undefined) throw malformed(`result ${result} to ListDevices`);
    return decodeDeviceList(answer);
  }

  /** The host's identifier, or undefined when the daemon keeps none. */
  async readBuid(options: CallOptions = {}): Promise<string | undefined> {
    return optionalString(await this.#ask(request('ReadBUID'), options), 'BUID');
  }

  /** The record's own bytes (a property list), or undefined when there is none. */
  async readPairRecord(udid: string, options: CallOptions = {}): Promise<Buffer | undefined> {
    const answer = await this.#ask(request('ReadPairRecord', { PairRecordID: udid }), options);
    if (decodeResult(answer) !== undefined) return undefined; // an errno; whatever it is, there is no record to be had
    return asData(field(answer, 'PairRecordData'), 'PairRecordData');
  }

  /** `deviceId` lets the daemon tell other programs that the device is paired. */
  async savePairRecord(udid: string, record: Buffer, deviceId?: number, options: CallOptions = {}): Promise<void> {
    const message = request('SavePairRecord', { PairRecordID: udid, PairRecordData: record, DeviceID: deviceId });
    const result = decodeResult(await this.#ask(message, options));
    if (result !== RESULT.ok) throw this.#notKept('store', result);
  }

  /** False when there was none. */
  async deletePairRecord(udid: string, options: CallOptions = {}): Promise<boolean> {
    const result = decodeResult(await this.#ask(request('DeletePairRecord', { PairRecordID: udid }), options));
    if (result === RESULT.ok) return true;
    if (result === ENOENT) return false;
    throw this.#notKept('remove', result);
  }

  /**
   * Opens a stream to a port of the device.
   * @throws IbkError `connection_lost` when the device is gone, `device_error` when it refuses the port
   */
  async connect(deviceId: number, port: number, options: ConnectCall = {}): Promise<Connection> {
    const socket = await this.#open(options);
    const reader = new ByteReader(socket);
    const log = this.#options.trace?.open('usbmux', 'Connect');
    try {
      const message = request('Connect', { DeviceID: deviceId, PortNumber: swapPort(port) });
      const answer = await this.#exchange(socket, reader, message, log, options);
      const result = decodeResult(answer);
      if (result !== RESULT.ok) throw connectRefused(result, port);
      log?.close('handed_over');
      const early = reader.rest();
      if (early.length > 0) socket.unshift(early); // a service that speaks first can be as quick as the daemon's answer
      return connectionOf(socket, options.gone);
    } catch (error) {
      log?.close('failed');
      socket.on('error', () => undefined).destroy();
      throw error;
    }
  }

  /**
   * Devices as they come and go; those already there are attached first. Ends only by an error, or by breaking out of the loop; abort
   * the signal to end a wait.
   */
  async *listen(options: CallOptions & { readonly signal: AbortSignal }): AsyncGenerator<MuxEvent, never> {
    const socket = await this.#open(options);
    const reader = new ByteReader(socket);
    const log = this.#options.trace?.open('usbmux', 'Listen');
    try {
      const answer = await this.#exchange(socket, reader, request('Listen'), log, options);
      if (decodeResult(answer) !== RESULT.ok) throw malformed('Listen was refused');
      for (;;) {
        throwIfAborted(options.signal); // with events waiting, the read below would not look
        const { message, bytes } = await readPacket(reader, options.signal).catch((cause) => {
          throw this.#ended(cause);
        });
        log?.message('received', constantName(message.MessageType) ?? 'unknown', message, bytes);
        const event = decodeEvent(message);
        if (event.kind !== 'unknown') yield event;
      }
    } finally {
      log?.close('done');
      socket.on('error', () => undefined).destroy();
    }
  }

  async #ask(message: PlistDict, options: CallOptions): Promise<PlistDict> {
    const socket = await this.#open(options);
    const reader = new ByteReader(socket);
    const log = this.#options.trace?.open('usbmux', String(message.MessageType));
    try {
      return await this.#exchange(socket, reader, message, log, options);
    } finally {
      log?.close('done');
      socket.on('error', () => undefined).destroy();
    }
  }

  async #open(options: CallOptions): Promise<Socket> {
    const { address, platform } = this.#options;
    return within(this.#deadline('connectMs', options), async (signal) => {
      try {
        return await openSocket(address.kind === 'unix' ? { path: address.path } : address, signal);
      } catch (cause) {
        throw cause instanceof IbkError ? cause : muxerUnreachable(address, platform, cause);
      }
    });
  }

  async #exchange(
    socket: Socket,
    reader: ByteReader,
    message: PlistDict,
    log: TraceConnection | undefined,
    options: CallOptions,
  ): Promise<PlistDict> {
    const packet = encodePacket(message, TAG);
    const name = String(message.MessageType);
    log?.message('sent', name, message, packet.length - 16);
    socket.write(packet); // a few hundred bytes to a local daemon: nothing to wait for
    const answer = await within(this.#deadline('answerMs', options), (signal) => readPacket(reader, signal)).catch(
      (cause) => {
        throw this.#ended(cause);
      },
    );
    log?.message('received', constantName(answer.message.MessageType) ?? name, answer.message, answer.bytes);
    return answer.message;
  }

  #deadline(kind: 'connectMs' | 'answerMs', { signal }: CallOptions): Deadline {
    const { address, clock, timeouts, platform } = this.#options;
    const timeoutMs = timeouts[kind];
    const onTimeout = () =>
      new IbkError('timeout', `${muxerName(platform)} did not answer within ${Math.ceil(timeoutMs / 1000)} s.`, {
        hint: 'Restart it, or give it more time: --timeout 3m',
        reason: 'usbmuxd',
        details: { address: describeMuxAddress(address) },
      });
    return { clock, timeoutMs, signal, onTimeout };
  }

  /** The end of a control connection says something about the daemon, not about a device. */
  #ended(cause: unknown): unknown {
    if (!(cause instanceof IbkError) || cause.code !== 'connection_lost') return cause;
    return new IbkError('usbmuxd', `${muxerName(this.platform)} closed the connection.`, {
      hint: 'Is the address right? Then restart it: ibk doctor',
      reason: 'closed',
      cause,
    });
  }

  #notKept(what: string, result: number | undefined): IbkError {
    return new IbkError('usbmuxd', `${muxerName(this.platform)} could not ${what} the pair record.`, {
      meaning: 'Without it the device asks again whether to trust this computer.',
      hint: 'Look into the log of usbmuxd: its folder (/var/lib/lockdown) must be writable for it.',
      reason: 'pair_record',
      details: { result: result ?? null },
    });
  }
}

function connectRefused(result: number | undefined, port: number): IbkError {
  const details = { result: result ?? null, port };
  if (result === RESULT.badDevice)
    return new IbkError('connection_lost', 'The device is no longer connected.', { reason: 'detached', details });
  if (result === RESULT.refused || result === RESULT.noService)
    return new IbkError('device_error', 'The device refused the connection.', {
      hint: 'Unlock it, unplug it and plug it in again; restart it if that does not help.',
      reason: 'refused',
      details,
    });
  return malformed(`result ${result ?? 'missing'} to Connect`);
}

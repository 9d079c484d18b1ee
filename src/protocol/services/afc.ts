/**
 * AFC: the device's media folder, as much of it as a backup needs.
 *
 *   const afc = await openAfc(device, ctx);
 *   const handle = await afc.open('/com.apple.itunes.lock_sync', AFC_MODE.readWriteCreate);
 *   await afc.lock(handle, AFC_LOCK.exclusive); await afc.closeFile(handle);
 *   await afc.readFile('/Books/iBooksData2.plist')     undefined when absent
 *   afc.close()
 *
 * One request at a time; calls are queued. A status other than 0 is an `AfcError`.
 */
import { IbkError } from '../../errors.js';
import { within } from '../../io/abort.js';
import { ByteReader } from '../../io/byte-reader.js';
import type { TraceConnection } from '../../trace/trace.js';
import { send } from '../connection.js';
import type { ProtocolContext } from '../context.js';
import type { OpenedDevice, StartServiceOptions } from '../lockdown/device.js';
import type { WaitOptions } from '../plist-channel.js';
import type { Connection } from '../transport.js';
import {
  AFC_HEADER_BYTES,
  AFC_MODE,
  AFC_OP,
  AFC_STATUS,
  type AfcOperation,
  decodeAfcHeader,
  encodeAfcPacket,
  pathBytes,
  u64s,
} from './afc-packets.js';
import { SERVICE } from './names.js';
import { asSafeNumber } from './u64.js';

const READ_BYTES = 64 * 1024;
const DEFAULT_MOST_BYTES = 8 * 1024 * 1024;

/** The device's answer to one AFC operation; `status` is its number. */
export class AfcError extends IbkError {
  constructor(
    readonly operation: AfcOperation,
    readonly status: number,
  ) {
    super('device_error', `AFC could not ${WORDS[operation]}: status ${status}.`, {
      reason: 'afc',
      details: { afc_status: status, afc_operation: operation },
    });
  }
}

const WORDS: Readonly<Record<AfcOperation, string>> = {
  status: 'answer',
  data: 'answer',
  opened: 'answer',
  remove: 'remove the file',
  makeDirectory: 'make the folder',
  fileInfo: 'look at the file',
  open: 'open the file',
  read: 'read the file',
  write: 'write the file',
  close: 'close the file',
  lock: 'lock the file',
};

interface AfcAnswer {
  readonly operation: number;
  readonly body: Buffer;
}

export class Afc {
  readonly #connection: Connection;
  readonly #ctx: ProtocolContext;
  readonly #reader: ByteReader;
  readonly #log: TraceConnection | undefined;
  #packetNumber = 0;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(connection: Connection, ctx: ProtocolContext) {
    this.#connection = connection;
    this.#ctx = ctx;
    this.#reader = new ByteReader(connection.stream);
    this.#log = ctx.trace?.open('afc', SERVICE.afc);
  }

  /** The handle. @throws AfcError */
  async open(path: string, mode: number, options?: WaitOptions): Promise<bigint> {
    const { operation, body } = await this.#ask(
      'open',
      Buffer.concat([u64s(mode), pathBytes(path)]),
      { mode },
      options,
    );
    if (operation !== AFC_OP.opened || body.length < 8) throw malformed();
    return body.readBigUInt64LE(0);
  }

  /** At most `length` bytes, up to 64 KiB; empty at the end of the file. */
  async read(handle: bigint, length: number, options?: WaitOptions): Promise<Buffer> {
    const { operation, body } = await this.#ask(
      'read',
      u64s(handle, Math.min(length, READ_BYTES)),
      { length },
      options,
    );
    if (operation !== AFC_OP.data || body.length > READ_BYTES) throw malformed();
    return body;
  }

  async write(handle: bigint, data: Buffer, options?: WaitOptions): Promise<void> {
    await this.#ask('write', u64s(handle), {}, options, data);
  }

  async closeFile(handle: bigint, options?: WaitOptions): Promise<void> {
    await this.#ask('close', u64s(handle), {}, options);
  }

  /** `operation` of AFC_LOCK. Status 19: somebody else holds it. */
  async lock(handle: bigint, operation: number, options?: WaitOptions): Promise<void> {
    await this.#ask('lock', u64s(handle, operation), { lock: operation }, options);
  }

  async makeDirectory(path: string, options?: WaitOptions): Promise<void> {
    await this.#ask('makeDirectory', pathBytes(path), {}, options);
  }

  async remove(path: string, options?: WaitOptions): Promise<void> {
    await this.#ask('remove', pathBytes(path), {}, options);
  }

  /** Keys and values such as `st_size`; undefined when there is no such file. */
  async info(path: string, options?: WaitOptions): Promise<ReadonlyMap<string, string> | undefined> {
    const answer = await this.#ask('fileInfo', pathBytes(path), {}, options).catch(absent);
    if (answer === undefined) return undefined;
    const words = answer.body.toString('utf8').split('\0');
    const info = new Map<string, string>();
    for (let i = 0; i + 1 < words.length; i += 2) info.set(words[i] ?? '', words[i + 1] ?? '');
    return info;
  }

  /**
   * A whole file, or undefined when there is none.
   * @throws IbkError `device_error`, reason `afc_too_large`, beyond `mostBytes` (default 8 MiB)
   */
  async readFile(
    path: string,
    options: WaitOptions & { readonly mostBytes?: number } = {},
  ): Promise<Buffer | undefined> {
    const handle = await this.open(path, AFC_MODE.read, options).catch(absent);
    if (handle === undefined) return undefined;
    const most = options.mostBytes ?? DEFAULT_MOST_BYTES;
    const parts: Buffer[] = [];
    let total = 0;
    try {
      for (;;) {
        const part = await this.read(handle, READ_BYTES, options);
        if (part.length === 0) return Buffer.concat(parts);
        parts.push(part);
        total += part.length;
        if (total > most)
          throw new IbkError('device_error', `A file on the device is larger than ${most} bytes.`, {
            reason: 'afc_too_large',
          });
      }
    } finally {
      await this.closeFile(handle, options).catch(() => undefined);
    }
  }

  close(why = 'done'): void {
    this.#log?.close(why);
    this.#connection.close();
  }

  #ask(
    name: AfcOperation,
    parameters: Buffer,
    numbers: Readonly<Record<string, number>>,
    options: WaitOptions = {},
    payload?: Buffer,
  ): Promise<AfcAnswer> {
    const { clock, timeouts, signal: outer } = this.#ctx;
    const timeoutMs = options.timeoutMs ?? timeouts.answerMs;
    const onTimeout = () =>
      new IbkError('timeout', `AFC on the device did not answer within ${Math.ceil(timeoutMs / 1000)} s.`, {
        hint: 'Unlock it, or give it more time: --timeout 3m',
        details: { service: SERVICE.afc },
      });
    const run = () =>
      within({ clock, timeoutMs, signal: options.signal ?? outer, onTimeout }, (signal) =>
        this.#exchange(name, parameters, numbers, payload, signal),
      );
    const result = this.#queue.then(run);
    this.#queue = result.catch((error: unknown) => {
      // A request whose answer was not awaited leaves the stream out of step: nothing more can be asked on it.
      if (!(error instanceof AfcError)) this.close('failed');
    });
    return result;
  }

  async #exchange(
    name: AfcOperation,
    parameters: Buffer,
    numbers: Readonly<Record<string, number>>,
    payload: Buffer | undefined,
    signal: AbortSignal,
  ): Promise<AfcAnswer> {
    const number = ++this.#packetNumber;
    const packet = encodeAfcPacket(AFC_OP[name], number, parameters, payload?.length ?? 0);
    this.#log?.packet('sent', name, numbers, packet.length + (payload?.length ?? 0));
    await send(this.#connection, payload === undefined ? [packet] : [packet, payload], signal);
    const header = decodeAfcHeader(await this.#reader.exactly(AFC_HEADER_BYTES, signal));
    const body = await this.#reader.exactly(header.bodyBytes, signal);
    if (header.packetNumber !== number) throw malformed();
    if (header.operation !== AFC_OP.status) {
      this.#log?.packet('received', name, { operation: header.operation }, AFC_HEADER_BYTES + body.length);
      return { operation: header.operation, body };
    }
    if (body.length < 8) throw malformed();
    const status = asSafeNumber(body.readBigUInt64LE(0));
    this.#log?.packet('received', name, { status }, AFC_HEADER_BYTES + body.length);
    if (status !== AFC_STATUS.ok) throw new AfcError(name, status);
    return { operation: header.operation, body: body.subarray(8) };
  }
}

function absent(error: unknown): undefined {
  if (error instanceof AfcError && error.status === AFC_STATUS.notFound) return undefined;
  throw error;
}

function malformed(): IbkError {
  return new IbkError('device_error', 'AFC gave an answer that does not fit the request.', { reason: 'protocol' });
}

/** @throws IbkError as `OpenedDevice.startService` */
export async function openAfc(
  device: OpenedDevice,
  ctx: ProtocolContext,
  options: StartServiceOptions = {},
): Promise<Afc> {
  return new Afc(await device.startService(SERVICE.afc, options), ctx);
}

/**
 * The file stream that follows `DLMessageUploadFiles`, device to host.
 *
 * ```
 * repeat until u32be 0:
 *   u32be len | path on the device          informative
 *   u32be len | path in the backup
 *   u32be n+1 | 0x0c | n bytes              zero or more
 *   u32be 1   | 0x00                        the file is whole
 *   or  u32be 1+m | code | m bytes of text  the device could not read it
 * ```
 *
 * A failing file never ends the batch, and neither does a host that cannot write: the rest is read and dropped, since unread bytes would stand in front of
 * the next message.
 */
import { isUtf8 } from 'node:buffer';
import { throwIfAborted } from '../../io/abort.js';
import type { ByteReader } from '../../io/byte-reader.js';
import type { TraceConnection } from '../../trace/trace.js';
import { malformed } from './malformed.js';
import type { DeviceLinkHost, FileSink } from './host.js';
import { lateFailure } from './late-failure.js';
import { type Patience, PRICE } from './patience.js';
import type { ProgressMeter } from './progress.js';

export const BLOCK = { success: 0x00, localError: 0x06, remoteError: 0x0b, data: 0x0c } as const;

/** The same limit as libimobiledevice's. */
const MAX_PATH_BYTES = 4096;
const MAX_TEXT_BYTES = 64 * 1024;
/** As much of an error text is kept. */
const KEPT_TEXT_BYTES = 2048;
/** Devices send 32 KiB to some MiB. It is streamed, so the limit only tells a damaged stream from a large block. */
const MAX_BLOCK_BYTES = 1024 * 1024 * 1024;
/** Read and dropped of what the host could not take, before the batch is given up: the rest may be endless. */
const MOST_DROPPED_BYTES = 256 * 1024 * 1024;
/** Waited for together. On the slowest of links they come within a second or two. */
const AWAITED_BYTES = 128 * 1024;

/** A file that the device itself could not send. */
export interface FailedUpload {
  readonly devicePath: string;
  readonly hostPath: string;
  /** The code of the stream: 0x0b was seen. */
  readonly code: number;
  readonly text: string;
}

export interface UploadContext {
  readonly reader: ByteReader;
  readonly host: DeviceLinkHost;
  readonly signal: AbortSignal;
  /** The part of `signal` that is about us, looked at between pieces: a phone faster than the disk never lets a read wait. */
  readonly stopped: AbortSignal;
  readonly progress: ProgressMeter;
  readonly patience: Patience;
  readonly log: TraceConnection | undefined;
  readonly onFailed: (file: FailedUpload) => void;
  /** Silence does not count until the returned function is called: it is the host that is waited for. */
  readonly pauseStall: () => () => void;
  /** The host could not take a file: its path and the failure. An error that must end the run is thrown from here. */
  readonly onHostFailure: (path: string, error: unknown) => void;
}

/**
 * Receives one batch. What the host has taken it may still be writing (late-failure.ts).
 * @returns the first failure of the host, undefined when everything was taken
 * @throws IbkError `device_error` (reason `protocol`, `no_progress`), `connection_lost`, the signal's reason, what `onHostFailure` throws, and the host's
 * failure when too much follows that can only be dropped
 */
export async function receiveUploads(context: UploadContext): Promise<unknown> {
  const failure = await receiveBatch(context);
  // Told with this batch, once.
  const late = failure === undefined ? undefined : await lateFailure(context);
  if (late !== undefined) context.onHostFailure('', late);
  return failure;
}

async function receiveBatch(context: UploadContext): Promise<unknown> {
  const { reader, signal, stopped, patience } = context;
  let hostFailure: unknown;
  let dropped = 0;
  for (;;) {
    throwIfAborted(stopped);
    const head = reader.take(4) ?? (await reader.exactly(4, signal));
    const length = head.readUInt32BE(0);
    if (length === 0) return hostFailure;
    const devicePath = await readPath(reader, length, signal);
    const second = reader.take(4) ?? (await reader.exactly(4, signal));
    const hostPath = await readPath(reader, second.readUInt32BE(0), signal);
    patience.spend(PRICE.file);
    const target = new Target(context, hostPath, MOST_DROPPED_BYTES - dropped);
    await receiveFile(context, target, devicePath, hostPath);
    hostFailure ??= target.failure;
    dropped += target.dropped;
  }
}

async function readPath(reader: ByteReader, length: number, signal: AbortSignal): Promise<string> {
  if (length === 0 || length > MAX_PATH_BYTES) throw malformed(`a file name of ${length} bytes`);
  const bytes = reader.take(length) ?? (await reader.exactly(length, signal));
  if (!isUtf8(bytes)) throw malformed('a file name that is not UTF-8');
  return bytes.toString('utf8');
}

async function receiveFile(
  context: UploadContext,
  target: Target,
  devicePath: string,
  hostPath: string,
): Promise<void> {
  const { reader, signal, stopped, progress, patience } = context;
  progress.devicePath = devicePath;
  let bytes = 0;
  let blocks = 0;
  try {
    const opening = target.open();
    if (opening !== undefined) await opening;
    for (;;) {
      const head = reader.take(5) ?? (await reader.exactly(5, signal));
      const length = head.readUInt32BE(0);
      const code = head.readUInt8(4);
      // A 0 here is read as the end of the batch by one client and of the file by another: it is neither, the place in the stream is lost.
      if (length === 0) throw malformed('a block without a code');
      if (code !== BLOCK.data) {
        const text = await readText(reader, length - 1, signal);
        await endFile(context, target, { devicePath, hostPath, code, text });
        context.log?.file('received', { devicePath, hostPath, bytes, blocks, code, ...(text ? { error: text } : {}) });
        return;
      }
      if (length === 1) patience.spend(PRICE.name);
      if (length - 1 > MAX_BLOCK_BYTES) throw malformed(`a block of ${length - 1} bytes`);
      throwIfAborted(stopped);
      blocks++;
      bytes += length - 1;
      for (let left = length - 1; left > 0; ) {
        const piece = reader.part(left);
        if (piece === undefined) {
          await reader.arrival(Math.min(left, AWAITED_BYTES), signal);
          throwIfAborted(stopped);
          continue;
        }
        left -= piece.length;
        progress.bytesDone += piece.length;
        const writing = target.write(piece);
        if (writing === undefined) continue;
        await writing;
        throwIfAborted(stopped);
      }
      progress.advance();
      const turn = reader.turn();
      if (turn !== undefined) await turn;
    }
  } catch (error) {
    await target.discard();
    throw error;
  }
}

async function endFile(context: UploadContext, target: Target, file: FailedUpload): Promise<void> {
  if (file.code !== BLOCK.success) {
    await target.discard();
    context.patience.spend(PRICE.failure);
    context.onFailed(file);
    return;
  }
  const committing = target.commit();
  if (committing !== undefined) await committing;
}

async function readText(reader: ByteReader, length: number, signal: AbortSignal): Promise<string> {
  if (length === 0) return '';
  if (length > MAX_TEXT_BYTES) throw malformed(`an error text of ${length} bytes`);
  return (await reader.exactly(length, signal)).toString('utf8', 0, KEPT_TEXT_BYTES);
}

/** Where the bytes go: the host's sink, or nowhere once the host has failed with this file. */
class Target {
  failure: unknown;
  /** Bytes that came after the failure. */
  dropped = 0;
  #sink: FileSink | undefined;
  readonly #context: UploadContext;
  readonly #path: string;
  readonly #mostDropped: number;

  constructor(context: UploadContext, path: string, mostDropped: number) {
    this.#context = context;
    this.#path = path;
    this.#mostDropped = mostDropped;
  }

  open(): Promise<void> | undefined {
    return this.#guarded(() => {
      const sink = this.#context.host.receive(this.#path);
      if (!(sink instanceof Promise)) {
        this.#sink = sink;
        return undefined;
      }
      return sink.then((opened) => {
        this.#sink = opened;
      });
    });
  }

  write(piece: Buffer): Promise<void> | undefined {
    const sink = this.#sink;
    if (sink !== undefined) return this.#guarded(() => sink.write(piece));
    this.dropped += piece.length;
    if (this.dropped > this.#mostDropped) throw this.failure;
    return undefined;
  }

  commit(): Promise<void> | undefined {
    const sink = this.#sink;
    return sink === undefined ? undefined : this.#guarded(() => sink.commit());
  }

  async discard(): Promise<void> {
    const sink = this.#sink;
    this.#sink = undefined;
    await sink?.discard();
  }

  /** Runs one step of the host; waits only where the host does, and turns a failure into "drop the rest". */
  #guarded(step: () => Promise<void> | undefined | void): Promise<void> | undefined {
    try {
      const waiting = step();
      if (!(waiting instanceof Promise)) return undefined;
      const resume = this.#context.pauseStall();
      return waiting.catch((error: unknown) => this.#fail(error)).finally(resume);
    } catch (error) {
      return this.#fail(error);
    }
  }

  async #fail(error: unknown): Promise<void> {
    this.failure ??= error;
    await this.discard();
    this.#context.onHostFailure(this.#path, error);
  }
}

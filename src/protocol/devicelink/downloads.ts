/**
 * The file stream that answers `DLMessageDownloadFiles`, host to device.
 *
 * ```
 * for each path:  u32be len | the path as it was asked for
 *                 u32be n+1 | 0x0c | n bytes        n = 1 to 32768
 *                 u32be 1   | 0x00                  or  u32be 1+m | 0x06 | m bytes of text
 * u32be 0
 * ```
 *
 * 32 KiB is Apple's own block size; the device buffers one block, and larger ones made its backup service exceed its memory on manifests of a gigabyte
 * (pymobiledevice3 #1857). The stream ends with u32be 0 also when nothing was asked for: silence makes the device hang (libimobiledevice #112).
 */
import { IbkError } from '../../errors.js';
import type { TraceConnection } from '../../trace/trace.js';
import type { DeviceLinkHost, FileSource } from './host.js';
import { type HostStatus, statusOf } from './status.js';
import { BLOCK } from './uploads.js';

const BLOCK_BYTES = 32 * 1024;
/** Small files are sent together: each write is encrypted and handed to the system on its own. */
const WRITE_BYTES = 128 * 1024;
const DATA_HEAD = blockHead(BLOCK.data, BLOCK_BYTES);
const SUCCESS = blockHead(BLOCK.success, 0);
const END = Buffer.alloc(4);

/** Sends the pieces as one and waits while the stream is full. @throws IbkError `connection_lost`, the signal's reason */
export type WritePieces = (pieces: readonly Buffer[], signal: AbortSignal) => Promise<void>;

export interface DownloadContext {
  readonly write: WritePieces;
  readonly host: DeviceLinkHost;
  readonly signal: AbortSignal;
  readonly log: TraceConnection | undefined;
  readonly place: StreamPlace;
}

/** How far the stream has got, so that it can be ended properly when the run is stopped in the middle of it. */
export interface StreamPlace {
  inStream: boolean;
  inFile: boolean;
}

/**
 * Sends the files one after another; one that cannot be read does not stop the others.
 * @returns the failed ones by path, exactly as the device spelled it
 * @throws IbkError `unsafe` from the host, `connection_lost`, the signal's reason
 */
export async function sendDownloads(
  context: DownloadContext,
  paths: readonly string[],
): Promise<ReadonlyMap<string, HostStatus>> {
  const failed = new Map<string, HostStatus>();
  const outgoing = new Outgoing(context);
  context.place.inStream = true;
  for (const path of paths) {
    const name = Buffer.from(path, 'utf8');
    const head = Buffer.allocUnsafe(4);
    head.writeUInt32BE(name.length, 0);
    outgoing.add([head, name]);
    const outcome = await sendFile(context, outgoing, path);
    if (outcome !== undefined) failed.set(path, outcome);
  }
  outgoing.add([END]);
  await outgoing.send(false);
  context.place.inStream = false;
  return failed;
}

/** What is to be written next. */
class Outgoing {
  readonly #context: DownloadContext;
  #pieces: Buffer[] = [];
  #bytes = 0;

  constructor(context: DownloadContext) {
    this.#context = context;
  }

  get isFull(): boolean {
    return this.#bytes >= WRITE_BYTES;
  }

  add(pieces: readonly Buffer[]): void {
    for (const piece of pieces) {
      this.#pieces.push(piece);
      this.#bytes += piece.length;
    }
  }

  /** @param inFile the file in flight goes on */
  async send(inFile: boolean): Promise<void> {
    const { write, signal, place } = this.#context;
    const pieces = this.#pieces;
    this.#pieces = [];
    this.#bytes = 0;
    const sending = write(pieces, signal);
    place.inFile = inFile;
    await sending;
  }
}

/** What ends a stream that was stopped at `place`: the file in flight fails, and no other follows. */
export function streamEnding(place: StreamPlace): Buffer[] {
  if (!place.inStream) return [];
  return place.inFile ? [...failureBlock('Stopped'), END] : [END];
}

async function sendFile(
  { host, log }: DownloadContext,
  outgoing: Outgoing,
  path: string,
): Promise<HostStatus | undefined> {
  let source: FileSource | undefined;
  let failure: HostStatus | undefined;
  let bytes = 0;
  try {
    try {
      source = await host.open(path);
    } catch (error) {
      failure = refusal(error);
    }
    while (source !== undefined) {
      // The bytes are in hand before their length is announced: a failing read cannot leave the device waiting for them.
      let data: Buffer;
      try {
        data = await source.read();
      } catch (error) {
        failure = refusal(error);
        break;
      }
      if (data.length === 0) break;
      bytes += data.length;
      outgoing.add(blocksOf(data));
      if (outgoing.isFull) await outgoing.send(true);
    }
    outgoing.add(failure === undefined ? [SUCCESS] : failureBlock(failure.text));
    if (outgoing.isFull) await outgoing.send(false);
  } finally {
    await source?.close();
  }
  const blocks = Math.ceil(bytes / BLOCK_BYTES);
  const code = failure === undefined ? BLOCK.success : BLOCK.localError;
  log?.file('sent', { hostPath: path, bytes, blocks, code, ...(failure ? { error: failure.text } : {}) });
  return failure;
}

/** The status for the device. What must end the run is not a status, and goes on up. */
function refusal(error: unknown): HostStatus {
  if (error instanceof IbkError) throw error;
  return statusOf(error);
}

function blocksOf(data: Buffer): Buffer[] {
  const pieces: Buffer[] = [];
  for (let start = 0; start < data.length; start += BLOCK_BYTES) {
    const block = data.subarray(start, start + BLOCK_BYTES);
    pieces.push(block.length === BLOCK_BYTES ? DATA_HEAD : blockHead(BLOCK.data, block.length), block);
  }
  return pieces;
}

function failureBlock(text: string): Buffer[] {
  const words = Buffer.from(text, 'utf8');
  return [blockHead(BLOCK.localError, words.length), words];
}

/** The length counts the code byte. */
function blockHead(code: number, dataBytes: number): Buffer {
  const head = Buffer.allocUnsafe(5);
  head.writeUInt32BE(dataBytes + 1, 0);
  head.writeUInt8(code, 4);
  return head;
}

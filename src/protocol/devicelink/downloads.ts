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
import type { DeviceLinkHost } from './host.js';
import { BLOCK_BYTES, type Outgoing } from './outgoing.js';
import { type HostStatus, statusOf } from './status.js';
import { BLOCK } from './uploads.js';

export interface DownloadContext {
  readonly outgoing: Outgoing;
  readonly host: DeviceLinkHost;
  readonly signal: AbortSignal;
  readonly log: TraceConnection | undefined;
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
  const { outgoing, signal } = context;
  const failed = new Map<string, HostStatus>();
  outgoing.begin();
  for (const path of paths) {
    const outcome = await sendFile(context, path);
    if (outcome !== undefined) failed.set(path, outcome);
  }
  await outgoing.end(signal);
  return failed;
}

async function sendFile(context: DownloadContext, path: string): Promise<HostStatus | undefined> {
  const { outgoing, host, signal, log } = context;
  await outgoing.beginFile(path, signal);
  let failure: HostStatus | undefined;
  let bytes = 0;
  try {
    const source = await host.open(path);
    try {
      // The bytes are in hand before their length is announced: a failing read cannot leave the device waiting for them.
      for (;;) {
        const reading = source.read(await outgoing.block(signal));
        const count = typeof reading === 'number' ? reading : await reading;
        if (count === 0) break;
        outgoing.addBlock(count);
        bytes += count;
      }
    } finally {
      await source.close();
    }
  } catch (error) {
    failure = refusal(error);
  }
  await outgoing.endFile(failure?.text, signal);
  const blocks = Math.ceil(bytes / BLOCK_BYTES);
  const code = failure === undefined ? BLOCK.success : BLOCK.localError;
  log?.file('sent', { hostPath: path, bytes, blocks, code, ...(failure ? { error: failure.text } : {}) });
  return failure;
}

/** The status for the device. What must end the run (an IbkError: the host's refusal, a lost connection, a stop) is not a status, and goes on up. */
function refusal(error: unknown): HostStatus {
  if (error instanceof IbkError) throw error;
  return statusOf(error);
}

/**
 * The computer's answer to DLMessageDownloadFiles, read strictly:
 *
 *   u32 length, path as requested · (u32 n+1, 0x0C, n bytes)* · u32 1, 0x00 · … · u32 0
 *
 * A missing file is (u32 1+m, 0x06, m bytes of text). Data frames above 32 KiB made real phones run out of memory: not accepted here.
 */
import type { ByteReader } from '../../io/byte-reader.js';
import { ProtocolViolation } from './endings.js';

const CODE_DATA = 0x0c;
const CODE_SUCCESS = 0x00;
const LOCAL_ERROR = 0x06;
const REMOTE_ERROR = 0x0b;
const MAX_DATA_FRAME = 32 * 1024 + 1;
const MAX_TEXT_BYTES = 4096;

/** Where the bytes of one requested file go. */
export interface DownloadTarget {
  readonly path: string;
  receive(bytes: Buffer): Promise<void> | void;
}

export interface DownloadOutcome {
  /** Paths that came whole. */
  readonly received: ReadonlySet<string>;
  /** Paths that the computer could not send, with its text. */
  readonly failed: ReadonlyMap<string, string>;
  readonly bytes: number;
  /** Files that the stream says nothing about: idevicebackup2 stops at the first that is missing. */
  readonly unanswered: number;
}

/** @throws ProtocolViolation; IbkError `connection_lost`, or the signal's reason */
export async function readDownloads(
  reader: ByteReader,
  targets: readonly DownloadTarget[],
  signal: AbortSignal,
): Promise<DownloadOutcome> {
  const received = new Set<string>();
  const failed = new Map<string, string>();
  let bytes = 0;
  let next = 0;
  const u32 = async () => (await reader.exactly(4, signal)).readUInt32BE(0);
  for (let length = await u32(); length !== 0; length = await u32()) {
    const target = targets[next];
    next += 1;
    if (target === undefined) throw new ProtocolViolation('DownloadFiles: more files than were asked for');
    if (length > MAX_TEXT_BYTES + 4096) throw new ProtocolViolation(`DownloadFiles: a path of ${length} bytes`);
    const path = (await reader.exactly(length, signal)).toString('utf8');
    if (path !== target.path) {
      throw new ProtocolViolation(
        `DownloadFiles: path ${JSON.stringify(path)} instead of ${JSON.stringify(target.path)}`,
      );
    }
    for (;;) {
      const frame = await u32();
      if (frame === 0) throw new ProtocolViolation('DownloadFiles: a frame of length 0 inside a file');
      const code = (await reader.exactly(1, signal)).readUInt8(0);
      if (code === CODE_DATA) {
        if (frame === 1) throw new ProtocolViolation('DownloadFiles: a data frame without data');
        if (frame > MAX_DATA_FRAME) throw new ProtocolViolation(`DownloadFiles: a data frame of ${frame} bytes`);
        await target.receive(await reader.exactly(frame - 1, signal));
        bytes += frame - 1;
      } else if (code === CODE_SUCCESS) {
        if (frame !== 1) throw new ProtocolViolation(`DownloadFiles: a success frame of ${frame} bytes`);
        received.add(path);
        break;
      } else if (code === LOCAL_ERROR || code === REMOTE_ERROR) {
        if (frame > MAX_TEXT_BYTES) throw new ProtocolViolation(`DownloadFiles: an error text of ${frame} bytes`);
        failed.set(path, (await reader.exactly(frame - 1, signal)).toString('utf8'));
        break;
      } else throw new ProtocolViolation(`DownloadFiles: frame code ${code}`);
    }
  }
  return { received, failed, bytes, unanswered: targets.length - next };
}

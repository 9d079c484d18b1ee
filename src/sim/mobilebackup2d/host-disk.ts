/** What the phone asks of the computer's disk, as typed calls: each is one DeviceLink request and its checked answer. */
import { isPlistDict, type PlistDict, PlistReal, type PlistValue, plistDict } from '../../plist/value.js';
import type { IosProfile } from '../profile.js';
import { expectNoResult, type HostStatus, type PhoneDeviceLink } from './device-link.js';
import { type DownloadOutcome, type DownloadTarget, readDownloads } from './download-stream.js';
import { FinalAnswer, ProtocolViolation } from './endings.js';
import { UploadStream } from './upload-stream.js';

export type EntryType = 'directory' | 'regular' | 'unknown';

export interface ListedEntry {
  readonly type: EntryType;
  readonly sizeBytes: number;
}

export interface HostDiskOptions {
  readonly profile: IosProfile;
  /** Makes the progress element from a percentage; undefined: the element is left out. */
  readonly progress: (percent: number) => PlistValue | undefined;
  /** Size of the data frames of uploads; undefined: the usual one. */
  readonly frameBytes: number | undefined;
}

const ENTRY_TYPES: Readonly<Record<string, EntryType>> = {
  DLFileTypeDirectory: 'directory',
  DLFileTypeRegular: 'regular',
  DLFileTypeUnknown: 'unknown',
};

export class HostDisk {
  readonly link: PhoneDeviceLink;
  readonly #options: HostDiskOptions;

  constructor(link: PhoneDeviceLink, options: HostDiskOptions) {
    this.link = link;
    this.#options = options;
  }

  /** Asks for files; a missing one is no error here. */
  async download(targets: readonly DownloadTarget[], percent: number): Promise<DownloadOutcome> {
    const name = 'DLMessageDownloadFiles';
    const paths = targets.map((target) => target.path);
    await this.link.send(this.#message(name, [paths, plistDict()], percent, 0));
    const outcome = await this.link.waiting((signal) => readDownloads(this.link.reader, targets, signal));
    checkDownloadStatus(await this.link.status(name), outcome);
    return outcome;
  }

  /** Sends one batch; `send` writes the files. Work given as `meanwhile` is done while the computer finishes the batch. */
  async upload(
    batch: { percent: number; totalBytes: number; meanwhile?: () => void },
    send: (stream: UploadStream) => Promise<void>,
  ): Promise<HostStatus> {
    const name = 'DLMessageUploadFiles';
    const options = batch.totalBytes > 0 ? plistDict({ DLDeviceIOCallbacks: 6_442_450_944 }) : plistDict();
    this.link.put(this.#message(name, [options], batch.percent, batch.totalBytes));
    const stream = new UploadStream(this.link.output, this.#options.frameBytes);
    await send(stream);
    stream.end();
    await this.link.output.flush();
    batch.meanwhile?.();
    return expectNoResult(await this.link.status(name), name);
  }

  async freeSpace(): Promise<bigint> {
    const name = 'DLMessageGetFreeDiskSpace';
    const { code, payload } = await this.link.request([name]);
    if (code !== 0) throw new FinalAnswer(1, `Error getting free disk space: ${code} (MBErrorDomain/1)`);
    if (typeof payload === 'bigint') return payload;
    if (typeof payload !== 'number' || !Number.isInteger(payload) || payload < 0) {
      throw new ProtocolViolation(`${name}: the payload is no integer of 0 or more`);
    }
    return BigInt(payload);
  }

  /** @returns true when the computer says that it has made room */
  async purge(bytes: bigint): Promise<boolean> {
    const size = bytes <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(bytes) : bytes;
    const { code, payload } = await this.link.request(['DLMessagePurgeDiskSpace', size, 4]);
    const plain = isPlistDict(payload) || typeof payload === 'number' || typeof payload === 'bigint';
    if (!plain) throw new ProtocolViolation('DLMessagePurgeDiskSpace: the payload is neither dictionary nor integer');
    return code === 0;
  }

  /** The entries of a directory; none when it does not exist. */
  async list(path: string): Promise<Map<string, ListedEntry>> {
    const name = 'DLContentsOfDirectory';
    const { code, payload, text } = await this.link.request(this.#message(name, [path, plistDict()], 0));
    if (code !== 0) throw new FinalAnswer(1, `Error listing ${path}: ${text} (${code}) (MBErrorDomain/1)`);
    if (!isPlistDict(payload)) throw new ProtocolViolation(`${name}: the payload is no dictionary`);
    return new Map(Object.keys(payload).map((entry) => [entry, listedEntry(entry, payload[entry])]));
  }

  async createDirectory(path: string, percent = 0): Promise<HostStatus> {
    return this.#simple('DLMessageCreateDirectory', [path, plistDict()], percent);
  }

  async move(pairs: readonly (readonly [from: string, to: string])[], percent: number): Promise<HostStatus> {
    const items: PlistDict = plistDict();
    for (const [from, to] of pairs) items[from] = to;
    return this.#simple(this.#options.profile.moveMessage, [items, plistDict()], percent);
  }

  async remove(paths: readonly string[], percent: number): Promise<HostStatus> {
    return this.#simple(this.#options.profile.removeMessage, [[...paths], plistDict()], percent);
  }

  async copy(from: string, to: string, percent: number): Promise<HostStatus> {
    return this.#simple('DLMessageCopyItem', [from, to, plistDict()], percent);
  }

  async #simple(name: string, parts: readonly PlistValue[], percent: number): Promise<HostStatus> {
    return expectNoResult(await this.link.request(this.#message(name, parts, percent)), name);
  }

  #message(name: string, parts: readonly PlistValue[], percent: number, total?: number): PlistValue[] {
    const progress = this.#options.progress(percent);
    if (progress === undefined) return [name, ...parts];
    return total === undefined ? [name, ...parts, progress] : [name, ...parts, progress, total];
  }
}

/** The usual progress element: a real, even when it is 0 (seen on the wire). */
export function realProgress(percent: number): PlistValue {
  return new PlistReal(Math.round(percent * 100) / 100);
}

function listedEntry(name: string, value: PlistValue | undefined): ListedEntry {
  const where = `DLContentsOfDirectory: entry ${JSON.stringify(name)}`;
  if (name === '.' || name === '..' || name.includes('/')) throw new ProtocolViolation(`${where} is no name`);
  if (!isPlistDict(value)) throw new ProtocolViolation(`${where} is no dictionary`);
  const type = typeof value.DLFileType === 'string' ? ENTRY_TYPES[value.DLFileType] : undefined;
  if (type === undefined) throw new ProtocolViolation(`${where} has no valid DLFileType`);
  const size = value.DLFileSize;
  if (typeof size !== 'number' && typeof size !== 'bigint') throw new ProtocolViolation(`${where} has no DLFileSize`);
  if (!(value.DLFileModificationDate instanceof Date)) {
    throw new ProtocolViolation(`${where} has no DLFileModificationDate`);
  }
  return { type, sizeBytes: Number(size) };
}

/** Status 0 exactly when all came; else -13 with the very paths that were asked for. */
function checkDownloadStatus(status: HostStatus, outcome: DownloadOutcome): void {
  const name = 'DLMessageDownloadFiles';
  if (outcome.failed.size === 0) {
    if (outcome.unanswered > 0) {
      // Refused as a whole: fine, if it says so.
      if (status.code !== 0) return;
      throw new ProtocolViolation(`${name}: status 0 although ${outcome.unanswered} files were not sent`);
    }
    if (status.code !== 0) throw new ProtocolViolation(`${name}: status ${status.code} although all files came`);
    expectNoResult(status, name);
    return;
  }
  if (status.code !== -13) throw new ProtocolViolation(`${name}: status ${status.code} although a file failed`);
  if (!isPlistDict(status.payload)) throw new ProtocolViolation(`${name}: status -13 without a dictionary`);
  const named = Object.keys(status.payload);
  const wrong = named.find((path) => !outcome.failed.has(path));
  if (wrong !== undefined) throw new ProtocolViolation(`${name}: status -13 names ${JSON.stringify(wrong)}`);
  for (const path of outcome.failed.keys()) {
    const error = status.payload[path];
    if (!isPlistDict(error)) throw new ProtocolViolation(`${name}: status -13 does not name ${JSON.stringify(path)}`);
    const code = error.DLFileErrorCode;
    if (typeof error.DLFileErrorString !== 'string' || (typeof code !== 'number' && typeof code !== 'bigint')) {
      throw new ProtocolViolation(`${name}: the error of ${JSON.stringify(path)} lacks its string or its code`);
    }
  }
}

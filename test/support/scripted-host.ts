/** A small computer for the simulated phone to back up to: real files in a folder, framing of its own, every message recorded. */
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { Duplex } from 'node:stream';
import { ByteReader } from '../../src/io/byte-reader.js';
import { buildBinaryPlist, parsePlist } from '../../src/plist/codec.js';
import { isPlistDict, type PlistDict, PlistReal, type PlistValue, plistDict } from '../../src/plist/value.js';

export interface HostFault {
  /** Answers instead of the usual handling: gives the four elements, or undefined to go on as usual. */
  readonly answer?: (message: readonly PlistValue[]) => readonly PlistValue[] | undefined;
  /** Bytes sent instead of the usual answer to DownloadFiles. */
  readonly downloadBytes?: (paths: readonly string[]) => Buffer | undefined;
  readonly freeBytes?: bigint;
  readonly helloVersions?: PlistValue[];
  /** Discard file data instead of writing it. */
  readonly discard?: boolean;
}

export interface HostResult {
  /** The final Response; undefined when the phone closed without one. */
  readonly response: PlistDict | undefined;
  /** Every message of the phone in order. */
  readonly messages: PlistValue[][];
  /** Host path to error code and text of files that the phone failed to send. */
  readonly failures: Map<string, string>;
  readonly uploads: string[];
}

const EMPTY = '___EmptyParameterString___';

export class ScriptedHost {
  readonly #stream: Duplex;
  readonly #reader: ByteReader;
  readonly #root: string;
  readonly #fault: HostFault;
  readonly messages: PlistValue[][] = [];
  readonly failures = new Map<string, string>();
  readonly uploads: string[] = [];

  constructor(stream: Duplex, root: string, fault: HostFault = {}) {
    stream.on('error', () => {});
    this.#stream = stream;
    this.#reader = new ByteReader(stream);
    this.#root = root;
    this.#fault = fault;
  }

  async backup(udid: string, options: { full?: boolean } = {}): Promise<HostResult> {
    const request = plistDict({ MessageName: 'Backup', TargetIdentifier: udid, SourceIdentifier: udid });
    if (options.full === true) request.Options = plistDict({ ForceFullBackup: true });
    return this.run(request);
  }

  async run(request: PlistDict): Promise<HostResult> {
    let response: PlistDict | undefined;
    try {
      const [, major] = await this.receive();
      this.send(['DLMessageVersionExchange', 'DLVersionsOk', major ?? 0]);
      await this.receive();
      const versions = this.#fault.helloVersions ?? [new PlistReal(2), new PlistReal(2.1)];
      this.send(['DLMessageProcessMessage', plistDict({ MessageName: 'Hello', SupportedProtocolVersions: versions })]);
      await this.receive();
      this.send(['DLMessageProcessMessage', request]);
      for (;;) {
        const message = await this.receive();
        const [name, body] = message;
        if (name === 'DLMessageDisconnect') break;
        if (name === 'DLMessageProcessMessage' && isPlistDict(body)) {
          response = body;
          break;
        }
        if (name === 'DLMessagePing') continue;
        await this.#serve(message);
      }
      this.send(['DLMessageDisconnect', EMPTY]);
    } catch (error) {
      if ((error as { code?: string }).code !== 'connection_lost') throw error;
    }
    this.#stream.end();
    return { response, messages: this.messages, failures: this.failures, uploads: this.uploads };
  }

  send(message: PlistValue[]): void {
    const body = buildBinaryPlist(message);
    const head = Buffer.alloc(4);
    head.writeUInt32BE(body.length);
    this.#stream.write(Buffer.concat([head, body]));
  }

  close(): void {
    this.#stream.end();
  }

  async receive(): Promise<PlistValue[]> {
    const length = (await this.#reader.exactly(4)).readUInt32BE(0);
    const message = parsePlist(await this.#reader.exactly(length), 'message of the phone') as PlistValue[];
    this.messages.push(message);
    return message;
  }

  async #serve(message: PlistValue[]): Promise<void> {
    const [name, first, second] = message;
    const given = this.#fault.answer?.(message);
    if (name === 'DLMessageUploadFiles') await this.#receiveFiles();
    if (given !== undefined) return this.send([...given]);
    const path = (value: PlistValue | undefined) => join(this.#root, value as string);
    switch (name) {
      case 'DLMessageUploadFiles':
        return this.#status(0);
      case 'DLMessageDownloadFiles':
        return this.#sendFiles(first as string[]);
      case 'DLMessageGetFreeDiskSpace':
        return this.send(['DLMessageStatusResponse', 0, EMPTY, this.#fault.freeBytes ?? 10n ** 13n]);
      case 'DLContentsOfDirectory':
        return this.send(['DLMessageStatusResponse', 0, EMPTY, listing(path(first))]);
      case 'DLMessageCreateDirectory':
        mkdirSync(path(first), { recursive: true });
        return this.#status(0);
      case 'DLMessageMoveItems':
      case 'DLMessageMoveFiles':
        for (const [from, to] of Object.entries(first as PlistDict)) {
          if (!existsSync(path(from))) return this.#status(-6);
          mkdirSync(dirname(path(to)), { recursive: true });
          rmSync(path(to), { recursive: true, force: true });
          renameSync(path(from), path(to));
        }
        return this.#status(0);
      case 'DLMessageRemoveItems':
      case 'DLMessageRemoveFiles':
        for (const item of first as string[]) rmSync(path(item), { recursive: true, force: true });
        return this.#status(0);
      case 'DLMessageCopyItem':
        cpSync(path(first), path(second), { recursive: true });
        return this.#status(0);
      default:
        return this.#status(-1);
    }
  }

  #status(code: number): void {
    this.send(['DLMessageStatusResponse', code, code === 0 ? EMPTY : 'failed', plistDict()]);
  }

  #sendFiles(paths: string[]): void {
    const odd = this.#fault.downloadBytes?.(paths);
    if (odd !== undefined) {
      this.#stream.write(odd);
      return;
    }
    const errors = plistDict();
    for (const path of paths) {
      this.#stream.write(prefixed(Buffer.from(path)));
      if (!existsSync(join(this.#root, path))) {
        errors[path] = plistDict({ DLFileErrorString: 'No such file or directory', DLFileErrorCode: -6 });
        this.#stream.write(prefixed(Buffer.from('\x06No such file or directory')));
        continue;
      }
      const bytes = readFileSync(join(this.#root, path));
      for (let at = 0; at < bytes.length; at += 32_768) {
        this.#stream.write(prefixed(Buffer.concat([Buffer.from([0x0c]), bytes.subarray(at, at + 32_768)])));
      }
      this.#stream.write(prefixed(Buffer.from([0])));
    }
    this.#stream.write(Buffer.alloc(4));
    if (Object.keys(errors).length === 0) this.#status(0);
    else this.send(['DLMessageStatusResponse', -13, 'Multi status', errors]);
  }

  async #receiveFiles(): Promise<void> {
    const u32 = async () => (await this.#reader.exactly(4)).readUInt32BE(0);
    for (let length = await u32(); length !== 0; length = await u32()) {
      await this.#reader.exactly(length);
      const hostPath = (await this.#reader.exactly(await u32())).toString('utf8');
      const parts: Buffer[] = [];
      for (;;) {
        const frame = await u32();
        const code = (await this.#reader.exactly(1)).readUInt8(0);
        if (code === 0x0c) {
          for await (const part of this.#reader.body(frame - 1)) if (this.#fault.discard !== true) parts.push(part);
          continue;
        }
        const text = (await this.#reader.exactly(frame - 1)).toString('utf8');
        if (code !== 0) this.failures.set(hostPath, `${code} ${text}`);
        else {
          this.uploads.push(hostPath);
          mkdirSync(dirname(join(this.#root, hostPath)), { recursive: true });
          writeFileSync(join(this.#root, hostPath), Buffer.concat(parts));
        }
        break;
      }
    }
  }
}

function prefixed(bytes: Buffer): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt32BE(bytes.length);
  return Buffer.concat([head, bytes]);
}

function listing(folder: string): PlistDict {
  const entries = plistDict();
  if (!existsSync(folder)) return entries;
  for (const entry of readdirSync(folder)) {
    const stats = statSync(join(folder, entry));
    entries[entry] = plistDict({
      DLFileType: stats.isDirectory() ? 'DLFileTypeDirectory' : 'DLFileTypeRegular',
      DLFileSize: stats.size,
      DLFileModificationDate: new Date(Math.floor(stats.mtimeMs / 1000) * 1000),
    });
  }
  return entries;
}

/** Lets a device work on a backup store: checks every name it gives, and turns refusals into what Device Link can answer. */
import { type DevicePath, fileIdOf, resolveDevicePath, UnstorableName } from '../backup/device-path.js';
import type { IncomingBackup } from '../backup/incoming.js';
import type { BackupLayout } from '../backup/layout.js';
import { freeBytes } from '../io/disk-space.js';
import type { DeviceLinkHost, FileSink, FileSource, ListedEntry } from '../protocol/devicelink/host.js';
import { HostRefusal, STATUS } from '../protocol/devicelink/status.js';

const READ_BYTES = 256 * 1024;
/** Our own notes of a commit need room too. */
const SPARE_BYTES = 8 * 1024 * 1024;

export interface StoreHostOptions {
  readonly layout: BackupLayout;
  readonly incoming: IncomingBackup;
}

export class StoreHost implements DeviceLinkHost {
  /** Files of the phone that have arrived, not counting what describes the backup. */
  payloadFiles = 0;
  readonly #layout: BackupLayout;
  readonly #incoming: IncomingBackup;

  constructor({ layout, incoming }: StoreHostOptions) {
    this.#layout = layout;
    this.#incoming = incoming;
  }

  async freeSpace(): Promise<number> {
    return Math.max(0, (await freeBytes(this.#layout.incoming)) - SPARE_BYTES);
  }

  receive(wire: string): FileSink {
    const path = this.#path(wire);
    if (path === '') throw new HostRefusal(STATUS.isADirectory, 'Is a directory');
    const writer = this.#incoming.receive();
    return {
      write: (chunk) => writer.write(chunk),
      commit: () => {
        const blob = writer.finish();
        if (blob instanceof Promise) return blob.then((finished) => this.#put(path, finished));
        this.#put(path, blob);
      },
      discard: () => writer.discard(),
    };
  }

  async open(wire: string): Promise<FileSource> {
    const file = await this.#incoming.open(this.#path(wire));
    return {
      read: async () => {
        const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(READ_BYTES), 0, READ_BYTES);
        return buffer.subarray(0, bytesRead);
      },
      close: () => file.close(),
    };
  }

  move(from: string, to: string): Promise<void> {
    return this.#incoming.move(this.#path(from), this.#path(to));
  }

  copy(from: string, to: string): Promise<void> {
    return this.#incoming.copy(this.#path(from), this.#path(to));
  }

  remove(wire: string): void {
    this.#incoming.remove(this.#path(wire));
  }

  async list(wire: string): Promise<ListedEntry[]> {
    const entries = await this.#incoming.list(this.#path(wire));
    return entries.map(({ name, type, sizeBytes, modifiedMs }) => ({
      name,
      type,
      sizeBytes,
      modified: new Date(modifiedMs),
    }));
  }

  makeDirectory(wire: string): void {
    this.#incoming.makeFolder(this.#path(wire));
  }

  #put(path: DevicePath, blob: { readonly number: number; readonly sizeBytes: number }): void {
    this.#incoming.put(path, blob);
    if (fileIdOf(path) !== undefined) this.payloadFiles++;
  }

  #path(wire: string): DevicePath {
    try {
      return resolveDevicePath(this.#layout.udid, wire);
    } catch (error) {
      if (error instanceof UnstorableName) throw new HostRefusal(STATUS.generic, error.message);
      throw error;
    }
  }
}

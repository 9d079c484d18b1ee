/** Lets a device work on a backup store. The lease checks every name; what it refuses, Device Link answers by the error's name. */
import type { LeaseSource, StoreLease } from '../backup/lease.js';
import { fileIdOf } from '../backup/records/names.js';
import type { DeviceLinkHost, FileSink, ListedEntry } from '../protocol/devicelink/host.js';

export class StoreHost implements DeviceLinkHost {
  /** Files of the phone that have arrived, not counting what describes the backup. */
  payloadFiles = 0;
  readonly #disk: StoreLease['host'];

  constructor(lease: StoreLease) {
    this.#disk = lease.host;
  }

  freeSpace(): number {
    return this.#disk.freeSpace();
  }

  receive(wire: string): FileSink {
    const sink = this.#disk.receive(wire);
    const isPayload = fileIdOf(wire) !== undefined;
    return {
      write: sink.write,
      commit: () => {
        const done = sink.commit();
        if (isPayload) this.payloadFiles++;
        return done;
      },
      discard: sink.discard,
    };
  }

  settle(): Promise<void> | undefined {
    return this.#disk.settle();
  }

  open(wire: string): LeaseSource {
    return this.#disk.open(wire);
  }

  move(from: string, to: string): void {
    this.#disk.move(from, to);
  }

  copy(from: string, to: string): void {
    this.#disk.copy(from, to);
  }

  remove(wire: string): void {
    this.#disk.remove(wire);
  }

  list(wire: string): readonly ListedEntry[] {
    return this.#disk.list(wire);
  }

  makeDirectory(wire: string): void {
    this.#disk.makeDirectory(wire);
  }
}

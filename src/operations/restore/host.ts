/** Lets a phone restore from a backup: it reads the backup, and whatever it writes stays beside it. A path that leaves the backup's folder ends the run. */
import { type LeaseSource, sourceOf } from '../../backup/lease-types.js';
import { pathInFolder } from '../../backup/receive/wire-path.js';
import type { DeviceLinkHost, FileSink, FileSource, ListedEntry } from '../../protocol/devicelink/host.js';
import type { RestoreScratch } from './scratch.js';
import type { RestoreView } from './view.js';

export class RestoreHost implements DeviceLinkHost {
  /** Files of the backup that were sent whole, and bytes of all that was sent. */
  filesSent = 0;
  bytesSent = 0;
  /** In the backup's folder, of the file in flight. */
  current: string | undefined;

  /** @param folder the first component of the phone's paths: the source's UDID */
  constructor(
    private readonly folder: string,
    private readonly view: RestoreView,
    private readonly scratch: RestoreScratch,
    private readonly nowMs: () => number,
  ) {}

  freeSpace(): number {
    return this.scratch.freeBytes();
  }

  async receive(wire: string): Promise<FileSink> {
    const path = this.#inside(wire);
    const { blob, file } = await this.scratch.create();
    let sizeBytes = 0;
    const forget = () => {
      file.close();
      this.scratch.remove(blob);
    };
    return {
      write: (chunk) => {
        file.write([chunk]);
        sizeBytes += chunk.length;
      },
      commit: () => {
        file.close();
        try {
          this.view.place(path, blob, sizeBytes, this.nowMs());
        } catch (error) {
          forget();
          throw error;
        }
      },
      discard: forget,
    };
  }

  open(wire: string): FileSource {
    const path = this.#inside(wire);
    const file = this.view.open(path);
    this.current = path;
    return this.#counted(sourceOf(file));
  }

  move(from: string, to: string): void {
    this.view.move(this.#inside(from), this.#inside(to));
  }

  copy(from: string, to: string): void {
    this.view.copy(this.#inside(from), this.#inside(to));
  }

  remove(wire: string): void {
    this.view.remove(this.#inside(wire));
  }

  list(wire: string): readonly ListedEntry[] {
    return this.view.list(this.#inside(wire)).map(({ name, kind, sizeBytes, modifiedMs }) => ({
      name,
      type: kind,
      sizeBytes,
      modified: new Date(modifiedMs),
    }));
  }

  makeDirectory(wire: string): void {
    this.view.makeDirectory(this.#inside(wire));
  }

  #counted(source: LeaseSource): FileSource {
    return {
      read: (into) => {
        const count = source.read(into);
        this.bytesSent += count;
        if (count === 0) this.filesSent += 1;
        return count;
      },
      close: () => source.close(),
    };
  }

  #inside(wire: string): string {
    return pathInFolder(this.folder, wire);
  }
}

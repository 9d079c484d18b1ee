/** A DeviceLinkHost in memory: what arrived, what was asked for, and failures on demand. */
import type { DeviceLinkHost, FileSink, FileSource, ListedEntry } from '../../src/protocol/devicelink/host.js';

export function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: made up by a test`), { code });
}

export class MemoryHost implements DeviceLinkHost {
  readonly files = new Map<string, Buffer>();
  readonly calls: string[] = [];
  /** Fails a write to this path once so many bytes have come. */
  failWrite: { path: string; afterBytes: number; code: string } | undefined;
  /** Fails a read of this path after so many reads. */
  failRead: { path: string; afterReads: number; code: string } | undefined;
  /** Fails the next time that all is waited for. */
  failLate: string | undefined;
  readonly readBytes: number;

  constructor(readBytes = 100_000) {
    this.readBytes = readBytes;
  }

  freeSpace(): number {
    return 5_000_000_000;
  }

  receive(path: string): FileSink {
    const chunks: Buffer[] = [];
    let bytes = 0;
    return {
      write: (chunk) => {
        bytes += chunk.length;
        const fault = this.failWrite;
        if (fault?.path === path && bytes > fault.afterBytes) throw systemError(fault.code);
        chunks.push(Buffer.from(chunk));
      },
      commit: () => void this.files.set(path, Buffer.concat(chunks)),
      discard: () => void this.calls.push(`discard ${path}`),
    };
  }

  async settle(): Promise<void> {
    const code = this.failLate;
    this.failLate = undefined;
    if (code !== undefined) throw systemError(code);
  }

  open(path: string): FileSource {
    const content = this.files.get(path);
    if (content === undefined) throw systemError('ENOENT');
    let at = 0;
    let reads = 0;
    return {
      read: async (into) => {
        const fault = this.failRead;
        if (fault?.path === path && reads++ >= fault.afterReads) throw systemError(fault.code);
        const count = content.copy(into, 0, at, at + this.readBytes);
        at += count;
        return count;
      },
      close: () => void this.calls.push(`close ${path}`),
    };
  }

  move(from: string, to: string): void {
    this.calls.push(`move ${from} ${to}`);
    if (from.includes('missing')) throw systemError('ENOENT');
  }

  copy(from: string, to: string): void {
    this.calls.push(`copy ${from} ${to}`);
  }

  remove(path: string): void {
    this.calls.push(`remove ${path}`);
  }

  list(path: string): ListedEntry[] {
    this.calls.push(`list ${path}`);
    const modified = new Date('2026-11-21T07:00:00Z');
    return [
      { name: 'a', type: 'file', sizeBytes: 5_000_000_000, modified },
      { name: '__proto__', type: 'directory', sizeBytes: 0, modified },
    ];
  }

  makeDirectory(path: string): void {
    this.calls.push(`mkdir ${path}`);
  }
}

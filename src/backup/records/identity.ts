/** Is this the file that the records speak of? Size and mtime; where only the time differs, the checksum. */
import { createHash } from 'node:crypto';
import type { FileIdentity } from '../disk/file-identity.js';
import type { FileStat, ReadableFile, StoreFileSystem } from '../disk/file-system.js';

const READ_BYTES = 1024 * 1024;

/** Same size and time: what a rename keeps. */
export function isExactly(stat: FileStat | undefined, identity: FileIdentity | null): boolean {
  if (stat === undefined || identity === null || stat.kind !== 'file') return false;
  return stat.sizeBytes === identity.size && stat.mtimeUs === identity.mtimeUs;
}

/** Same file, or same bytes under another time (a disk that was copied, a share mounted again). */
export function isSame(
  fs: StoreFileSystem,
  path: string,
  stat: FileStat | undefined,
  identity: FileIdentity | null,
): boolean {
  if (isExactly(stat, identity)) return true;
  if (stat === undefined || identity === null || stat.kind !== 'file') return false;
  if (stat.sizeBytes !== identity.size || identity.sha256 === null) return false;
  return sha256OfPath(fs, path) === identity.sha256;
}

/** The same for a file that is open; it is read only where the time differs. */
export function isSameFile(file: ReadableFile, identity: FileIdentity): boolean {
  const stat = file.stat();
  if (isExactly(stat, identity)) return true;
  if (stat.sizeBytes !== identity.size || identity.sha256 === null) return false;
  return sha256OfFile(file) === identity.sha256;
}

/** Hex, or nothing where there is no such file. */
export function sha256OfPath(fs: StoreFileSystem, path: string): string | undefined {
  const file = fs.open(path);
  if (file === undefined) return undefined;
  try {
    return sha256OfFile(file);
  } finally {
    file.close();
  }
}

export function sha256OfFile(file: ReadableFile): string {
  const hash = createHash('sha256');
  for (const piece of piecesOf(file)) hash.update(piece);
  return hash.digest('hex');
}

/** The same while other work has its turns. @throws the signal's reason */
export async function sha256OfOpen(
  file: ReadableFile,
  turns: {
    readonly pause: () => Promise<void> | undefined;
    readonly signal?: AbortSignal | undefined;
    readonly onRead?: ((bytes: number) => void) | undefined;
  },
): Promise<string> {
  const hash = createHash('sha256');
  for (const piece of piecesOf(file)) {
    hash.update(piece);
    turns.onRead?.(piece.length);
    const turn = turns.pause();
    if (turn !== undefined) await turn;
    turns.signal?.throwIfAborted();
  }
  return hash.digest('hex');
}

/** Each is done with when the next is asked for. */
function* piecesOf(file: ReadableFile): Generator<Buffer, void> {
  const into = Buffer.allocUnsafe(Math.min(READ_BYTES, Math.max(4096, file.stat().sizeBytes)));
  for (let at = 0; ; ) {
    const count = file.read(into, at);
    if (count === 0) return;
    yield into.subarray(0, count);
    at += count;
  }
}

/**
 * A phone that unpacks a backup sends its files to `_unback_/<UDID>/…`, beside the backup. They are taken like everything that a phone writes while it reads a
 * backup: under numbers in the scratch folder, so that no name of the phone's is opened. What came is written out afterwards.
 */
import type { DeviceLinkHost } from '../protocol/devicelink/host.js';
import { FolderTarget } from '../output/folder-target.js';
import { NameTree } from '../output/name-tree.js';
import type { EntryContent } from '../output/output-target.js';
import { probePlace } from '../output/place-probe.js';
import type { RestoreView } from './restore/view.js';

/** Its place in the view of the backup; no file of a backup is called so. */
const TOP = '_unback_';
const READ_BYTES = 256 * 1024;

/** @param source the first component of the phone's other paths */
export function unbackHost(host: DeviceLinkHost, source: string): DeviceLinkHost {
  const prefix = `${TOP}/${source}`;
  const at = (wire: string) =>
    wire === prefix || wire.startsWith(`${prefix}/`) ? `${source}/${TOP}${wire.slice(prefix.length)}` : wire;
  return {
    freeSpace: () => host.freeSpace(),
    receive: (path) => host.receive(at(path)),
    open: (path) => host.open(at(path)),
    move: (from, to) => host.move(at(from), at(to)),
    copy: (from, to) => host.copy(at(from), at(to)),
    remove: (path) => host.remove(at(path)),
    list: (path) => host.list(at(path)),
    makeDirectory: (path) => host.makeDirectory(path === TOP ? `${source}/${TOP}` : at(path)),
  };
}

export interface UnpackedFiles {
  readonly files: number;
  readonly bytes: number;
}

/**
 * @param to a new folder, there and empty
 * @throws IbkError `destination`
 */
export async function writeUnpacked(
  view: RestoreView,
  to: string,
  {
    platform,
    umask,
    signal,
  }: { readonly platform: NodeJS.Platform; readonly umask: number; readonly signal: AbortSignal },
): Promise<UnpackedFiles> {
  const target = new FolderTarget(to, true, { overwrite: 'never', platform, umask });
  const names = new NameTree(probePlace(to, platform), 'auto');
  const written = { files: 0, bytes: 0 };
  const below = async (parts: readonly string[]): Promise<void> => {
    for (const { name, kind, sizeBytes } of view.list([TOP, ...parts].join('/'))) {
      signal.throwIfAborted();
      const inner = [...parts, name];
      const placed = kind === 'directory' ? names.folder(inner) : names.file(inner);
      if (placed === undefined) continue;
      const facts = { path: placed.path, mode: kind === 'directory' ? 0o700 : 0o600, mtime: null, btime: null };
      if (kind === 'directory') {
        target.folder(facts);
        await below(inner);
      } else {
        await target.file(facts, contentOf(view, [TOP, ...inner].join('/'), sizeBytes), signal);
        written.files += 1;
        written.bytes += sizeBytes;
      }
    }
  };
  try {
    await below([]);
    await target.finish();
  } catch (error) {
    await target.abandon();
    throw error;
  }
  return written;
}

function contentOf(view: RestoreView, path: string, sizeBytes: number): EntryContent {
  const read = (into: Buffer, at: number) => {
    const file = view.open(path);
    try {
      return file.read(into, at);
    } finally {
      file.close();
    }
  };
  return {
    storedBytes: sizeBytes,
    plainBytes: () => sizeBytes,
    readWhole: (into = Buffer.alloc(sizeBytes)) => into.subarray(0, read(into.subarray(0, sizeBytes), 0)),
    async *pieces() {
      for (let at = 0; at < sizeBytes; ) {
        const piece = Buffer.allocUnsafe(READ_BYTES);
        const count = read(piece, at);
        if (count === 0) return;
        at += count;
        yield piece.subarray(0, count);
      }
    },
  };
}

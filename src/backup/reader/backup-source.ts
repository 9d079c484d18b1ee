/** A backup to be looked through, wherever it lies: a version of a store, or a folder that ibk has not taken in. */
import { basename, dirname } from 'node:path';
import { turnTaker } from '../../io/turns.js';
import { DiskFileSystem } from '../disk/disk-file-system.js';
import type { FileIdentity } from '../disk/file-identity.js';
import { type Located, placeOf, type ReadableFile, readWhole, type StoreFileSystem } from '../disk/file-system.js';
import type { StoreContext } from '../records/context.js';
import { comparePaths, isHashFolder, isManagedName, LEFTOVER_FOLDER } from '../records/names.js';
import type { ExaminedFile, VerifyOptions } from '../versions/examine.js';
import type { VersionReader } from '../versions/resolve.js';

export interface BackupSource {
  /** Undefined where there is no such file, or none that may be taken for it. */
  open(path: string): ReadableFile | undefined;
  /** Where many files lie; undefined where only `open` can tell. */
  locate?(paths: readonly string[]): Located | undefined;
  /** SHA-256 of files as they lie there, which were taken when they came; undefined where nobody takes any. */
  checksums?(paths: readonly string[]): readonly (string | null)[];
  /** What was recorded of a file when it was received; undefined: nobody did. */
  identity?(path: string): FileIdentity | undefined;
  /** Why `open` gave nothing. `lost`: it was there, and another program overwrote it. `irregular`: a link, a pipe, a device or a folder is in its place. */
  whyNot(path: string): 'absent' | 'lost' | 'irregular';
  /** Every file of the backup, there or missing, in order of their paths (bytes). */
  files(options: VerifyOptions): AsyncGenerator<ExaminedFile, void>;
  /** What other programs left in the folder beside it: payloads that `files` does not have, and `Snapshot`, where something is in it. */
  leftovers(signal?: AbortSignal): AsyncGenerator<string, void>;
}

/** A version of a store. */
export function versionSource(ctx: StoreContext, reader: VersionReader, version: string): BackupSource {
  return {
    open: (path) => {
      const reading = reader.open(version, path);
      return reading.state === 'found' ? reading.file : undefined;
    },
    locate: (paths) => reader.locate(version, paths),
    checksums: (paths) => reader.checksums(version, paths),
    identity: (path) => reader.identityOf(version, path),
    whyNot: (path) => {
      const reading = reader.open(version, path);
      if (reading.state === 'found') reading.file.close();
      return reading.state === 'lost' ? 'lost' : 'absent';
    },
    async *files(options) {
      const { examine } = await import('../versions/examine.js');
      yield* examine(ctx, reader, version, options);
    },
    leftovers: (signal) => leftBeside(ctx, reader, version, signal),
  };
}

/** Nothing where another version lies in the folder, or nobody can tell what should lie there. */
async function* leftBeside(
  { fs, layout, pause }: StoreContext,
  reader: VersionReader,
  version: string,
  signal?: AbortSignal,
): AsyncGenerator<string, void> {
  const head = reader.head();
  const isKnown = reader.expectedInFolder('Manifest.plist') !== undefined;
  if (head?.current?.id !== version || head.op !== null || !isKnown) return;
  if (hasFiles(fs, layout.inFolder(LEFTOVER_FOLDER))) yield LEFTOVER_FOLDER;
  for (const { name, kind } of fs.list(layout.folder) ?? []) {
    const inside = kind === 'directory' && isHashFolder(name) ? (fs.list(layout.inFolder(name)) ?? []) : [];
    const files =
      kind === 'file' ? [name] : inside.flatMap((file) => (file.kind === 'file' ? [`${name}/${file.name}`] : []));
    const turn = pause();
    if (turn !== undefined) await turn;
    signal?.throwIfAborted();
    const managed = files.filter(isManagedName);
    // What has a place is expected; of the others each is asked for.
    const places = reader.locate(version, managed)?.places ?? [];
    for (const [index, path] of managed.entries())
      if (places[index] === undefined && reader.expectedInFolder(path) === undefined) yield path;
  }
}

function hasFiles(fs: Pick<StoreFileSystem, 'list'>, folder: string): boolean {
  const inside = fs.list(folder) ?? [];
  return inside.some(
    ({ name, kind }) => kind === 'file' || (kind === 'directory' && hasFiles(fs, `${folder}/${name}`)),
  );
}

/** Apple's layout in a folder of any name. There are no checksums: a file that is there is as good as any. */
export function folderSource(folder: string): BackupSource {
  const fs = new DiskFileSystem(dirname(folder));
  const top = basename(folder);
  const below = (path: string) => (path === '' ? top : `${top}/${path}`);
  const pause = turnTaker();
  async function* files(inside: string, { signal }: VerifyOptions): AsyncGenerator<ExaminedFile, void> {
    const names: string[] = [];
    for (const { name, kind } of fs.list(below(inside)) ?? []) {
      const path = inside === '' ? name : `${inside}/${name}`;
      if (kind === 'file' && isManagedName(path)) names.push(path);
      if (kind === 'directory' && inside === '' && isHashFolder(name)) names.push(`${name}/`);
    }
    for (const path of names.sort(comparePaths)) {
      signal?.throwIfAborted();
      await pause();
      if (path.endsWith('/')) yield* files(path.slice(0, -1), { signal });
      else {
        const sizeBytes = fs.stat(below(path))?.sizeBytes ?? 0;
        yield { path, fault: undefined, sizeBytes, compared: false, withoutChecksum: true };
      }
    }
  }
  return {
    open: (path) => fs.open(below(path)),
    locate: (paths) => ({
      places: paths.map((path) => placeOf(fs, below(path), null)),
      holds: () => true,
    }),
    whyNot: (path) => (fs.stat(below(path)) === undefined ? 'absent' : 'irregular'),
    files: (options) => files('', options),
    async *leftovers() {
      if (hasFiles(fs, below(LEFTOVER_FOLDER))) yield LEFTOVER_FOLDER;
    },
  };
}

/** A small file, whole; undefined where there is none. @throws EFBIG */
export function readPart({ open }: BackupSource, path: string, mostBytes: number): Buffer | undefined {
  return readWhole({ open }, path, mostBytes);
}

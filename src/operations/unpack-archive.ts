/**
 * A backup that lies in an archive (.tar, .tar.gz, .zip) becomes a folder for a while. Only files of Apple's names come out of it, each new, and in one folder:
 * whatever else an archive holds is passed over, and what leads out of it, or is no file, is refused (exit 16).
 */
import { createReadStream } from 'node:fs';
import { mkdir, open } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { createGunzip } from 'node:zlib';
import { udidOfFolder } from '../backup/records/layout.js';
import { isHashFolder, isManagedName } from '../backup/records/names.js';
import { IbkError } from '../errors.js';
import { formatBytes } from '../figures.js';
import { type ArchiveEntry, damagedArchive, type TakeEntry, unsafeArchive } from '../io/archive-entry.js';
import { freeBytes } from '../io/disk-space.js';
import { codeOf } from '../io/system-code.js';
import { isTar, readTar } from '../io/tar-entries.js';
import { readZip } from '../io/zip-entries.js';

export type ArchiveKind = 'tar' | 'tar.gz' | 'zip';

const BLOCK_BYTES = 512;
const MOST_NAME_BYTES = 1024;
/** A backup is packed already for the most part; no real one grows that much. Small ones may. */
const MOST_GROWTH = 200;
const HARMLESS_BYTES = 1024 ** 3;
/** What the disk keeps for other things. */
const SPARE_BYTES = 64 * 1024 * 1024;
const CHUNK_BYTES = 1024 * 1024;

/** By its first bytes; undefined: it is none of them. @throws a system error */
export async function archiveKind(path: string): Promise<ArchiveKind | undefined> {
  await using file = await open(path, 'r');
  const { bytesRead, buffer } = await file.read(Buffer.alloc(BLOCK_BYTES), 0, BLOCK_BYTES, 0);
  const begins = buffer.subarray(0, bytesRead);
  if (/^PK(?:\x03\x04|\x05\x06)/.test(begins.toString('latin1', 0, 4))) return 'zip';
  if (begins[0] === 0x1f && begins[1] === 0x8b) return 'tar.gz';
  return isTar(begins) ? 'tar' : undefined;
}

/**
 * @param into an empty folder of ours
 * @returns the folder of the backup, in `into`
 * @throws IbkError `damaged`, `unsafe`, `incompatible`; `usage`: it holds several backups; `not_found`: it holds none; `destination`: too large for the disk
 */
export async function unpackArchive(
  archive: string,
  kind: ArchiveKind,
  into: string,
  signal?: AbortSignal,
): Promise<string> {
  const size = await sizeOf(archive);
  const unpacking = new Unpacking(into, size, signal);
  if (kind === 'zip') await readZip(archive, unpacking.take);
  else {
    const raw: AsyncIterable<Buffer> = createReadStream(archive, {
      highWaterMark: CHUNK_BYTES,
      ...(signal && { signal }),
    });
    await readTar(kind === 'tar' ? raw : unpacked(raw, size), unpacking.take);
  }
  return unpacking.folder();
}

class Unpacking {
  readonly #into: string;
  readonly #archiveBytes: number;
  readonly #signal: AbortSignal | undefined;
  readonly #folders = new Set<string>();
  #top: string | undefined;
  #folder = '';
  #bytes = 0;

  constructor(into: string, archiveBytes: number, signal: AbortSignal | undefined) {
    this.#into = into;
    this.#archiveBytes = archiveBytes;
    this.#signal = signal;
  }

  readonly take: TakeEntry = async (entry, pieces) => {
    this.#signal?.throwIfAborted();
    const parts = safeParts(entry);
    if (entry.kind !== 'file') return;
    const found = placeOf(parts);
    if (found === undefined || isInSnapshotOf(found.top, this.#top)) return;
    this.#top ??= found.top;
    if (this.#top !== found.top) throw several();
    await this.#write(found.path, entry.sizeBytes, pieces);
  };

  folder(): string {
    if (this.#folder !== '') return this.#folder;
    throw new IbkError('not_found', 'That archive holds no backup.', {
      reason: 'no_backup',
      hint: 'ibk import --help',
    });
  }

  async #write(path: string, sizeBytes: number, pieces: AsyncIterable<Buffer>): Promise<void> {
    this.#bytes += sizeBytes;
    refuseBomb(this.#bytes, this.#archiveBytes);
    await requireRoom(this.#into, sizeBytes);
    if (this.#folder === '') {
      const name = basename(this.#top ?? '');
      this.#folder = join(this.#into, udidOfFolder(name) === name ? name : 'backup');
      await mkdir(this.#folder, { mode: 0o700 });
    }
    const [inside = ''] = path.includes('/') ? path.split('/') : [];
    if (inside !== '' && !this.#folders.has(inside)) {
      await mkdir(join(this.#folder, inside), { mode: 0o700 });
      this.#folders.add(inside);
    }
    await using file = await open(join(this.#folder, path), 'wx', 0o600).catch((error: unknown) => {
      if (isThere(error)) throw damagedArchive('it holds a file twice');
      throw error;
    });
    let written = 0;
    for await (const piece of pieces) {
      this.#signal?.throwIfAborted();
      written += piece.length;
      if (written > sizeBytes) throw damagedArchive('a file in it is larger than it says');
      for (let at = 0; at < piece.length; ) at += (await file.write(piece, at)).bytesWritten;
    }
    if (written !== sizeBytes) throw damagedArchive('a file in it is cut off');
  }
}

/** @throws IbkError `unsafe` for what leads anywhere else, or is no file */
function safeParts({ path, kind }: ArchiveEntry): readonly string[] {
  if (kind === 'other') throw unsafeArchive('the archive holds a link or a device', path);
  if (Buffer.byteLength(path) > MOST_NAME_BYTES) throw unsafeArchive('a name in the archive is too long', path);
  if (path.startsWith('/') || /^[A-Za-z]:/.test(path) || path.includes('\0') || path.includes('\\'))
    throw unsafeArchive('a name in the archive leads out of it', path);
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) throw unsafeArchive('a name in the archive leads out of it', path);
  return parts;
}

/** Of a file of a backup: the folder that the backup lies in, and its path below that. */
function placeOf(parts: readonly string[]): { readonly top: string; readonly path: string } | undefined {
  for (const depth of [2, 1]) {
    const path = parts.slice(-depth).join('/');
    if (parts.length >= depth && isManagedName(path) && (depth === 1 || isHashFolder(parts.at(-2) ?? '')))
      return { top: parts.slice(0, -depth).join('/'), path };
  }
  return undefined;
}

/** What an interrupted run of another program left beside the backup. */
function isInSnapshotOf(top: string, backup: string | undefined): boolean {
  return basename(top) === 'Snapshot' && (backup === undefined || top === join(backup, 'Snapshot'));
}

const several = (): IbkError =>
  new IbkError('usage', 'The archive holds more than one backup.', {
    reason: 'several_backups',
    meaning: 'Nothing was taken in.',
    hint: 'Unpack it, then import each: ibk import DIR',
  });

/** @throws IbkError `unsafe` */
function refuseBomb(bytes: number, archiveBytes: number): void {
  if (bytes > HARMLESS_BYTES && bytes > archiveBytes * MOST_GROWTH)
    throw unsafeArchive(`the archive unpacks to more than ${MOST_GROWTH} times its size`, '');
}

async function requireRoom(place: string, bytes: number): Promise<void> {
  if (bytes === 0) return;
  const free = await freeBytes(place);
  if (bytes + SPARE_BYTES <= free) return;
  throw new IbkError('destination', `Not enough space to unpack it: ${formatBytes(free)} are free.`, {
    reason: 'no_space',
    meaning: 'Nothing was taken in.',
    hint: 'It is unpacked under the backup root first, and taken in from there.',
  });
}

/** @throws IbkError `damaged`, `unsafe` */
async function* unpacked(packed: AsyncIterable<Buffer>, packedBytes: number): AsyncGenerator<Buffer, void> {
  const gunzip = createGunzip({ chunkSize: 256 * 1024 });
  let bytes = 0;
  let failure: { readonly error: unknown } | undefined;
  const feeding = (async () => {
    try {
      for await (const piece of packed) {
        await new Promise<void>((done) => gunzip.write(piece, () => done()));
        if (gunzip.destroyed) return;
      }
      gunzip.end();
    } catch (error) {
      failure = { error };
      gunzip.destroy(error instanceof Error ? error : undefined);
    }
  })();
  try {
    const pieces = gunzip[Symbol.asyncIterator]();
    for (;;) {
      const { value, done } = await pieces.next().catch((error: unknown) => {
        throw failure === undefined ? damagedArchive('it is cut off, or not packed by gzip', error) : failure.error;
      });
      if (done === true) break;
      bytes += value.length;
      refuseBomb(bytes, packedBytes);
      yield value;
    }
    await feeding;
  } finally {
    gunzip.destroy();
  }
}

async function sizeOf(path: string): Promise<number> {
  await using file = await open(path, 'r');
  return (await file.stat()).size;
}

const isThere = (error: unknown): boolean => codeOf(error) === 'EEXIST';

/** Is a version whole? Every file of it is found and has its size; with `readData`, its checksum too (finds bit rot). */
import { IbkError } from '../../errors.js';
import { codeOf } from '../../io/system-code.js';
import type { FileIdentity } from '../disk/file-identity.js';
import type { ReadableFile } from '../disk/file-system.js';
import type { Catalog } from '../records/catalog.js';
import type { StoreContext } from '../records/context.js';
import type { Head } from '../records/head-record.js';
import { sha256OfOpen } from '../records/identity.js';
import { openCatalogForReading } from './catalog-read.js';
import { type Damage, damageOf } from './damage.js';
import { examineAhead, FILES_A_PAGE } from './examine-ahead.js';
import type { VersionReader } from './resolve.js';

const NO_DAMAGE: ReadonlyMap<string, Damage> = new Map();

/**
 * `missing`: not there. `size`, `content`: not what was received. `touched`: another file under a new time, and no checksum to tell more.
 * `unreadable`: the disk fails there. By its record: `digest` differs, `padding` is not how an encrypted file ends, `record`: it or its key is damaged.
 */
export type Fault = 'missing' | 'size' | 'content' | 'touched' | 'unreadable' | 'digest' | 'padding' | 'record';

export interface ExaminedFile {
  readonly path: string;
  readonly fault: Fault | undefined;
  /** As it lies there; 0 when it does not. */
  readonly sizeBytes: number;
  /** Its checksum was compared. */
  readonly compared: boolean;
  /** There is none: another program made the file. */
  readonly withoutChecksum: boolean;
}

export interface VerifyProblem {
  readonly path: string;
  readonly kind: Fault;
}

export interface VerifyResult {
  readonly files: number;
  readonly bytes: number;
  /** Files whose checksum was compared. */
  readonly compared: number;
  /** Files that have no checksum: another program made them. */
  readonly withoutChecksum: number;
  readonly problems: readonly VerifyProblem[];
}

export interface VerifyOptions {
  readonly readData?: boolean;
  /** With `readData`: only files of these paths. Default: all. */
  readonly only?: ((path: string) => boolean) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Bytes that were read for checksums, as they are read. */
  readonly onRead?: ((bytes: number) => void) | undefined;
}

export async function examineVersion(
  ctx: StoreContext,
  reader: VersionReader,
  version: string,
  options: VerifyOptions,
): Promise<VerifyResult> {
  const sum = { files: 0, bytes: 0, compared: 0, withoutChecksum: 0 };
  const problems: VerifyProblem[] = [];
  for await (const { path, fault, sizeBytes, compared, withoutChecksum } of examine(ctx, reader, version, options)) {
    sum.files += 1;
    sum.bytes += sizeBytes;
    if (compared) sum.compared += 1;
    if (withoutChecksum) sum.withoutChecksum += 1;
    if (fault !== undefined) problems.push({ path, kind: fault });
  }
  return { ...sum, problems };
}

/** Every file that the version has or should have, in order of their paths (bytes). */
export async function* examine(
  ctx: StoreContext,
  reader: VersionReader,
  version: string,
  options: VerifyOptions,
): AsyncGenerator<ExaminedFile, void> {
  const catalog = await openCatalogForReading(ctx, reader);
  try {
    const head = reader.head();
    const damage = head === undefined ? NO_DAMAGE : damageOf(ctx, head, version);
    const pages = pagesOf(catalog, head, version, damage);
    const ahead = { ...options, isRead: (path: string) => isRead(path, options) };
    for await (const { paths, whole } of examineAhead(reader, version, pages, damage, ahead))
      for (const path of paths) {
        const turn = ctx.pause();
        if (turn !== undefined) await turn;
        options.signal?.throwIfAborted();
        const found = whole.get(path) ?? (await examineFile(ctx, reader, version, path, options));
        const fault = found?.fault ?? damage.get(path);
        if (found !== undefined) yield fault === undefined ? found : { ...found, fault };
        else if (fault !== undefined) yield { path, fault, sizeBytes: 0, compared: false, withoutChecksum: false };
      }
  } finally {
    catalog.close();
  }
}

/** Undefined: the version has no such file. */
async function examineFile(
  ctx: StoreContext,
  reader: VersionReader,
  version: string,
  path: string,
  options: VerifyOptions,
): Promise<ExaminedFile | undefined> {
  try {
    return await examineReading(ctx, reader, version, path, options);
  } catch (error) {
    const isDamaged = error instanceof IbkError && error.reason === 'manifest';
    if (!isDamaged && !UNREADABLE.has(codeOf(error) ?? '')) throw error;
    return { path, fault: isDamaged ? 'content' : 'unreadable', sizeBytes: 0, compared: false, withoutChecksum: false };
  }
}

/** Is its content to be read? */
export function isRead(path: string, { readData, only }: VerifyOptions): boolean {
  return readData === true && (only === undefined || only(path));
}

const UNREADABLE: ReadonlySet<string> = new Set(['EIO', 'EACCES', 'EPERM']);

async function examineReading(
  ctx: StoreContext,
  reader: VersionReader,
  version: string,
  path: string,
  options: VerifyOptions,
): Promise<ExaminedFile | undefined> {
  const reading = reader.open(version, path);
  if (reading.state === 'absent' || reading.state === 'no_version') return undefined;
  if (reading.state === 'lost') {
    const fault = faultInFolder(ctx, reader, version, path);
    return { path, fault, sizeBytes: 0, compared: false, withoutChecksum: false };
  }
  const { file, expected } = reading;
  try {
    const { sizeBytes } = file.stat();
    const sha256 = expected?.sha256 ?? null;
    // Of what is packed the size says nothing.
    const compared =
      (file.isPacked === true || isRead(path, options)) && sha256 !== null && sizeBytes === expected?.size;
    const fault = await faultOf(ctx, file, expected, compared, options);
    return { path, fault, sizeBytes, compared, withoutChecksum: sha256 === null };
  } finally {
    file.close();
  }
}

async function faultOf(
  ctx: StoreContext,
  file: ReadableFile,
  expected: FileIdentity | null,
  compared: boolean,
  options: VerifyOptions,
): Promise<Fault | undefined> {
  if (expected === null) return undefined;
  if (file.stat().sizeBytes !== expected.size) return 'size';
  return compared && (await sha256Of(ctx, file, options)) !== expected.sha256 ? 'content' : undefined;
}

/** The reader gives no file of the folder that is not the one it expects; what is there instead tells why. */
function faultInFolder(ctx: StoreContext, reader: VersionReader, version: string, path: string): Fault {
  if (reader.head()?.current?.id !== version) return 'missing';
  const there = ctx.fs.stat(ctx.layout.inFolder(path));
  if (there?.kind !== 'file') return 'missing';
  const expected = reader.expectedInFolder(path);
  if (expected !== undefined && expected.size !== there.sizeBytes) return 'size';
  return typeof expected?.sha256 === 'string' ? 'content' : 'touched';
}

/** Which of these versions hold `path` undamaged, by its checksum. A file that several share is read once. */
export async function* findIntact(
  ctx: StoreContext,
  reader: VersionReader,
  versions: readonly string[],
  path: string,
  options: VerifyOptions,
): AsyncGenerator<string, void> {
  const seen = new Map<string, boolean>();
  for (const version of versions) {
    options.signal?.throwIfAborted();
    const reading = reader.open(version, path);
    if (reading.state !== 'found') continue;
    const { file, expected } = reading;
    try {
      const { inode, sizeBytes, mtimeUs } = file.stat();
      if (expected === null || expected.sha256 === null || expected.size !== sizeBytes) continue;
      const key = `${inode} ${sizeBytes} ${mtimeUs} ${expected.sha256}`;
      const intact = seen.get(key) ?? (await sha256Of(ctx, file, options)) === expected.sha256;
      seen.set(key, intact);
      if (intact) yield version;
    } finally {
      file.close();
    }
  }
}

function sha256Of({ pause }: StoreContext, file: ReadableFile, { signal, onRead }: VerifyOptions): Promise<string> {
  return sha256OfOpen(file, { pause, signal, onRead });
}

/** Every path that the version may have, and those that are damaged in it; the reader says which it has. */
async function* pagesOf(
  catalog: Catalog,
  head: Head | undefined,
  version: string,
  damage: ReadonlyMap<string, Damage>,
): AsyncGenerator<readonly string[], void> {
  const edit = head?.edits.find(({ id }) => id === version);
  const edited = edit === undefined ? undefined : catalog.version(edit.id)?.seq;
  const own = catalog.version(edit?.base ?? version)?.seq ?? Number.MAX_SAFE_INTEGER;
  // The list before it names what it lacks.
  const seq = damage.size === 0 ? own : (catalog.versions().findLast((other) => other.seq < own)?.seq ?? own);
  for (let after = ''; ; ) {
    const page = catalog.pathsOfVersion(seq, after, FILES_A_PAGE, edited);
    yield page;
    const last = page.at(-1);
    if (last === undefined || page.length < FILES_A_PAGE) return;
    after = last;
  }
}

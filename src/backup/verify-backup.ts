/**
 * Is a backup whole, and could it be restored? For a version of a store, and for any folder in Apple's layout.
 *
 * | part           | what is looked at |
 * |----------------|-------------------|
 * | Info.plist     | is there, reads |
 * | Status.plist   | reads, SnapshotState `finished` |
 * | Manifest.plist | reads; its keybag reads |
 * | Manifest.db    | SQLite finds it sound, each file it names is there; encrypted: not empty, a whole number of blocks |
 * | Manifest.mbdb  | reads, each file it names is there |
 * | each file      | is there with its size; with `readData`, its checksum, where one was taken |
 */
import { IbkError } from '../errors.js';
import { type NamelessDatabase, openNamelessDatabase } from '../io/nameless-database.js';
import { type BackupSource, readPart } from './backup-source.js';
import type { ReadableFile } from './file-system.js';
import { filesNotSent } from './format/info-plist.js';
import { parseKeybag } from './format/keybag.js';
import { isPlainStart, manifestRows } from './format/manifest-db.js';
import { type BackupManifest, parseManifestPlist } from './format/manifest-plist.js';
import { fileIdFor, isRegularFile } from './format/mbdb.js';
import { streamMbdb } from './reader/mbdb-manifest.js';
import { parseStatusPlist, SMALL_PLIST_LIMIT } from './format/status-plist.js';
import type { ExaminedFile, Fault, VerifyOptions } from './verify.js';
import { isMetadata } from './names.js';

const PLIST_LIMIT = 64 * 1024 * 1024;
/** An iPhone of that time held a tenth of it; all are kept in memory, to be put in order. */
const MOST_MBDB_FILES = 2_000_000;
const COPY_BYTES = 1024 * 1024;
const PAYLOAD = /^(?:[0-9a-f]{2}\/)?([0-9a-f]{40})$/;

export interface BackupFault {
  /** `unreadable`: a part that describes the backup. `unfinished`: the device had not finished. */
  readonly kind: Fault | 'unreadable' | 'unfinished';
  /** In the backup folder. */
  readonly path: string;
  /** As the device names it, where the manifest could be read. */
  readonly domain: string | null;
  readonly relativePath: string | null;
}

export interface VerifiedBackup {
  readonly encrypted: boolean;
  /** `checked`: every file that it names was looked for. `encrypted`: it names files to nobody without the password. */
  readonly manifest: 'checked' | 'encrypted' | 'unreadable';
  /** Files of the device: what the manifest names, else what should be there; and those that are. */
  readonly files: number;
  readonly present: number;
  /** Named, and missing since the device could not send them when the backup was made. No damage. */
  readonly notSent: number;
  readonly bytes: number;
  /** Files whose checksum was compared, and their bytes. */
  readonly compared: number;
  readonly bytesCompared: number;
  readonly withoutChecksum: number;
  readonly faults: readonly BackupFault[];
}

export interface VerifyBackupOptions extends VerifyOptions {
  readonly onFile?: ((file: ExaminedFile) => void) | undefined;
}

/** @throws IbkError the signal's reason; system errors of the disk */
export async function verifyBackup(source: BackupSource, options: VerifyBackupOptions): Promise<VerifiedBackup> {
  const parts = new Parts();
  const info = parts.read('Info.plist', () => filesNotSent(needed(source, 'Info.plist', PLIST_LIMIT)));
  parts.read('Status.plist', () => {
    if (!parseStatusPlist(needed(source, 'Status.plist', SMALL_PLIST_LIMIT)).finished)
      parts.note('Status.plist', 'unfinished');
  });
  const manifest = parts.read('Manifest.plist', () => readManifest(source));
  using named = await openManifest(source, manifest, parts);
  const files = new FileFindings(info ?? new Set(), named.state === 'checked');
  const wanted = new Expected(named.files());
  try {
    for await (const file of source.files(options)) {
      options.onFile?.(file);
      const id = PAYLOAD.exec(file.path)?.[1];
      const isElsewhere = named.isFlat !== undefined && named.isFlat === file.path.includes('/');
      if (id === undefined || isElsewhere) files.add(file, undefined);
      else {
        for await (const next of wanted.before(id)) files.missing(next, named.isFlat === true);
        files.add(file, await wanted.take(id));
      }
    }
    for await (const next of wanted.before(undefined)) files.missing(next, named.isFlat === true);
  } finally {
    await wanted.close();
  }
  return {
    encrypted: manifest?.encrypted ?? false,
    manifest: parts.failed.has(named.name) ? 'unreadable' : named.state,
    ...files.result(parts.faults()),
  };
}

interface NamedFile {
  readonly fileId: string;
  readonly domain: string;
  readonly relativePath: string;
}

interface OpenedManifest extends Disposable {
  readonly name: 'Manifest.db' | 'Manifest.mbdb';
  readonly state: VerifiedBackup['manifest'];
  /** Do payloads lie in the folder itself (mbdb)? Undefined: not known. */
  readonly isFlat: boolean | undefined;
  /** In order of their fileIDs. */
  files(): AsyncGenerator<NamedFile, void>;
}

const NO_FILES: Pick<OpenedManifest, 'files'> & Disposable = {
  async *files() {},
  [Symbol.dispose]: () => {},
};

async function openManifest(
  source: BackupSource,
  manifest: BackupManifest | undefined,
  parts: Parts,
): Promise<OpenedManifest> {
  if (manifest !== undefined && Number.parseFloat(manifest.version) < 10) return openMbdb(source, parts);
  const name = 'Manifest.db';
  const found = await parts.readAsync(name, () => openDatabase(source, name));
  if (found === undefined) return { ...NO_FILES, name, state: 'unreadable', isFlat: undefined };
  const { copy, sizeBytes } = found;
  if (copy !== undefined) {
    const files = () => rowsOf(copy, parts);
    return { name, state: 'checked', isFlat: false, files, [Symbol.dispose]: () => copy[Symbol.dispose]() };
  }
  const isEncrypted = manifest?.encrypted !== false && sizeBytes > 0 && sizeBytes % 16 === 0;
  if (!isEncrypted) parts.note(name, 'unreadable');
  return { ...NO_FILES, name, state: isEncrypted ? 'encrypted' : 'unreadable', isFlat: undefined };
}

/** A damaged database names what it can until it fails. */
async function* rowsOf({ db }: NamelessDatabase, parts: Parts): AsyncGenerator<NamedFile, void> {
  try {
    for await (const rows of manifestRows(db)) for (const row of rows) if (row.flags === 1) yield row;
  } catch (error) {
    if (!(error instanceof IbkError)) throw error;
    parts.note('Manifest.db', 'unreadable');
  }
}

function openMbdb(source: BackupSource, parts: Parts): OpenedManifest {
  const name = 'Manifest.mbdb';
  const files = parts.read(name, () => {
    const found: NamedFile[] = [];
    const file = source.open(name);
    if (file === undefined) throw new IbkError('damaged', `There is no ${name}.`, { reason: 'no_part' });
    try {
      for (const record of streamMbdb(file)) {
        if (!isRegularFile(record)) continue;
        const { domain, relativePath } = record;
        if (found.length === MOST_MBDB_FILES) throw new IbkError('damaged', `${name} names millions of files.`);
        found.push({ fileId: fileIdFor(domain, relativePath), domain, relativePath });
      }
    } finally {
      file.close();
    }
    return found.sort((a, b) => (a.fileId < b.fileId ? -1 : 1));
  });
  if (files === undefined) return { ...NO_FILES, name, state: 'unreadable', isFlat: undefined };
  async function* each(): AsyncGenerator<NamedFile, void> {
    yield* files ?? [];
  }
  return { name, state: 'checked', isFlat: true, files: each, [Symbol.dispose]: () => {} };
}

function readManifest(source: BackupSource): BackupManifest {
  const manifest = parseManifestPlist(needed(source, 'Manifest.plist', PLIST_LIMIT));
  if (manifest.keybag !== undefined) parseKeybag(manifest.keybag);
  else if (manifest.encrypted) throw new IbkError('damaged', 'The backup is encrypted and has no keybag.');
  return manifest;
}

function needed(source: BackupSource, name: string, mostBytes: number): Buffer {
  const bytes = readPart(source, name, mostBytes);
  if (bytes === undefined) throw new IbkError('damaged', `There is no ${name}.`, { reason: 'no_part' });
  return bytes;
}

/**
 * SQLite reads files that lie still, and may want to put others beside them: a plain database is copied, to a file that no kill leaves behind.
 * What does not begin as one is not.
 */
async function openDatabase(
  source: BackupSource,
  name: string,
): Promise<{ copy: NamelessDatabase | undefined; sizeBytes: number }> {
  const file = source.open(name);
  if (file === undefined) throw new IbkError('damaged', `There is no ${name}.`, { reason: 'no_part' });
  try {
    const start = Buffer.alloc(100);
    const isPlain = isPlainStart(start.subarray(0, file.read(start, 0)));
    const { sizeBytes } = file.stat();
    return { copy: isPlain ? await openNamelessDatabase(piecesOf(file)) : undefined, sizeBytes };
  } finally {
    file.close();
  }
}

async function* piecesOf(file: ReadableFile): AsyncGenerator<Buffer, void> {
  const into = Buffer.allocUnsafe(COPY_BYTES);
  for (let at = 0; ; ) {
    const count = file.read(into, at);
    if (count === 0) return;
    yield into.subarray(0, count);
    at += count;
  }
}

/** Faults of what describes the backup. */
class Parts {
  readonly failed = new Map<string, 'unreadable' | 'unfinished'>();

  note(name: string, kind: 'unreadable' | 'unfinished'): void {
    this.failed.set(name, kind);
  }

  /** Undefined where the part is missing or damaged, which is noted. */
  read<T>(name: string, read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      this.#refused(name, error);
      return undefined;
    }
  }

  async readAsync<T>(name: string, read: () => Promise<T>): Promise<T | undefined> {
    try {
      return await read();
    } catch (error) {
      this.#refused(name, error);
      return undefined;
    }
  }

  #refused(name: string, error: unknown): void {
    const tooLarge = error instanceof Error && 'code' in error && error.code === 'EFBIG';
    if (!tooLarge && !(error instanceof IbkError)) throw error;
    this.note(name, 'unreadable');
  }

  faults(): BackupFault[] {
    return [...this.failed].map(([path, kind]) => ({ kind, path, domain: null, relativePath: null }));
  }
}

/** What the manifest names, in order, to be taken in step with the files. */
class Expected {
  readonly #values: AsyncGenerator<NamedFile, void>;
  #next: NamedFile | undefined;
  #ended = false;

  constructor(values: AsyncGenerator<NamedFile, void>) {
    this.#values = values;
  }

  /** Those before `fileId`, or all that are left. */
  async *before(fileId: string | undefined): AsyncGenerator<NamedFile, void> {
    for (let next = await this.#peek(); next !== undefined; next = await this.#peek()) {
      if (fileId !== undefined && next.fileId >= fileId) return;
      this.#next = undefined;
      yield next;
    }
  }

  /** The one of this name, if that is next. */
  async take(fileId: string): Promise<NamedFile | undefined> {
    const next = await this.#peek();
    if (next?.fileId !== fileId) return undefined;
    this.#next = undefined;
    return next;
  }

  async close(): Promise<void> {
    await this.#values.return();
  }

  async #peek(): Promise<NamedFile | undefined> {
    if (this.#next !== undefined || this.#ended) return this.#next;
    const step = await this.#values.next();
    if (step.done === true) this.#ended = true;
    else this.#next = step.value;
    return this.#next;
  }
}

class FileFindings {
  readonly #excused: ReadonlySet<string>;
  readonly #byManifest: boolean;
  readonly #sum = { files: 0, present: 0, notSent: 0, bytes: 0, compared: 0, bytesCompared: 0, withoutChecksum: 0 };
  readonly #faults: BackupFault[] = [];

  constructor(excused: ReadonlySet<string>, byManifest: boolean) {
    this.#excused = excused;
    this.#byManifest = byManifest;
  }

  add(file: ExaminedFile, named: NamedFile | undefined): void {
    const { path, fault, sizeBytes } = file;
    const isPayload = !isMetadata(path);
    const counts = this.#byManifest ? named !== undefined : isPayload;
    if (counts) {
      this.#sum.files += 1;
      if (fault !== 'missing') this.#sum.present += 1;
    }
    if (isPayload) this.#sum.bytes += sizeBytes;
    if (file.compared) {
      this.#sum.compared += 1;
      this.#sum.bytesCompared += sizeBytes;
    }
    if (file.withoutChecksum && isPayload) this.#sum.withoutChecksum += 1;
    if (fault !== undefined) this.#fault(fault, path, named);
  }

  /** The manifest names it, and nobody knows of it. */
  missing(named: NamedFile, isFlat: boolean): void {
    this.#sum.files += 1;
    if (this.#excused.has(named.fileId)) {
      this.#sum.notSent += 1;
      return;
    }
    this.#fault('missing', isFlat ? named.fileId : `${named.fileId.slice(0, 2)}/${named.fileId}`, named);
  }

  /** Parts that are known to be missing or changed are not told of twice. */
  result(parts: readonly BackupFault[]): Omit<VerifiedBackup, 'encrypted' | 'manifest'> {
    const told = new Set(this.#faults.map(({ path }) => path));
    return { ...this.#sum, faults: [...parts.filter(({ path }) => !told.has(path)), ...this.#faults] };
  }

  #fault(kind: Fault, path: string, named: NamedFile | undefined): void {
    this.#faults.push({ kind, path, domain: named?.domain ?? null, relativePath: named?.relativePath ?? null });
  }
}

/**
 * Takes files out of a backup: each record is given its place and name, its content is read once and written. What cannot be read or written is listed, and the
 * others follow; a disk that takes nothing more ends the run.
 */
import type { ContentPlace, FileContent, FileDetails, FileRecord, OpenedBackup } from '../../backup/reader/types.js';
import { IbkError } from '../../errors.js';
import { throwIfAborted } from '../../io/abort.js';
import { turnTaker } from '../../io/turns.js';
import { FolderTarget } from '../../output/folder-target.js';
import { relativeTarget, staysInside } from '../../output/link-target.js';
import type { NameStyle, PlaceRules } from '../../output/name-rules.js';
import { NameTree } from '../../output/name-tree.js';
import { EntryRefused } from '../../output/output-errors.js';
import type { EntryContent, EntryFacts, OutputTarget } from '../../output/output-target.js';
import { CopyLane, type LaneEntry } from './copy-lane.js';
import { type LayoutOptions, linkPlace, type Misplaced, type Parts, placeOf } from './layout.js';
import { type ExtractReport, type ExtractSink, ExtractTally, readerWords, type SkippedFile } from './report.js';

export interface ExtractSource {
  readonly backup: Pick<OpenedBackup, 'content' | 'locate'>;
  /** The chosen records, in an order that does not change. */
  records(signal?: AbortSignal): AsyncGenerator<readonly FileRecord[], void>;
  /** Rows of the manifest that are no records: those that are known before, and those that turn up while `records` is read. */
  readonly unusable?: readonly SkippedFile[] | undefined;
}

export interface ExtractOptions extends LayoutOptions {
  readonly names: NameStyle;
  readonly place: PlaceRules;
  /** Better known than to the record: when a photo was taken. Unix seconds. */
  readonly dateOf?: ((record: FileRecord) => number | undefined) | undefined;
  readonly totals?: { readonly files: number; readonly bytes: number } | undefined;
  /** That copy files beside this one, where they go into a folder. Default 0. */
  readonly threads?: number;
  readonly sink?: ExtractSink;
  readonly signal?: AbortSignal | undefined;
}

/** @throws IbkError `destination`, `damaged` (manifest), the signal's reason; OutputClosed. What was begun is taken away then; whole files stay. */
export async function extract(
  source: ExtractSource,
  target: OutputTarget,
  options: ExtractOptions,
): Promise<ExtractReport> {
  const begun = performance.now();
  const extraction = new Extraction(source, target, options);
  try {
    await extraction.run();
    await target.finish();
  } catch (error) {
    await target.abandon().catch(() => undefined);
    throw error instanceof IbkError ? withWhatIsThere(error, extraction.tally, target) : error;
  }
  return extraction.tally.report((performance.now() - begun) / 1000);
}

/** A full disk, Ctrl-C: what was written before is whole, and says so. */
function withWhatIsThere(error: IbkError, { filesDone }: ExtractTally, target: OutputTarget): IbkError {
  if (error.meaning !== undefined || target.name === 'stream') return error;
  const meaning =
    target.name !== 'folder' || filesDone === 0
      ? 'Nothing was left behind.'
      : `${filesDone === 1 ? '1 file is' : `${filesDone} files are`} there, each of them whole; --skip-existing goes on from there.`;
  return error.with({ meaning });
}

interface PendingLink {
  readonly record: FileRecord;
  readonly facts: EntryFacts;
  readonly target: string;
}

/** A file with the name that it was given. */
interface PlacedFile extends LaneEntry {
  readonly record: FileRecord;
  readonly parts: Parts;
  readonly renamed: boolean;
}

type Lane = CopyLane<PlacedFile>;

/** Records whose places are asked for together. */
const RECORDS_A_LOOK = 256;

class Extraction {
  readonly tally: ExtractTally;
  readonly #source: ExtractSource;
  readonly #target: OutputTarget;
  readonly #options: ExtractOptions;
  readonly #names: NameTree;
  readonly #links: PendingLink[] = [];
  readonly #pause = turnTaker();

  constructor(source: ExtractSource, target: OutputTarget, options: ExtractOptions) {
    this.tally = new ExtractTally(options.sink ?? {});
    this.#source = source;
    this.#target = target;
    this.#options = options;
    this.#names = new NameTree(options.place, options.names, (from, to) => this.tally.rename({ from, to }));
  }

  async run(): Promise<void> {
    const { unusable = [] } = this.#source;
    const before = unusable.length;
    for (const row of unusable) this.tally.skip(row);
    const { threads = 0 } = this.#options;
    if (threads === 0 || !(this.#target instanceof FolderTarget)) await this.#takeAll(undefined);
    else {
      const lane = new CopyLane<PlacedFile>(this.#target, threads, (file, bytes) => this.#settle(file, bytes));
      try {
        await this.#takeAll(lane);
      } finally {
        await lane.close((file, bytes) => this.#noteCopied(file, bytes));
      }
    }
    for (const row of unusable.slice(before)) this.tally.skip(row);
    // Last, so that no file can be written through one.
    for (const link of this.#links) await this.#listed(link.record, () => this.#writeLink(link));
  }

  async #takeAll(lane: Lane | undefined): Promise<void> {
    const { signal } = this.#options;
    for await (const page of this.#source.records(signal)) {
      for (let at = 0; at < page.length; at += RECORDS_A_LOOK)
        await this.#takeSome(page.slice(at, at + RECORDS_A_LOOK), lane);
    }
    await lane?.drain();
  }

  async #takeSome(records: readonly FileRecord[], lane: Lane | undefined): Promise<void> {
    const { signal } = this.#options;
    const files = lane === undefined ? [] : records.filter(({ kind }) => kind === 'file');
    const located = files.length === 0 ? undefined : this.#source.backup.locate?.(files);
    let next = 0;
    for (const record of records) {
      throwIfAborted(signal);
      const place = record.kind === 'file' ? located?.places[next++] : undefined;
      const listed = this.#listed(record, () => this.#take(record, lane, place));
      if (listed !== undefined) await listed;
      if (located !== undefined && lane?.isFull) await lane.send(located);
      const turn = this.#pause();
      if (turn !== undefined) await turn;
    }
    if (located !== undefined) await lane?.send(located);
  }

  /** A failure of one record becomes a line of the list. */
  #listed(record: FileRecord, work: () => Promise<void> | void): Promise<void> | void {
    try {
      return work()?.catch((error: unknown) => this.#list(record, error));
    } catch (error) {
      this.#list(record, error);
    }
  }

  #list({ domain, relativePath }: FileRecord, error: unknown): void {
    if (error instanceof EntryRefused)
      this.tally.skip({ domain, relativePath, reason: error.reason, words: error.message });
    else if (error instanceof IbkError && (error.code === 'damaged' || error.code === 'unsafe'))
      this.tally.skip({ domain, relativePath, ...readerWords(error) });
    else throw error;
  }

  #take(record: FileRecord, lane: Lane | undefined, place: ContentPlace | undefined): Promise<void> | void {
    const parts = placeOf(record, this.#options);
    if (parts === undefined) return;
    if (typeof parts === 'string') throw misplaced(parts);
    if (record.kind === 'directory') return this.#folder(record, parts);
    if (record.kind === 'symlink') return this.#link(record, parts);
    return this.#file(record, parts, lane, place);
  }

  #folder(record: FileRecord, parts: Parts): Promise<void> | void {
    const placed = this.#names.folder(parts);
    if (placed === undefined) throw misplaced('name');
    return this.#target.folder(factsOf(placed.path, record.details()));
  }

  #file(record: FileRecord, parts: Parts, lane?: Lane, place?: ContentPlace): Promise<void> | void {
    const placed = this.#names.file(parts);
    if (placed === undefined) throw misplaced('name');
    const details = record.details();
    const facts = factsOf(placed.path, details, this.#options.dateOf?.(record));
    const file = { record, parts, facts, renamed: placed.renamed };
    if (lane !== undefined && place !== undefined && lane.add(file, place, details.sizeBytes)) return;
    return this.#copy(file);
  }

  async #copy(file: PlacedFile): Promise<void> {
    const { record, facts } = file;
    const { signal, sink } = this.#options;
    const content = this.#source.backup.content(record);
    if (content === undefined) throw new EntryRefused('missing', 'missing from the backup');
    const { tally } = this;
    try {
      const counted = countedContent(content, (bytes) => {
        tally.bytesDone += bytes;
        sink?.progress?.(this.#soFar(record));
      });
      const written = await this.#target.file(facts, counted, signal);
      if (written === 'kept') tally.filesKept++;
      else this.#noteWritten(file);
    } finally {
      content.close();
    }
    sink?.progress?.(this.#soFar(record));
  }

  /** What a thread did, or left to this one. */
  #settle(file: PlacedFile, bytes: number | undefined): Promise<void> | void {
    if (bytes === undefined) {
      throwIfAborted(this.#options.signal);
      return this.#listed(file.record, () => this.#copy(file));
    }
    this.#noteCopied(file, bytes);
    this.#options.sink?.progress?.(this.#soFar(file.record));
  }

  #noteCopied(file: PlacedFile, bytes: number): void {
    this.tally.bytesDone += bytes;
    this.#noteWritten(file);
  }

  #noteWritten({ parts, facts, renamed }: PlacedFile): void {
    this.tally.filesDone++;
    if (renamed) this.tally.rename({ from: parts.join('/'), to: facts.path });
  }

  #soFar({ domain }: FileRecord) {
    const { filesDone, bytesDone } = this.tally;
    const { totals } = this.#options;
    return { filesDone, bytesDone, filesTotal: totals?.files ?? null, bytesTotal: totals?.bytes ?? null, domain };
  }

  #link(record: FileRecord, parts: Parts): void {
    const details = record.details();
    const folder = parts.slice(0, -1);
    const place = linkPlace(record, details.target ?? '', this.#options);
    const target = place === undefined ? (details.target ?? '') : relativeTarget(folder, place);
    if (!staysInside(folder, target)) throw new EntryRefused('link_outside', 'refused: link leaves the folder');
    const placed = this.#names.file(parts);
    if (placed === undefined) throw misplaced('name');
    if (placed.renamed) this.tally.rename({ from: parts.join('/'), to: placed.path });
    this.#links.push({ record, facts: factsOf(placed.path, details), target });
  }

  async #writeLink({ facts, target }: PendingLink): Promise<void> {
    const written = await this.#target.link(facts, target);
    if (written === 'kept') this.tally.filesKept++;
    else this.tally.filesDone++;
  }
}

function factsOf(path: string, { mode, mtime, btime }: FileDetails, date?: number): EntryFacts {
  return { path, mode: mode & 0o777, mtime: date ?? mtime, btime: date ?? btime };
}

export function misplaced(how: Misplaced): EntryRefused {
  if (how === 'outside') return new EntryRefused('outside', 'refused: path leaves the folder');
  return new EntryRefused('name', 'refused: its name cannot be kept here');
}

/** Tells how many bytes came out of it. */
function countedContent(content: FileContent, onBytes: (bytes: number) => void): EntryContent {
  return {
    storedBytes: content.storedBytes,
    plainBytes: () => content.plainBytes(),
    readWhole: (into) => {
      const bytes = content.readWhole(into);
      onBytes(bytes.length);
      return bytes;
    },
    async *pieces(signal) {
      for await (const piece of content.pieces(signal)) {
        yield piece;
        onBytes(piece.length);
      }
    },
  };
}

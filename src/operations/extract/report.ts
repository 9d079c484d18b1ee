/** What an extraction tells while it runs, and what came of it. */
import type { IbkError } from '../../errors.js';

/** A file that is not in the output, and why. */
export interface SkippedFile {
  readonly domain: string;
  readonly relativePath: string;
  /** snake_case: `missing`, `damaged`, `outside`, `in_the_way` … */
  readonly reason: string;
  /** `missing from the backup` */
  readonly words: string;
}

export interface RenamedFile {
  /** As it would be called in the output. */
  readonly from: string;
  readonly to: string;
}

export interface ExtractProgress {
  readonly filesDone: number;
  readonly bytesDone: number;
  /** Null: not counted. */
  readonly filesTotal: number | null;
  readonly bytesTotal: number | null;
  readonly domain: string | null;
}

export interface ExtractSink {
  skipped?(file: SkippedFile): void;
  renamed?(file: RenamedFile): void;
  progress?(soFar: ExtractProgress): void;
}

/** At most so many are kept by name; `ExtractSink` is told all of them. */
export const MOST_NAMED = 20;

export interface ExtractReport {
  readonly code: 'ok' | 'partial';
  readonly exit: 0 | 3;
  /** Files and links that were written. */
  readonly filesDone: number;
  readonly bytesDone: number;
  /** That were there already, and stay as they are. */
  readonly filesKept: number;
  readonly filesSkipped: number;
  readonly filesRenamed: number;
  readonly skipped: readonly SkippedFile[];
  /** Of all that were skipped. */
  readonly skippedByDomain: ReadonlyMap<string, number>;
  readonly renamed: readonly RenamedFile[];
  readonly durationSeconds: number;
}

/** What an extraction would do. Sizes are those that the device told. */
export interface ExtractPlan {
  readonly files: number;
  readonly bytes: number;
  readonly filesRenamed: number;
  readonly filesSkipped: number;
  readonly freeBytes: number | null;
}

/** Counts, and keeps the first of each kind. */
export class ExtractTally {
  readonly #sink: ExtractSink;
  readonly #skippedByDomain = new Map<string, number>();
  readonly #skipped: SkippedFile[] = [];
  readonly #renamed: RenamedFile[] = [];
  filesDone = 0;
  filesKept = 0;
  bytesDone = 0;
  filesSkipped = 0;
  filesRenamed = 0;

  constructor(sink: ExtractSink) {
    this.#sink = sink;
  }

  skip(file: SkippedFile): void {
    this.filesSkipped++;
    if (this.#skipped.length < MOST_NAMED) this.#skipped.push(file);
    const { domain } = file;
    if (this.#skippedByDomain.has(domain) || this.#skippedByDomain.size < MOST_DOMAINS)
      this.#skippedByDomain.set(domain, (this.#skippedByDomain.get(domain) ?? 0) + 1);
    this.#sink.skipped?.(file);
  }

  rename(file: RenamedFile): void {
    this.filesRenamed++;
    if (this.#renamed.length < MOST_NAMED) this.#renamed.push(file);
    this.#sink.renamed?.(file);
  }

  report(durationSeconds: number): ExtractReport {
    const { filesDone, bytesDone, filesKept, filesSkipped, filesRenamed } = this;
    const partial = filesSkipped > 0;
    return {
      code: partial ? 'partial' : 'ok',
      exit: partial ? 3 : 0,
      filesDone,
      bytesDone,
      filesKept,
      filesSkipped,
      filesRenamed,
      skipped: this.#skipped,
      skippedByDomain: this.#skippedByDomain,
      renamed: this.#renamed,
      durationSeconds,
    };
  }
}

/** A backup has a few hundred; a hostile one may name as many as it has files. */
const MOST_DOMAINS = 1000;

/** What a reader's error says of one file. */
export function readerWords({ code, reason }: IbkError): Pick<SkippedFile, 'reason' | 'words'> {
  if (code === 'unsafe') return { reason: 'not_a_file', words: 'refused: no ordinary file in its place' };
  switch (reason) {
    case 'lost':
      return { reason: 'lost', words: 'overwritten or removed by another program' };
    case 'record':
      return { reason: 'record', words: 'its record in the backup is damaged' };
    case 'key':
      return { reason: 'key', words: 'its key is missing or damaged' };
    default:
      return { reason: 'damaged', words: 'its content is damaged' };
  }
}

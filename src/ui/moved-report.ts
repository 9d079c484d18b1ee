/** What copy, import and edit say of a backup that they write: JSON lines, or a paragraph at the end. */
import { countOf, formatBytes, formatDate, formatDuration, formatUtc } from '../figures.js';
import type { Clock } from '../io/clock.js';
import type { BackupListing } from '../operations/results.js';
import { hanging } from './errors.js';
import { type Json, jsonLine } from './ndjson.js';
import type { Terminal } from './terminal.js';
import { printable } from './text.js';
import { verifyView } from './verify-view.js';

/** So many failed files are named on a screen. */
const MOST_NAMED = 20;

export interface MovedJob {
  readonly command: 'copy' | 'import' | 'edit';
  /** `Copied` and `Copying`. */
  readonly done: string;
  readonly doing: string;
  readonly udid: string;
  /** `Anna's iPhone` */
  readonly name: string;
  readonly version: Pick<
    BackupListing['backups'][number]['versions'][number],
    'version' | 'madeAt' | 'encrypted' | 'bytes'
  >;
}

export interface MovedResult {
  readonly files: number;
  readonly bytes: number;
  readonly failed: number;
  /** Were there already, and take no room. */
  readonly kept?: number;
  /** Where it is now, in JSON; and as people are told. */
  readonly path: string;
  readonly shown: string;
  /** The version that came into being, where one did. */
  readonly version?: string;
  readonly next: string;
}

export interface MovedReport {
  start(): void;
  file(bytes: number): void;
  failed(path: string, reason: string): void;
  /** @returns the exit status */
  end(result: MovedResult): Promise<number>;
  close(): Promise<void>;
}

export function movedReport(
  { out, err }: Terminal,
  clock: Clock,
  { json, quiet }: { readonly json: boolean; readonly quiet: boolean },
  job: MovedJob,
): MovedReport {
  const { command, udid, version } = job;
  const view = verifyView(err, clock, version.bytes ?? undefined, json || quiet, job.doing);
  const begun = clock.monotonic();
  const soFar = { files: 0, bytesRead: 0 };
  let named = 0;
  const say = (type: string, body: { readonly [key: string]: Json }) =>
    out.write(jsonLine({ v: 1, type, time: formatUtc(new Date(clock.now())), udid, ...body }));
  return {
    start: () => {
      if (json) say('start', { command, version: version.version, encrypted: version.encrypted === true });
    },
    file: (bytes) => {
      soFar.files += 1;
      soFar.bytesRead += bytes;
      view.progress(soFar);
    },
    failed: (path, reason) => {
      const message = WORDS[reason] ?? reason;
      if (json) say('file_error', { path, reason, message, device_error_code: null });
      else if (++named <= MOST_NAMED) err.line(`  ${printable(path)}  ${message}`);
    },
    close: () => view.close(),
    end: async (result) => {
      await view.close();
      const { files, bytes, failed, kept = 0 } = result;
      const exit = failed > 0 ? 3 : 0;
      const seconds = (clock.monotonic() - begun) / 1000;
      if (json) {
        say('summary', {
          code: exit === 0 ? 'ok' : 'partial',
          exit,
          version: result.version ?? version.version,
          ...{ files_done: files, files_kept: kept, files_skipped: failed, files_renamed: 0, bytes_done: bytes },
          duration_seconds: Math.round(seconds * 10) / 10,
          path: result.path,
        });
        return exit;
      }
      if (quiet && failed === 0) return exit;
      const date = version.madeAt === null ? '' : `, ${formatDate(version.madeAt)}`;
      const amount = `${countOf(files, 'file')}, ${formatBytes(bytes)} in ${formatDuration(seconds)}`;
      const without = failed > 0 ? `, without ${countOf(failed, 'file')}` : '';
      const words = `${job.done} ${printable(job.name)}${date}: ${amount}, ${result.shown}${without}`;
      const [glyph, paint] = failed > 0 ? [err.glyphs.attention, err.style.attention] : [err.glyphs.ok, err.style.done];
      for (const line of hanging(glyph, words, err.width())) err.line(paint(line));
      err.line(`${err.glyphs.next} ${result.next}`);
      if (failed > 0) err.line(err.style.dim(`  partial ${err.glyphs.dot} exit 3`));
      return exit;
    },
  };
}

const WORDS: Readonly<Record<string, string>> = {
  missing: 'is missing from the backup',
  lost: 'was overwritten by another program',
  irregular: 'no file is in its place',
  unreadable: 'cannot be read from the disk',
};

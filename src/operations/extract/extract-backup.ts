/** `ibk extract`: what was chosen of an opened backup, to the place that was named. */
import { availableParallelism } from 'node:os';
import type { Writable } from 'node:stream';
import type { OpenedBackup, UnusableRow } from '../../backup/reader/types.js';
import { IbkError } from '../../errors.js';
import { countOf } from '../../figures.js';
import { freeBytes } from '../../io/disk-space.js';
import type { Overwrite } from '../../output/folder-target.js';
import type { NameStyle } from '../../output/name-rules.js';
import type { ListedVersion } from '../results.js';
import { nothingSelected, selectedRecords } from '../selection/records.js';
import type { Selection } from '../selection/selection.js';
import { type ArchiveFormat, chooseDestination, type Destination } from './destination.js';
import { extract, type ExtractSource } from './extract.js';
import type { Layout, LayoutOptions } from './layout.js';
import { likelyPlace, openTarget, requireSpace } from './open-target.js';
import { outputName } from './output-name.js';
import { photoDates } from './photo-dates.js';
import { keptSource, type Plan, planExtraction, rehearse } from './plan.js';
import type { ExtractPlan, ExtractReport, ExtractSink, SkippedFile } from './report.js';

export interface ExtractBackupOptions {
  /** Name of the device, and when the backup was made: for an output that nobody named. */
  readonly deviceName: string;
  readonly madeAt: Date | null;
  /** Folders that belong to the backup: no output may lie in them. */
  readonly closed: readonly string[];
  readonly selection: Selection;
  /** What `selection` was made from, as far as it is paths without a wildcard: a single file that is one of them is copied as cp does. */
  readonly literalPaths: readonly string[];
  /** All files of the backup, as a store recorded them; undefined: none did. */
  readonly recorded?: Recorded | undefined;
  readonly to: string | undefined;
  readonly archive: ArchiveFormat | undefined;
  /** Undefined: by domain, without the folder of the domain where only one is asked for. */
  readonly layout: Layout | undefined;
  readonly names: NameStyle;
  /** Undefined: only into what is new or empty. */
  readonly overwrite: Overwrite | undefined;
  readonly cwd: string;
  readonly platform: NodeJS.Platform;
  readonly umask: number;
  readonly stdout: Writable;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Threads to copy with, and how many files are worth starting them. Default: two, for 500 files. */
  readonly threads?: { readonly count: number; readonly from: number };
  readonly sink?: ExtractSink;
  readonly signal?: AbortSignal | undefined;
}

/** @returns undefined where no store recorded it, or something has changed since */
export function recordedOf({ id, files, bytes, lost, unreadable, damaged }: ListedVersion): Recorded | undefined {
  if (id === null || files === null || bytes === null || lost !== null || unreadable || damaged > 0) return undefined;
  return { files, bytes };
}

export interface Recorded {
  readonly files: number;
  /** As they lie there: no less than what comes out of them. */
  readonly bytes: number;
}

export interface ExtractResult extends ExtractReport {
  readonly destination: Destination;
  /** A single domain was asked for: paths are shown within it. */
  readonly withoutDomain: boolean;
}

interface Prepared {
  readonly source: ExtractSource;
  readonly plan: Plan;
  readonly destination: Destination;
  readonly layout: LayoutOptions;
}

/** @throws IbkError `not_found`: nothing matches; `usage`, `destination`, `damaged` (manifest); the signal's reason; OutputClosed */
export async function extractBackup(backup: OpenedBackup, options: ExtractBackupOptions): Promise<ExtractResult> {
  const { source, plan, destination, layout } = await prepare(backup, options, knownPlan(options));
  await requireSpace(destination, plan.bytes);
  const { names, sink = {}, signal } = options;
  const wantsPhotos = options.selection.wanted.types.some(({ name }) => name === 'photos');
  const dateOf = wantsPhotos ? await photoDates(backup, signal) : undefined;
  const { target, place, undo } = await openTarget(destination, options);
  const totals = { files: plan.files, bytes: plan.bytes };
  try {
    const threads = threadsFor(options, plan);
    const report = await extract(source, target, { ...layout, names, place, totals, dateOf, threads, sink, signal });
    if (report.filesDone + report.filesKept + report.filesSkipped === 0)
      throw await nothingSelected(backup, options.selection, signal);
    if (report.filesDone + report.filesKept === 0) throw nothingExtracted(report);
    return { ...report, destination, withoutDomain: layout.withoutDomain };
  } catch (error) {
    undo();
    throw error;
  }
}

/** What it would do. Writes nothing. @throws as `extractBackup` */
export async function planBackupExtraction(
  backup: OpenedBackup,
  options: ExtractBackupOptions,
): Promise<ExtractPlan & { readonly destination: Destination }> {
  const { source, plan, destination, layout } = await prepare(backup, options);
  const place = likelyPlace(destination, options.platform);
  const { renamed, skipped } = await rehearse(source, {
    ...layout,
    names: options.names,
    place,
    signal: options.signal,
  });
  const free = destination.kind === 'stream' ? null : await freeBytes(destination.path).catch(() => null);
  const { files, bytes } = plan;
  return { files, bytes, filesRenamed: renamed, filesSkipped: skipped, freeBytes: free, destination };
}

const THREADS = 2;
const MANY_FILES = 500;

/** One core does better alone. */
function threadsFor({ threads }: ExtractBackupOptions, { files }: Plan): number {
  const count = threads?.count ?? (availableParallelism() > 1 ? THREADS : 0);
  return files < (threads?.from ?? MANY_FILES) ? 0 : count;
}

/** Of everything in a version of a store: what it holds stands in its record, and nothing needs to be counted before the first byte. */
function knownPlan({ selection, recorded, threads }: ExtractBackupOptions): Plan | undefined {
  if (recorded === undefined || recorded.files < (threads?.from ?? MANY_FILES) || selection.describe !== '')
    return undefined;
  return { ...recorded, links: 0, only: undefined, kept: undefined };
}

async function prepare(backup: OpenedBackup, options: ExtractBackupOptions, known?: Plan): Promise<Prepared> {
  const { selection, signal, to, archive, cwd, closed, overwrite } = options;
  const unusable: SkippedFile[] = [];
  const query = { ...selection.query, onUnusable: (row: UnusableRow) => noteUnusable(unusable, row) };
  const watched = { ...selection, query };
  // Told of once, by whoever reads the records first.
  const first: ExtractSource = { backup, records: (stop) => selectedRecords(backup, watched, stop), unusable };
  const again: ExtractSource = { ...first, records: (stop) => selectedRecords(backup, selection, stop) };
  const plan = known ?? (await planExtraction(first, signal));
  const source = known === undefined ? keptSource(again, plan) : first;
  if (plan.files + plan.links === 0) throw await nothingSelected(backup, selection, signal);
  const named = nameOfOnly(plan, options.literalPaths);
  const name = outputName(options.deviceName, options.madeAt);
  const destination = chooseDestination({ to, archive, overwrite, named, name, cwd, closed });
  if (destination.kind === 'stream' && destination.format === undefined) requireOneFile(plan, selection);
  const layout = layoutOf(options, destination);
  return { source, plan, destination, layout };
}

/** A hostile manifest may have as many as it likes. */
const MOST_UNUSABLE = 10_000;

function noteUnusable(unusable: SkippedFile[], { domain, relativePath }: UnusableRow): void {
  if (unusable.length >= MOST_UNUSABLE) return;
  const words = 'its record in the backup is damaged';
  unusable.push({ domain: domain ?? '', relativePath: relativePath ?? '', reason: 'record', words });
}

/** The name of a single file that was asked for by its path, and not by a pattern that may match more another day. */
function nameOfOnly({ only, links }: Plan, literalPaths: readonly string[]): string | undefined {
  if (only === undefined || links > 0) return undefined;
  const whole = `${only.domain}/${only.relativePath}`;
  if (!literalPaths.some((path) => whole === path || whole.endsWith(`/${path}`))) return undefined;
  return only.relativePath.split('/').at(-1);
}

function requireOneFile({ only, files, links }: Plan, { describe }: Selection): void {
  if (only !== undefined && links === 0) return;
  const words = describe === '' ? 'The whole backup is' : `${describe} matches`;
  throw new IbkError('usage', `${words} ${countOf(files + links, 'file')}, and standard output takes one.`, {
    reason: 'several_files',
    hint: 'As an archive: --archive tar --to -',
  });
}

const UNREADABLE: ReadonlySet<string> = new Set(['missing', 'lost', 'damaged', 'record', 'key']);

/** All that was asked for cannot be had: not a part of it, but a failure. */
function nothingExtracted({ skipped, filesSkipped }: ExtractReport): IbkError {
  const [first] = skipped;
  const what = `${first?.domain}/${first?.relativePath}`;
  const words =
    filesSkipped === 1 ? `${what} was not extracted` : `None of ${countOf(filesSkipped, 'file')} was extracted`;
  const why = filesSkipped === 1 ? `: ${first?.words}` : `; the first, ${what}: ${first?.words}`;
  const unreadable = skipped.every(({ reason }) => UNREADABLE.has(reason));
  return new IbkError(unreadable ? 'damaged' : 'unsafe', `${words}${why}.`, {
    reason: first?.reason ?? 'skipped',
    meaning: 'Nothing was left behind.',
    hint: unreadable ? 'Is it in another version? ibk verify' : 'Choose other files, or another place with --to.',
  });
}

/** A file on its own goes where it was sent, whatever folders it had. */
function layoutOf({ layout, selection }: ExtractBackupOptions, { kind }: Destination): LayoutOptions {
  if (kind === 'file') return { layout: 'flat', withoutDomain: true };
  const { domains } = selection.query;
  const { apps, types } = selection.wanted;
  const single = domains?.length === 1 && apps.length === 0 && types.length === 0;
  return { layout: layout ?? 'domain', withoutDomain: layout === undefined && single };
}

/** What `ibk extract` did, or would do, as people read it. */
import { countOf, formatBytes, formatDate, formatDuration, freeWords, groupThousands } from '../figures.js';
import type { Destination } from '../operations/extract/destination.js';
import type { ExtractResult } from '../operations/extract/extract-backup.js';
import type { ExtractPlan, ExtractReport, SkippedFile } from '../operations/extract/report.js';
import { hanging } from './errors.js';
import { displayPath } from './paths.js';
import type { Screen, Terminal } from './terminal.js';
import { displayWidth, padEnd, printable } from './text.js';

/** The least and most room for the path of a file that was skipped; a longer one stands out. */
const PATH_COLUMN = 35;
const WIDEST_PATH = 60;
const WIDEST = 78;

export interface ExtractSource {
  /** Of the device. */
  readonly name: string;
  readonly madeAt: Date | null;
}

export function extractLines(report: ExtractResult, { err: screen, home }: Terminal): string[] {
  const { glyphs, style } = screen;
  const { filesDone, filesKept, filesSkipped, bytesDone, durationSeconds } = report;
  const all = filesDone + filesKept + filesSkipped;
  const count =
    filesSkipped === 0 ? countOf(filesDone, 'file') : `${groupThousands(filesDone)} of ${countOf(all, 'file')}`;
  const headline = `Extracted ${count}, ${formatBytes(bytesDone)} in ${formatDuration(durationSeconds)}, to ${placeWords(report.destination, home)}`;
  const [mark, paint] = filesSkipped === 0 ? [glyphs.ok, style.done] : [glyphs.attention, style.attention];
  return [
    ...hanging(mark, headline, roomOf(screen)).map((line) => paint(line)),
    ...keptLines(report),
    ...renamedLines(report, screen),
    ...skippedLines(report),
    ...(filesSkipped === 0 ? [] : [style.dim(`  partial ${glyphs.dot} exit ${report.exit}`)]),
  ];
}

function keptLines({ filesKept }: ExtractReport): string[] {
  return filesKept === 0
    ? []
    : [`  Kept       ${countOf(filesKept, 'file')} that ${filesKept === 1 ? 'was' : 'were'} there`];
}

function renamedLines({ renamed, filesRenamed }: ExtractReport, { glyphs }: Screen): string[] {
  const lines = renamed.map(({ from, to }) => `${printable(from)} ${glyphs.next} ${printable(to)}`);
  if (filesRenamed > renamed.length) lines.push(`and ${groupThousands(filesRenamed - renamed.length)} more: --json`);
  return lines.map((line, index) => `  ${index === 0 ? 'Renamed  ' : '         '}  ${line}`);
}

function skippedLines(report: ExtractResult): string[] {
  const { skipped, filesSkipped, withoutDomain } = report;
  if (filesSkipped === 0) return [];
  const head = `  Skipped    ${countOf(filesSkipped, 'file')}`;
  if (filesSkipped > skipped.length) return [head, ...countLines(report)];
  const paths = skipped.map((file) => shownPath(file, withoutDomain));
  const fitting = paths.map(displayWidth).filter((width) => width <= WIDEST_PATH);
  const column = Math.max(PATH_COLUMN, ...fitting) + 2;
  return [head, ...skipped.map(({ words }, index) => `    ${padEnd(`${paths[index]}  `, column)}${printable(words)}`)];
}

/** Too many to name: how many in which domain. */
function countLines({ skippedByDomain }: ExtractReport): string[] {
  const rows = [...skippedByDomain].sort(([, a], [, b]) => b - a).slice(0, 20);
  const column = Math.max(...rows.map(([, count]) => groupThousands(count).length));
  return [
    ...rows.map(([domain, count]) => `    ${groupThousands(count).padStart(column)}  ${printable(domain)}`),
    '    Each of them: --json',
  ];
}

function shownPath({ domain, relativePath }: SkippedFile, withoutDomain: boolean): string {
  return printable(withoutDomain ? relativePath : `${domain}/${relativePath}`);
}

export function extractPlanLines(
  plan: ExtractPlan & { readonly destination: Destination },
  { name, madeAt }: ExtractSource,
  isDefault: boolean,
  { out: screen, home }: Terminal,
): string[] {
  const { glyphs } = screen;
  const from = `${printable(name)}${madeAt === null ? '' : `, ${formatDate(madeAt)}`}`;
  const renamed = plan.filesRenamed === 0 ? [] : [`${groupThousands(plan.filesRenamed)} renamed`];
  const refused = plan.filesSkipped === 0 ? [] : [`${groupThousands(plan.filesSkipped)} refused`];
  const free = plan.destination.kind === 'stream' ? [] : [freeWords(plan.freeBytes)];
  const place = `${placeWords(plan.destination, home)}${isDefault ? ' in this folder' : ''}${stateWords(plan.destination)}`;
  return [
    `Would extract ${countOf(plan.files, 'file')}, ${formatBytes(plan.bytes)}, from ${from}`,
    `  To      ${[place, ...renamed, ...refused, ...free].join(` ${glyphs.dot} `)}`,
  ];
}

function placeWords(destination: Destination, home: string | undefined): string {
  return destination.kind === 'stream' ? 'standard output' : displayPath(destination.shown, home);
}

function stateWords(destination: Destination): string {
  if (destination.kind !== 'folder') return '';
  return { new: ' (new)', empty: ' (empty)', used: ' (not empty)' }[destination.state];
}

function roomOf(screen: Screen): number | undefined {
  const width = screen.width();
  return width === undefined ? undefined : Math.min(width, WIDEST);
}

/** What a finished backup leaves on the screen. */
import { ERROR_CATALOG, type IbkError } from '../errors.js';
import type { BackupSummary, PreviousVersion } from '../events.js';
import { countOf, formatBytes, formatDate, formatDuration, formatRate, freeWords, groupThousands } from '../figures.js';
import { deviceNoun } from './device-words.js';
import { hanging } from './errors.js';
import { displayPath } from './paths.js';
import type { JobState } from './progress-state.js';
import type { Screen, Terminal } from './terminal.js';
import { displayWidth, padEnd, printable, shorten, wrap } from './text.js';
import { shortVersion } from './versions.js';

const LISTED_FAILURES = 10;
const FACT_INDENT = 13;
const GONE = /no such file/i;

export function summaryLines(summary: BackupSummary, { err: screen, home }: Terminal, isFirst: boolean): string[] {
  const { glyphs } = screen;
  const noun = deviceNoun(summary.device.productType);
  const free = freeWords(summary.freeBytes);
  const facts: [string, string][] = [
    ['Version', versionWords(summary, glyphs.dot)],
    ...changedWords(summary),
    ['Received', receivedWords(summary)],
    ['Checked', checkedWords(summary, noun)],
    summary.previous === null
      ? ['Kept in', `${displayPath(summary.path, home)} ${glyphs.dot} ${free}`]
      : ['History', `${historyWords(summary.previous, summary.historyBytes)} ${glyphs.dot} ${free}`],
    ...forgottenWords(summary),
    ...missingHeadline(summary, noun),
  ];
  const rows = facts.flatMap(([label, words]) => factLines(label, words, screen.width()));
  return [
    headline(summary, screen, isFirst),
    ...rows,
    ...failureLines(summary, screen, noun),
    ...(isFirst && summary.filesFailed === 0 ? [`${glyphs.next} Read it all back once: ibk verify --read-data`] : []),
  ];
}

/** Label and words; what does not fit goes on below the words. */
function factLines(label: string, words: string, width: number | undefined): string[] {
  const lines = wrap(words, width === undefined ? undefined : width - FACT_INDENT);
  return lines.map((line, index) => `${padEnd(index === 0 ? `  ${label}` : '', FACT_INDENT)}${line}`);
}

function headline(summary: BackupSummary, { style, glyphs }: Screen, isFirst: boolean): string {
  const of = `${printable(summary.device.name)}, ${formatDate(summary.madeAt)}`;
  if (summary.filesFailed > 0) {
    return style.attention(
      `${glyphs.attention} Backup finished without ${countOf(summary.filesFailed, 'file')}: ${of}`,
    );
  }
  const kind = isFirst ? 'First full backup' : summary.kind === 'full' ? 'Full backup' : 'Backup';
  return style.done(`${glyphs.ok} ${kind} finished: ${of}`);
}

/** What a first backup holds is what was received. */
function versionWords({ version, previous, filesTotal, bytesTotal, encrypted }: BackupSummary, dot: string): string {
  const files = filesTotal === null ? [] : [countOf(filesTotal, 'file')];
  const bytes = bytesTotal === null ? [] : [formatBytes(bytesTotal)];
  const sum = previous === null ? '' : [...files, ...bytes].join(', ');
  return [shortVersion(version), ...(sum === '' ? [] : [sum]), encrypted ? 'encrypted' : 'not encrypted'].join(
    ` ${dot} `,
  );
}

function changedWords({ previous, filesAdded, filesChanged, filesRemoved }: BackupSummary): [string, string][] {
  if (previous === null) return [];
  const [added, changed, removed] = [filesAdded, filesChanged, filesRemoved].map(groupThousands);
  return [['Changed', `${added} added, ${changed} changed, ${removed} removed`]];
}

function forgottenWords({ forgotten }: BackupSummary): [string, string][] {
  if (forgotten === undefined || forgotten.versions.length === 0) return [];
  return [
    ['Forgotten', `${countOf(forgotten.versions.length, 'version')}, ${formatBytes(forgotten.freedBytes)} freed`],
  ];
}

function historyWords({ version, madeAt }: PreviousVersion, bytes: number | null): string {
  const keeps = bytes === null ? '' : ` keeps ${formatBytes(bytes)}`;
  return `${shortVersion(version)} (${formatDate(madeAt)})${keeps}`;
}

function receivedWords({
  filesReceived,
  bytesReceived,
  durationSeconds,
  receiveBytesPerSecond,
}: BackupSummary): string {
  const rate = receiveBytesPerSecond === null ? '' : ` (${formatRate(receiveBytesPerSecond)} while receiving)`;
  return `${amountWords(filesReceived, bytesReceived)} in ${formatDuration(durationSeconds)}${rate}`;
}

function amountWords(files: number, bytes: number): string {
  return `${countOf(files, 'file')}, ${formatBytes(bytes)}`;
}

/** Which check was made: with a manifest that could be read, each of its files; without, what was received. */
function checkedWords({ check, filesTotal }: BackupSummary, noun: string): string {
  const received = `the ${noun} reported success; every file it sent is in place`;
  if (check === 'received') return received;
  return filesTotal === null
    ? `${received}; all files of its manifest are there`
    : `the ${noun} reported success; all ${countOf(filesTotal, 'file')} of its manifest are there`;
}

function missingHeadline({ filesFailed }: BackupSummary, noun: string): [string, string][] {
  if (filesFailed === 0) return [];
  return [['Missing', `${countOf(filesFailed, 'file')} that the ${noun} could not read; the rest can be restored`]];
}

function failureLines(summary: BackupSummary, screen: Screen, noun: string): string[] {
  if (summary.filesFailed === 0) return [];
  const { style, glyphs } = screen;
  const shown = summary.failures.slice(0, LISTED_FAILURES);
  const paths = shown.map(({ path }) => printable(path));
  const column = Math.min(48, Math.max(...paths.map(displayWidth), 0) + 2);
  const lines = shown.map(({ message }, index) => `    ${padEnd(paths[index] ?? '', column)}  ${printable(message)}`);
  const more = summary.filesFailed - shown.length;
  if (more > 0) lines.push(`    and ${more} more`);
  const readable = summary.failures.find(({ message }) => !GONE.test(message));
  if (readable !== undefined) {
    const file = printable(readable.path.split('/').at(-1) ?? readable.path);
    lines.push(
      ...hanging(glyphs.next, `Open ${file} on the ${noun}; if it opens, run ibk backup again.`, screen.width()),
    );
  }
  lines.push(style.dim(`  partial ${glyphs.dot} exit 3`));
  return lines;
}

/** The summary of a run over several devices: one line each, in the order given. */
export function severalLines(
  jobs: readonly JobState[],
  result: { code: string; exit: number },
  screen: Screen,
): string[] {
  const { style, glyphs } = screen;
  const good = jobs.filter(({ summary }) => summary !== undefined).length;
  const tail = result.exit === 0 ? '' : ` ${glyphs.dot} ${result.code} ${glyphs.dot} exit ${result.exit}`;
  const count = good === jobs.length ? countOf(good, 'device') : `${good} of ${countOf(jobs.length, 'device')}`;
  const head = `${count} backed up${tail}`;
  const width = screen.width();
  const names = jobs.map(({ name }) =>
    width === undefined ? printable(name) : shorten(printable(name), 24, glyphs.more),
  );
  const column = Math.max(...names.map(displayWidth), 0);
  const amounts = jobs.map(({ summary }) => (summary ? amountWords(summary.filesReceived, summary.bytesReceived) : ''));
  const amountColumn = Math.max(...amounts.map(displayWidth), 0);
  const lines = jobs.map((job, index) => {
    const name = padEnd(names[index] ?? '', column);
    if (job.summary !== undefined) {
      const mark = job.summary.filesFailed > 0 ? style.attention(glyphs.attention) : style.done(glyphs.ok);
      const missing = job.summary.filesFailed > 0 ? `  without ${countOf(job.summary.filesFailed, 'file')}` : '';
      const time = formatDuration(job.summary.durationSeconds);
      const version = shortVersion(job.summary.version);
      return `  ${mark} ${name}  ${version}  ${padEnd(amounts[index] ?? '', amountColumn)}  ${time}${missing}`;
    }
    return `  ${style.failed(glyphs.failed)} ${name}  ${job.error ? failureWords(job.error, true) : 'not finished'}`;
  });
  return [result.exit === 0 ? style.done(head) : style.attention(head), ...lines];
}

/** `not trusted (exit 22): ibk pair -u "iPad mini"` */
export function failureWords(error: IbkError, withExit: boolean): string {
  const exit = withExit ? ` (exit ${error.exit})` : '';
  return printable(`${ERROR_CATALOG[error.code].short}${exit}: ${error.hint}`);
}

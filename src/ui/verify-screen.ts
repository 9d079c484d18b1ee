/** What `ibk verify` found: whole or not, what was looked at, and where damaged files are intact. */
import { countOf, formatBytes, formatDate, groupThousands } from '../figures.js';
import type { VerifyProblem, VerifyReport } from '../operations/verify-report.js';
import { deviceNoun } from './device-words.js';
import { hanging } from './errors.js';
import type { Screen } from './terminal.js';
import { displayWidth, padEnd, printable, shorten } from './text.js';

const LISTED = 20;
const NAMED = 3;
const WIDEST = 78;

const FAULT_WORDS: Record<VerifyProblem['kind'], string> = {
  changed: 'was changed',
  size: 'size differs',
  missing: 'file is missing',
  unreadable: 'cannot be read',
  unfinished: 'not finished',
  record: 'record is damaged',
};

export function verifyLines(report: VerifyReport, screen: Screen): string[] {
  return report.code === 'ok' ? wholeLines(report, screen) : damagedLines(report, screen);
}

function wholeLines(report: VerifyReport, screen: Screen): string[] {
  const { glyphs, style } = screen;
  const room = roomOf(screen);
  const headline = `${titleOf(report, screen)}: ${verdict(report)}`;
  return [
    ...hanging(glyphs.ok, headline, room).map((line) => style.done(line)),
    ...hanging('', `${presentWords(report)} ${readWords(report)}`, room),
    ...notes(report).flatMap((note) => hanging('', note, room)),
  ];
}

/** Without the password an encrypted backup names its files to nobody. */
function verdict({ manifest, foreign, version, notSent }: VerifyReport): string {
  if (manifest === 'checked')
    return notSent === 0 ? 'complete and restorable' : `restorable, but for ${countOf(notSent, 'file')}`;
  const as = foreign || version === null ? 'complete as found' : 'complete as received';
  return `${as}; which files its manifest names was not checked (no password)`;
}

function presentWords({ manifest, files, present }: VerifyReport): string {
  if (manifest === 'checked') return `${groupThousands(present)} of ${countOf(files, 'file')} present.`;
  return `${countOf(present, 'file')} present.`;
}

function readWords({ readData, subset, bytes, compared, bytesCompared, withoutChecksum }: VerifyReport): string {
  if (!readData) return `Content not read (--read-data: ${formatBytes(bytes)}).`;
  if (compared === 0) return 'No content was compared.';
  if (subset !== null)
    return `Content of ${subset} read: ${countOf(compared, 'file')}, as received (${formatBytes(bytesCompared)}).`;
  const all = withoutChecksum === 0 ? 'all of it' : `${countOf(compared, 'file')} of it`;
  return `Content read, ${all} as received (${formatBytes(bytesCompared)}).`;
}

function notes(report: VerifyReport): string[] {
  const { notSent, withoutChecksum, readData, productType, encrypted, unlocked, manifest, adopted } = report;
  const noun = deviceNoun(productType);
  const found: string[] = [];
  if (notSent > 0)
    found.push(
      `${countOf(notSent, 'file')} not sent by the device: the ${noun} could not read ${notSent === 1 ? 'it' : 'them'} when the backup was made.`,
    );
  if (encrypted && !unlocked && manifest === 'checked')
    found.push('Whether its keys open was not checked (no password).');
  if (readData && withoutChecksum > 0 && adopted === null)
    found.push(
      `${countOf(withoutChecksum, 'file')} without a checksum, since ibk did not receive ${withoutChecksum === 1 ? 'it' : 'them'}: whether the content is as it was, nobody can tell.`,
    );
  if (adopted !== null)
    found.push(`${countOf(adopted, 'file')} got a checksum: ibk verify --read-data compares with it.`);
  return [...found, ...warningWords(report)];
}

/** Harmless: a restore does not look at it. */
function warningWords({ warnings }: VerifyReport): string[] {
  const extra = warnings.filter(({ kind }) => kind === 'extra');
  const named = extra.slice(0, NAMED).map(({ path }) => printable(path));
  const more = extra.length - named.length;
  const list = more > 0 ? `${named.join(', ')} and ${groupThousands(more)} more` : named.join(', ');
  const found: string[] = [];
  if (extra.length > 0)
    found.push(`${countOf(extra.length, 'file')} that no row of the manifest names, left by another program: ${list}.`);
  if (warnings.some(({ kind }) => kind === 'snapshot'))
    found.push('A Snapshot of an interrupted run of another program lies in it; the next ibk backup sets it aside.');
  if (warnings.some(({ kind }) => kind === 'udid'))
    found.push('Its Info.plist and Manifest.plist are of different devices.');
  return found;
}

function damagedLines(report: VerifyReport, screen: Screen): string[] {
  const { glyphs, style } = screen;
  const room = roomOf(screen);
  const { problems, files } = report;
  const [only] = problems;
  const unfinished = problems.length === 1 && only?.kind === 'unfinished';
  const inFiles = problems.filter(({ kind }) => kind !== 'unfinished').length;
  const verdict = unfinished ? 'incomplete' : `damaged, ${groupThousands(inFiles)} of ${countOf(files, 'file')}`;
  return [
    ...hanging(glyphs.failed, `${titleOf(report, screen)}: ${verdict}`, room).map((line) => style.failed(line)),
    ...(unfinished ? hanging('', unfinishedWords(report), room) : problemLines(report, screen)),
    ...lossWords(report).flatMap((line) => hanging('', line, room)),
    ...intactLines(problems).flatMap((line) => hanging('', line, room)),
    ...warningWords(report).flatMap((line) => hanging('', line, room)),
    ...nextSteps(report).flatMap((line) => hanging(glyphs.next, line, room)),
    style.dim(`  damaged ${glyphs.dot} exit ${report.exit}`),
  ];
}

function unfinishedWords({ productType, version }: VerifyReport): string {
  const who = version === null ? 'The program that made it' : 'The program that wrote there';
  return `${who} stopped before the ${deviceNoun(productType)} had finished.`;
}

function problemLines({ problems, lost }: VerifyReport, screen: Screen): string[] {
  const wordsFor = (problem: VerifyProblem) =>
    lost !== null && problem.kind === 'missing' ? 'overwritten' : wordsOf(problem);
  if (problems.length > LISTED) return countLines(problems, wordsFor);
  const words = problems.map(wordsFor);
  const column = Math.max(...words.map(displayWidth));
  return problems.map(
    (problem, index) => screen.style.failed(`  ${padEnd(words[index] ?? '', column)}  `) + shownPath(problem),
  );
}

function wordsOf({ kind, differs }: VerifyProblem): string {
  return differs === null ? FAULT_WORDS[kind] : `${differs} differs`;
}

/** Too many to name: how many of what kind in which domain. `--json` names them all. */
function countLines(problems: readonly VerifyProblem[], wordsFor: (problem: VerifyProblem) => string): string[] {
  const counts = new Map<string, number>();
  for (const problem of problems) {
    const key = `${wordsFor(problem)}\0${problem.domain ?? 'files of the backup'}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  const rows = [...counts].map(([key, count]) => [groupThousands(count), ...key.split('\0')] as const);
  const [numbers, words] = [0, 1].map((at) => Math.max(...rows.map((row) => displayWidth(row[at] ?? ''))));
  const lines = rows.map(
    ([count, word = '', domain = '']) =>
      `  ${' '.repeat((numbers ?? 0) - count.length)}${count}  ${padEnd(word, words ?? 0)}  ${printable(domain)}`,
  );
  return [...lines, '  Each of them: --json'];
}

function shownPath({ path, domain, relativePath }: VerifyProblem): string {
  return printable(domain === null || relativePath === null ? path : `${domain}/${relativePath}`);
}

/** `sms.db is intact in m2xq8d04 (2026-11-20 08:05).` Files that the same version has intact are told together. */
function intactLines(problems: readonly VerifyProblem[]): string[] {
  const byVersion = new Map<string, VerifyProblem[]>();
  for (const problem of problems) {
    if (problem.intactIn === null) continue;
    const [best] = problem.intactIn;
    const where =
      best === undefined ? '' : `${best.version}${best.madeAt === null ? '' : ` (${formatDate(best.madeAt)})`}`;
    byVersion.set(where, [...(byVersion.get(where) ?? []), problem]);
  }
  return [...byVersion].map(([where, files]) => {
    const are = files.length === 1 ? 'is' : 'are';
    return `${namesOf(files)} ${are} intact in ${where === '' ? 'no other version' : where}.`;
  });
}

function namesOf(problems: readonly VerifyProblem[]): string {
  const names = problems.slice(0, NAMED).map((problem) => printable(shownPath(problem).split('/').at(-1) ?? ''));
  const more = problems.length - names.length;
  const last = more > 0 ? `${groupThousands(more)} more` : names.length > 1 ? names.pop() : undefined;
  return last === undefined ? names.join('') : `${names.join(', ')} and ${last}`;
}

/** What other programs are known to have done to an earlier version. */
function lossWords({ lost }: VerifyReport): string[] {
  if (lost === null) return [];
  return [`Another program overwrote files of this version on ${formatDate(lost.at)}.`];
}

function nextSteps({ problems, latest, version, productType }: VerifyReport): string[] {
  const noun = deviceNoun(productType);
  if (problems.some(({ kind }) => kind === 'unfinished')) return ['ibk backup'];
  if (latest || version === null) return [`If they are still on the ${noun}: ibk backup --full`];
  return ['Is the newest backup whole? ibk verify'];
}

function titleOf({ name, madeAt, version, latest }: VerifyReport, screen: Screen): string {
  const width = screen.width();
  const shown = width === undefined ? printable(name) : shorten(printable(name), 32, screen.glyphs.more);
  const when = madeAt === null ? '' : `, ${formatDate(madeAt)}`;
  return `${shown}${when}${version === null || latest ? '' : ` ${screen.glyphs.dot} ${version}`}`;
}

function roomOf(screen: Screen): number | undefined {
  const width = screen.width();
  return width === undefined ? undefined : Math.min(width, WIDEST);
}

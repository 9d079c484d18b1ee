/** What two backups differ in: by domain in a table, or file by file, with fixed widths since lines come one by one. */
import { countOf, formatDate, formatGrowth, groupThousands } from '../figures.js';
import type { ChosenBackup } from '../operations/choose-backups.js';
import { bytesOf, type DiffCounts, type DomainDiff } from '../operations/diff/diff.js';
import type { Change, Difference } from '../operations/diff/differences.js';
import { type Cell, type Column, columnWidths, renderTable } from './table.js';
import type { Screen } from './terminal.js';
import { padStart, printable } from './text.js';

const MARKS: Readonly<Record<Change, string>> = { added: '+', changed: '~', removed: '-' };
const SIZE = 9;
const COLUMNS: readonly Column[] = [
  { heading: 'Added', align: 'right' },
  { heading: 'Changed', align: 'right' },
  { heading: 'Removed', align: 'right' },
  { heading: 'Size', align: 'right' },
  { heading: 'Domain' },
];
const LEAST_WIDTHS = [6, 7, 7, SIZE, 0] as const;
/** On a terminal a domain with less than this part of the files and of the bytes is one of the others. */
const SHOWN_PART = 0.05;

/** `m2xq8d04 (2026-11-20 08:05) → k7f29b1e (2026-11-21 08:06), Anna's iPhone` */
export function diffHeading(from: ChosenBackup, to: ChosenBackup, { glyphs }: Screen): string {
  const isOneDevice = from.backup.udid === to.backup.udid;
  const name = printable(to.backup.name);
  const left = isOneDevice ? sideOf(from) : `${sideOf(from)}, ${printable(from.backup.name)}`;
  return `${left} ${glyphs.next} ${sideOf(to)}, ${name}`;
}

function sideOf({ backup, version: { version, madeAt } }: ChosenBackup): string {
  const date = madeAt === null ? '' : ` (${formatDate(madeAt)})`;
  return `${version ?? printable(backup.path)}${date}`;
}

export function diffTable(all: readonly DomainDiff[], counts: DiffCounts, screen: Screen): string[] {
  const domains = screen.isTerminal ? folded(all, counts) : all.map((each) => row(each, printable(each.domain)));
  const rows = [...domains, row(counts, '')];
  const widths = columnWidths({ columns: COLUMNS, rows }).map((width, at) => Math.max(width, LEAST_WIDTHS[at] ?? 0));
  return renderTable({ columns: COLUMNS, rows, widths }, screen);
}

function folded(all: readonly DomainDiff[], counts: DiffCounts): Cell[][] {
  const files = filesIn(counts) * SHOWN_PART;
  const bytes = all.reduce((sum, each) => sum + Math.abs(each.bytes), 0) * SHOWN_PART;
  const isLarge = (each: DomainDiff) => filesIn(each) >= files || (each.bytes !== 0 && Math.abs(each.bytes) >= bytes);
  const others = all.filter((each) => !isLarge(each));
  if (others.length < 2) return all.map((each) => row(each, printable(each.domain)));
  return [
    ...all.filter(isLarge).map((each) => row(each, printable(each.domain))),
    row(sumOf(others), countOf(others.length, 'other domain')),
  ];
}

const filesIn = ({ added, changed, removed }: DiffCounts): number => added + changed + removed;

function sumOf(all: readonly DiffCounts[]): DiffCounts {
  const sum = (key: keyof DiffCounts) => all.reduce((total, each) => total + each[key], 0);
  return { added: sum('added'), changed: sum('changed'), removed: sum('removed'), bytes: sum('bytes') };
}

function row({ added, changed, removed, bytes }: DiffCounts, domain: string): Cell[] {
  const numbers = [added, changed, removed].map((value) => ({ text: groupThousands(value) }));
  return [...numbers, { text: formatGrowth(bytes) }, { text: domain }];
}

export const differencesHeading = ({ style }: Screen): string => style.dim(`   ${padStart('Size', SIZE)}  Path`);

export function differenceLine(found: Difference): string {
  const { change, domain, path } = found;
  return `${MARKS[change]}  ${padStart(formatGrowth(bytesOf(found)), SIZE)}  ${printable(`${domain}/${path}`)}`;
}

/** `312 added, 892 changed, 57 removed, +256 MB.` */
export function diffWords({ added, changed, removed, bytes }: DiffCounts): string {
  const [a, c, r] = [added, changed, removed].map(groupThousands);
  return `${a} added, ${c} changed, ${r} removed, ${formatGrowth(bytes)}.`;
}

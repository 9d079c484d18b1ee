/** Files of a backup, a line each, and the sums of domains and apps. Widths are fixed where lines come one by one: nobody has seen the last. */
import { countOf, formatBytes, formatDate, groupThousands } from '../figures.js';
import type { FoundRun } from '../operations/find-versions.js';
import type { AppSum, DomainSum, ListedFile, Sum } from '../operations/list-files.js';
import { type Cell, type Column, columnWidths, renderTable } from './table.js';
import type { Screen } from './terminal.js';
import { padEnd, padStart, printable } from './text.js';

const SIZE = 7;
const DATE = 16;

export const longHeading = ({ style }: Screen): string =>
  style.dim(`${padStart('Size', SIZE)}  ${padEnd('Modified', DATE)}  Mode  Path`);
export const matchHeading = ({ style }: Screen): string =>
  style.dim(`${padStart('Size', SIZE)}  ${padEnd('Modified', DATE)}  Path`);

const VERSIONS = 20;
export const runHeading = ({ style }: Screen): string =>
  style.dim(`${padStart('Size', SIZE)}  ${padEnd('Modified', DATE)}  ${padEnd('In versions', VERSIONS)}  Path`);

/** `2.4 MB  2026-10-30 17:20  g41m7k2e to p9c4e7aa  CameraRollDomain/…` */
export function runLine({ file, first, last }: FoundRun, screen: Screen): string {
  const name = ({ version }: FoundRun['first']) => version ?? screen.glyphs.unknown;
  const versions = first === last ? name(first) : `${name(first)} to ${name(last)}`;
  return `${sizeAndDate(file, screen)}  ${padEnd(versions, VERSIONS)}  ${pathAndTarget(file, screen)}`;
}

/** `HomeDomain/Library/SMS/sms.db`; a folder ends in `/`. */
export function filePath({ domain, path, kind }: ListedFile): string {
  return printable(`${domain}/${path}${kind === 'directory' && path !== '' ? '/' : ''}`);
}

export function longLine(file: ListedFile, screen: Screen): string {
  const mode = file.facts === null ? screen.glyphs.unknown : octal(file.facts.mode);
  return `${sizeAndDate(file, screen)}  ${padEnd(mode, 4)}  ${pathAndTarget(file, screen)}`;
}

export function matchLine(file: ListedFile, screen: Screen): string {
  return `${sizeAndDate(file, screen)}  ${pathAndTarget(file, screen)}`;
}

function sizeAndDate({ facts }: ListedFile, { glyphs }: Screen): string {
  const bytes = facts?.bytes ?? null;
  const mtime = facts?.mtime ?? null;
  const size = bytes === null ? glyphs.unknown : formatBytes(bytes);
  return `${padStart(size, SIZE)}  ${padEnd(mtime === null ? glyphs.unknown : dateOf(mtime, glyphs.unknown), DATE)}`;
}

/** A record may hold any number. */
function dateOf(seconds: number, unknown: string): string {
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? unknown : formatDate(date);
}

function pathAndTarget(file: ListedFile, { glyphs }: Screen): string {
  const target = file.facts?.target ?? null;
  return target === null ? filePath(file) : `${filePath(file)} ${glyphs.next} ${printable(target)}`;
}

const octal = (mode: number): string => (mode & 0o7777).toString(8).padStart(4, '0');

export function sumOf(sums: readonly Sum[]): Sum {
  const add = (key: keyof Sum) => sums.reduce((sum, each) => sum + each[key], 0);
  return { files: add('files'), bytes: add('bytes') };
}

const NUMBERS: readonly Column[] = [
  { heading: 'Files', align: 'right' },
  { heading: 'Size', align: 'right' },
];

/** The sum stands apart: it is no line of the table where that goes to a program. */
export function domainLines(sums: readonly DomainSum[], screen: Screen): { lines: string[]; sum: string } {
  const columns: Column[] = [...NUMBERS, { heading: 'Domain' }];
  const rows = sums.map((each): Cell[] => [...numbers(each), { text: printable(each.domain) }]);
  const last: Cell[] = [...numbers(sumOf(sums)), { text: countOf(sums.length, 'domain') }];
  const widths = columnWidths({ columns, rows: [...rows, last] });
  return {
    lines: renderTable({ columns, rows, widths }, screen),
    sum: renderTable({ columns, rows: [last], widths, headings: false }, screen).join('\n'),
  };
}

export function appLines(sums: readonly AppSum[], screen: Screen): string[] {
  const columns: Column[] = [...NUMBERS, { heading: 'App', flexible: true }, { heading: 'Identifier' }];
  const rows = sums.map((each): Cell[] => [
    ...numbers(each),
    { text: each.name === null ? screen.glyphs.unknown : printable(each.name) },
    { text: printable(each.bundleId) },
  ]);
  return renderTable({ columns, rows }, screen);
}

function numbers({ files, bytes }: Sum): Cell[] {
  return [{ text: groupThousands(files) }, { text: formatBytes(bytes) }];
}

/** The backups under a root, as `ibk list` shows them: a heading for each device, a row for its backup. */
import type { BackupListing, ListedBackup } from '../operations/results.js';
import { countOf, formatAge, formatBytes, formatDate, groupThousands } from '../figures.js';
import { choosing } from './device-words.js';
import { hanging } from './errors.js';
import { displayPath } from './paths.js';
import { type Cell, type Column, columnWidths, renderTable } from './table.js';
import type { Screen, Terminal } from './terminal.js';
import { printable, shorten } from './text.js';

const WIDE = 120;

export function listLines(listing: BackupListing, { out: screen, home }: Terminal, nowMs: number): string[] {
  if (listing.backups.length === 0) return nothingLines(listing, screen, home);
  const width = screen.width();
  const wide = width === undefined || width >= WIDE;
  const columns: Column[] = [
    { heading: 'Date' },
    { heading: 'Age', align: 'right' },
    { heading: 'Size', align: 'right' },
    ...(wide ? ([{ heading: 'Files', align: 'right' }, { heading: 'iOS' }] satisfies Column[]) : []),
    { heading: 'Notes' },
  ];
  const rowsOf = (backup: ListedBackup): Cell[] => backupRow(backup, screen, nowMs, wide);
  const widths = columnWidths({ columns, rows: listing.backups.map(rowsOf) });
  const lines = listing.backups.flatMap((backup, index) => [
    headingOf(backup, screen),
    ...renderTable({ columns, rows: [rowsOf(backup)], indent: '  ', widths, headings: index === 0 }, screen),
  ]);
  return listing.backups.length === 1 ? lines : [...lines, countLine(listing, home)];
}

function headingOf(backup: ListedBackup, screen: Screen): string {
  const width = screen.width();
  const name = width === undefined ? printable(backup.name) : shorten(printable(backup.name), 32, screen.glyphs.more);
  const facts = [
    ...(backup.model === null ? [] : [printable(backup.model)]),
    ...(backup.ios === null ? [] : [`iOS ${printable(backup.ios)}`]),
    ...(!backup.complete
      ? ['incomplete']
      : backup.encrypted === null
        ? []
        : [backup.encrypted ? 'encrypted' : 'not encrypted']),
    ...(backup.bytes === null ? [] : [formatBytes(backup.bytes)]),
  ];
  return [screen.style.strong(name), ...facts].join(` ${screen.glyphs.dot} `);
}

function backupRow(backup: ListedBackup, { glyphs, style }: Screen, nowMs: number, wide: boolean): Cell[] {
  const { madeAt, bytes, files, ios, complete } = backup;
  return [
    { text: madeAt === null ? glyphs.unknown : formatDate(madeAt) },
    { text: madeAt === null ? glyphs.unknown : compactAge(formatAge(madeAt, nowMs)) },
    { text: bytes === null ? glyphs.unknown : formatBytes(bytes) },
    ...(wide
      ? [
          { text: files === null ? glyphs.unknown : groupThousands(files) },
          { text: ios === null ? glyphs.unknown : printable(ios) },
        ]
      : []),
    complete ? { text: 'latest', paint: style.dim } : { text: 'incomplete', paint: style.attention },
  ];
}

/** `2 h`, `14d`: three columns where it can be. */
function compactAge(age: string): string {
  return /^\d\d+ [hd]$/.test(age) ? age.replace(' ', '') : age;
}

/** Backups that were never finished, and what finishes them. */
export function listAdvice(listing: BackupListing, screen: Screen): string[] {
  const unfinished = listing.backups.filter(({ complete }) => !complete);
  return unfinished.flatMap(({ name, madeBy }) => {
    const by = madeBy === null ? ' by another tool' : '';
    const next = `ibk backup${choosing(name, listing.backups.length)}`;
    const text = `${printable(name)} was left unfinished${by}. ${screen.glyphs.next} ${next}`;
    return hanging(screen.glyphs.attention, text, screen.width()).map((line) => screen.style.attention(line));
  });
}

function countLine(listing: BackupListing, home: string | undefined): string {
  const count = countOf(listing.backups.length, 'backup');
  return `${count}, ${formatBytes(listing.bytes)} in ${displayPath(listing.root, home)}.`;
}

function nothingLines(listing: BackupListing, screen: Screen, home: string | undefined): string[] {
  return [`No backups in ${displayPath(listing.root, home)} yet.`, `${screen.glyphs.next} ibk backup`];
}

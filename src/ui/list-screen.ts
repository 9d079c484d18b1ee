/** The backups under a root, as `ibk list` shows them: a heading for each device, a row for each version, newest first. */
import type { ListedPlace } from '../operations/list-places.js';
import type { BackupListing, ListedBackup, ListedVersion } from '../operations/results.js';
import { countOf, formatAge, formatBytes, formatDate, formatDuration, groupThousands } from '../figures.js';
import { shellWord } from './paths.js';
import { hanging } from './errors.js';
import { displayPath } from './paths.js';
import { type Cell, type Column, columnWidths, renderTable } from './table.js';
import type { Screen, Terminal } from './terminal.js';
import { printable, shorten } from './text.js';

const WIDE = 120;

export function listLines(listing: BackupListing, { out: screen, home }: Terminal, nowMs: number): string[] {
  if (listing.backups.length === 0) return nothingLines(listing, screen, home);
  const idOf: IdOf = ({ version }) => version ?? screen.glyphs.unknown;
  const lines = deviceLines(listing, screen, nowMs, idOf);
  return listing.backups.length === 1 ? lines : [...lines, countLine(listing, home)];
}

/** Where Apple's programs keep theirs. They have no id: the path stands there, by which they are opened. */
export function placeLines(places: readonly ListedPlace[], { out: screen, home }: Terminal, nowMs: number): string[] {
  return places.flatMap(({ words, listing }) => {
    if (listing.backups.length === 0) return [];
    const heading = `${words}, in ${displayPath(listing.root, home)}`;
    return ['', heading, ...deviceLines(listing, screen, nowMs, (_version, { path }) => displayPath(path, home))];
  });
}

/** What keeps a place from being read. macOS guards its own. */
export function placeAdvice(places: readonly ListedPlace[], screen: Screen): string[] {
  return places.flatMap(({ place, words, problem }) => {
    if (problem === null) return [];
    const next =
      place === 'finder' ? 'System Settings, Privacy & Security, Full Disk Access: allow this terminal.' : problem.hint;
    const text = `Backups of ${words} cannot be listed: ${problem.message} ${screen.glyphs.next} ${next}`;
    return hanging(screen.glyphs.attention, text, screen.width()).map((line) => screen.style.attention(line));
  });
}

type IdOf = (version: ListedVersion, backup: ListedBackup) => string;

function deviceLines(listing: BackupListing, screen: Screen, nowMs: number, idOf: IdOf): string[] {
  const width = screen.width();
  const wide = width === undefined || width >= WIDE;
  const shared = listing.backups.some(({ versions }) => versions.some(({ onlyHereBytes }) => onlyHereBytes !== null));
  const columns: Column[] = [
    { heading: 'Version' },
    { heading: 'Date' },
    { heading: 'Age', align: 'right' },
    { heading: 'Size', align: 'right' },
    ...(shared ? ([{ heading: 'Only here', align: 'right' }, { heading: 'Changes' }] satisfies Column[]) : []),
    ...(wide
      ? ([
          { heading: 'Files', align: 'right' },
          { heading: 'iOS' },
          { heading: 'Took', align: 'right' },
        ] satisfies Column[])
      : []),
    { heading: 'Notes' },
  ];
  const rowsOf = (backup: ListedBackup): Cell[][] =>
    backup.versions.map((version) => [
      { text: idOf(version, backup) },
      ...versionRow(version, backup, screen, nowMs, { wide, shared }),
    ]);
  const widths = columnWidths({ columns, rows: listing.backups.flatMap(rowsOf) });
  return listing.backups.flatMap((backup, index) => {
    const table = { columns, indent: '  ', widths };
    const [head, ...rest] = renderTable({ ...table, rows: [], headings: index === 0 }, screen);
    const rows = rowsOf(backup).flatMap((row, at) => [
      ...renderTable({ ...table, rows: [row], headings: false }, screen),
      ...lossLines(backup.versions[at], screen),
    ]);
    return [headingOf(backup, screen), ...(head === undefined ? [] : [head, ...rest]), ...rows];
  });
}

function headingOf({ name, model, bytes, versions }: ListedBackup, screen: Screen): string {
  const width = screen.width();
  const shown = width === undefined ? printable(name) : shorten(printable(name), 32, screen.glyphs.more);
  const [newest] = versions;
  const encrypted = newest?.encrypted ?? null;
  const facts = [
    ...(model === null ? [] : [printable(model)]),
    ...(newest === undefined || newest.ios === null ? [] : [`iOS ${printable(newest.ios)}`]),
    ...(newest?.complete === false
      ? [newest.damaged > 0 ? 'damaged' : 'incomplete']
      : encrypted === null
        ? []
        : [encrypted ? 'encrypted' : 'not encrypted']),
    ...(bytes === null ? [] : [formatBytes(bytes)]),
  ];
  return [screen.style.strong(shown), ...facts].join(` ${screen.glyphs.dot} `);
}

function versionRow(
  version: ListedVersion,
  backup: ListedBackup,
  { glyphs, style }: Screen,
  nowMs: number,
  { wide, shared }: { readonly wide: boolean; readonly shared: boolean },
): Cell[] {
  const { madeAt, bytes, files, ios, tookSeconds, onlyHereBytes } = version;
  return [
    { text: madeAt === null ? glyphs.unknown : formatDate(madeAt) },
    { text: madeAt === null ? glyphs.unknown : compactAge(formatAge(madeAt, nowMs)) },
    { text: bytes === null ? glyphs.unknown : formatBytes(bytes) },
    ...(shared
      ? [
          { text: onlyHereBytes === null ? glyphs.unknown : formatBytes(onlyHereBytes) },
          { text: changesOf(version, glyphs.unknown) },
        ]
      : []),
    ...(wide
      ? [
          { text: files === null ? glyphs.unknown : groupThousands(files) },
          { text: ios === null ? glyphs.unknown : printable(ios) },
          { text: tookSeconds === null ? glyphs.unknown : formatDuration(tookSeconds) },
        ]
      : []),
    notesOf(version, backup, style),
  ];
}

/** `+312 ~892 -57`: files added, changed, removed since the version before. */
function changesOf({ first, filesAdded, filesChanged, filesRemoved }: ListedVersion, unknown: string): string {
  if (first) return 'first';
  if (filesAdded === null || filesChanged === null || filesRemoved === null) return unknown;
  return `+${groupThousands(filesAdded)} ~${groupThousands(filesChanged)} -${groupThousands(filesRemoved)}`;
}

function notesOf(version: ListedVersion, { versions }: ListedBackup, style: Screen['style']): Cell {
  const newest = versions[0]?.encrypted ?? null;
  const differs = version.encrypted !== null && newest !== null && version.encrypted !== newest;
  const notes = [
    ...(version.latest ? ['latest'] : []),
    ...(version.complete ? [] : [version.damaged > 0 ? 'damaged' : 'incomplete']),
    ...(version.unreadable ? ['unreadable'] : []),
    ...(version.editedFrom === null ? [] : [`edited from ${version.editedFrom}`]),
    ...(version.foreign && version.damaged === 0 ? ['made by another tool'] : []),
    ...(differs ? [version.encrypted ? 'encrypted' : 'not encrypted'] : []),
    ...(version.pinned ? ['pinned'] : []),
    ...version.tags.map((tag) => `#${printable(tag)}`),
    ...(version.note === '' ? [] : [printable(version.note)]),
  ];
  const paint = version.complete && !version.unreadable ? style.dim : style.attention;
  return notes.length === 0 ? { text: '' } : { text: notes.join(', '), paint };
}

/** What another program overwrote of a version, under its row. */
function lossLines(version: ListedVersion | undefined, { style }: Screen): string[] {
  if (version === undefined || version.lost === null) return [];
  const { lost, files, unreadable } = version;
  const day = formatDate(lost.at);
  const what = [...(unreadable ? ['its manifest'] : []), ...(lost.files === 0 ? [] : [ofAll(lost.files, files)])];
  if (what.length === 0) return [];
  return [style.attention(`    ${what.join(' and ')} overwritten by another program on ${day}`)];
}

function ofAll(count: number, all: number | null): string {
  return all === null ? countOf(count, 'file') : `${groupThousands(count)} of ${countOf(all, 'file')}`;
}

/** `2 h`, `14d`: three columns where it can be. */
function compactAge(age: string): string {
  return /^\d\d+ [hd]$/.test(age) ? age.replace(' ', '') : age;
}

/** What a person should know of the backups that are shown, and do. */
export function listAdvice(listing: BackupListing, screen: Screen): string[] {
  const { glyphs, style } = screen;
  return listing.backups.flatMap((backup) => {
    const words = adviceOf(backup);
    if (words === undefined) return [];
    const text = `${words.what} ${glyphs.next} ${words.next}`;
    return hanging(glyphs.attention, text, screen.width()).map((line) => style.attention(line));
  });
}

function adviceOf({ name, problem, state, versions }: ListedBackup): { what: string; next: string } | undefined {
  const shown = printable(name);
  if (problem !== null) return { what: `Versions of ${shown} cannot be read: ${problem.message}`, next: problem.hint };
  const [newest] = versions;
  if (newest !== undefined && newest.damaged > 0) {
    const files = ofAll(newest.damaged, newest.files);
    return {
      what: `${files} of ${shown} ${newest.damaged === 1 ? 'is' : 'are'} missing or changed; the next backup has everything sent again.`,
      next: `ibk verify ${shellWord(name)}`,
    };
  }
  if (newest !== undefined && !newest.complete) {
    const by = newest.foreign ? ' by another tool' : '';
    return { what: `${shown} was left unfinished${by}.`, next: `ibk verify ${shellWord(name)}` };
  }
  if (state === 'replaced')
    return {
      what: `Another program changed the backup of ${shown}; the next backup takes that in as a version.`,
      next: 'ibk doctor',
    };
  if (state === 'touched')
    return { what: `Another program wrote into the backup of ${shown}.`, next: `ibk verify ${shellWord(name)}` };
  return undefined;
}

/** `--max-age`: why it is a failure. */
export function tooOldLines(listing: BackupListing, age: string, screen: Screen): string[] {
  const { glyphs, style } = screen;
  const text =
    listing.backups.length === 0
      ? `There is no backup (--max-age ${age}). ${glyphs.next} ibk backup`
      : `${countOf(listing.backups.length, 'device')} without a complete backup of the last ${age}. ${glyphs.next} ibk backup`;
  return hanging(glyphs.attention, text, screen.width()).map((line) => style.attention(line));
}

function countLine(listing: BackupListing, home: string | undefined): string {
  const versions = listing.backups.flatMap((backup) => backup.versions).filter(({ complete }) => complete);
  return `${countOf(versions.length, 'version')}, ${formatBytes(listing.bytes)} in ${displayPath(listing.root, home)}. Only here: freed by forgetting it.`;
}

function nothingLines(listing: BackupListing, screen: Screen, home: string | undefined): string[] {
  return [`No backups in ${displayPath(listing.root, home)} yet.`, `${screen.glyphs.next} ibk backup`];
}

/**
 * Where an extraction goes, from what people typed: `--to`, `--archive` and what is on the disk. Nothing is written here.
 *
 * As with cp, a single file that was named by its path goes to the very name behind `--to`, or into it where that is a folder.
 */
import { readdirSync, realpathSync, type Stats, statSync } from 'node:fs';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { IbkError } from '../../errors.js';
import { codeOf } from '../../io/system-code.js';
import type { Overwrite } from '../../output/folder-target.js';
import { placeError } from '../../output/output-errors.js';
import { freeName } from './output-name.js';

export type ArchiveFormat = 'tar' | 'tar.gz' | 'zip';

export const ARCHIVE_FORMATS: readonly ArchiveFormat[] = ['tar', 'tar.gz', 'zip'];

/** `shown` is the path as it was typed. */
export type Destination =
  | { readonly kind: 'folder'; readonly path: string; readonly shown: string; readonly state: 'new' | 'empty' | 'used' }
  | { readonly kind: 'file'; readonly path: string; readonly shown: string }
  | { readonly kind: 'archive'; readonly path: string; readonly shown: string; readonly format: ArchiveFormat }
  | { readonly kind: 'stream'; readonly format: ArchiveFormat | undefined };

export interface DestinationOptions {
  /** `-`: standard output; undefined: a new folder here. */
  readonly to: string | undefined;
  readonly archive: ArchiveFormat | undefined;
  readonly overwrite: Overwrite | undefined;
  /** Name of the only file, where it was chosen by its path. */
  readonly named: string | undefined;
  /** For an output that nobody named. */
  readonly name: string;
  readonly cwd: string;
  /** Folders of the backup: nothing may be written into them. */
  readonly closed: readonly string[];
}

const SUFFIXES: readonly (readonly [RegExp, ArchiveFormat])[] = [
  [/\.(?:tar\.gz|tgz)$/i, 'tar.gz'],
  [/\.tar$/i, 'tar'],
  [/\.zip$/i, 'zip'],
];

/** @throws IbkError `usage`, `destination` */
export function chooseDestination(options: DestinationOptions): Destination {
  const { to, archive, cwd, name } = options;
  if (to === '-') return { kind: 'stream', format: archive };
  if (to === '') throw new IbkError('usage', '--to is empty.', { hint: 'ibk extract --help' });
  if (to === undefined) {
    const shown = freeName(cwd, name, archive === undefined ? '' : `.${archive}`);
    return checked(options, fresh(join(cwd, shown), shown, archive));
  }
  const path = resolve(cwd, to);
  const found = look(path);
  const format = archive ?? (found?.isDirectory() || /[/\\]$/.test(to) ? undefined : formatOf(to));
  if (format !== undefined) {
    if (found?.isDirectory())
      throw inTheWay(to, 'is a folder; an archive needs a name.', `--to ${join(to, name)}.${format}`);
    return checked(options, archiveAt(path, to, format, found, options));
  }
  if (found !== undefined && isPassedOn(found)) return { kind: 'file', path, shown: to };
  return checked(options, plain(path, to, found, options));
}

function fresh(path: string, shown: string, format: ArchiveFormat | undefined): Destination {
  return format === undefined
    ? { kind: 'folder', path, shown, state: 'new' }
    : { kind: 'archive', path, shown, format };
}

function archiveAt(
  path: string,
  shown: string,
  format: ArchiveFormat,
  found: Stats | undefined,
  { overwrite }: DestinationOptions,
): Destination {
  if (found !== undefined && !isPassedOn(found) && overwrite !== 'always')
    throw inTheWay(shown, 'is there already.', 'Choose another name, or replace it: --overwrite always');
  return { kind: 'archive', path, shown, format };
}

function plain(path: string, shown: string, found: Stats | undefined, options: DestinationOptions): Destination {
  const { named, overwrite } = options;
  if (named !== undefined) {
    const within = found?.isDirectory() || /[/\\]$/.test(shown);
    const file = within ? join(path, named) : path;
    const there = within ? look(file) : found;
    if (there !== undefined && overwrite === undefined)
      throw inTheWay(within ? join(shown, named) : shown, 'is there already.', 'Replace it: --overwrite always');
    if (there?.isDirectory()) throw inTheWay(join(shown, named), 'is a folder.', 'Choose another place with --to.');
    return { kind: 'file', path: file, shown: within ? join(shown, named) : shown };
  }
  if (found === undefined) return { kind: 'folder', path, shown, state: 'new' };
  if (!found.isDirectory()) throw inTheWay(shown, 'is a file, and several files match.', 'Choose a folder with --to.');
  if (isEmpty(path)) return { kind: 'folder', path, shown, state: 'empty' };
  if (overwrite === undefined)
    throw inTheWay(
      `The folder ${shown}`,
      'is not empty.',
      'Add what is missing there: --skip-existing · Replace files: --overwrite if-newer, or always',
    );
  return { kind: 'folder', path, shown, state: 'used' };
}

/** A pipe or a device: written into, never replaced. */
function isPassedOn(found: Stats): boolean {
  return found.isFIFO() || found.isCharacterDevice();
}

function inTheWay(what: string, why: string, hint: string): IbkError {
  return new IbkError('usage', `${what} ${why}`, { reason: 'in_the_way', hint, meaning: 'Nothing was written.' });
}

export function formatOf(to: string): ArchiveFormat | undefined {
  return SUFFIXES.find(([suffix]) => suffix.test(to))?.[1];
}

/** The place itself may be a link: whoever made it meant that. */
function look(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    if (codeOf(error) === 'ENOTDIR') return undefined;
    throw placeError(error);
  }
}

function isEmpty(path: string): boolean {
  try {
    return readdirSync(path).length === 0;
  } catch (error) {
    throw placeError(error);
  }
}

/** @throws IbkError `usage` for a place inside the backup that is read */
function checked({ closed }: DestinationOptions, destination: Destination): Destination {
  if (destination.kind === 'stream') return destination;
  const place = realPlace(destination.path);
  for (const folder of closed) {
    const top = realPlace(folder);
    if (place !== top && !place.startsWith(top + sep)) continue;
    throw new IbkError('usage', `${destination.shown} lies inside the backup, which is only read.`, {
      reason: 'inside_backup',
      meaning: 'Nothing was written.',
      hint: 'Choose another place with --to.',
    });
  }
  return destination;
}

/** Without links, also where the last parts are not there yet. */
function realPlace(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const above = dirname(path);
    return above === path ? path : join(realPlace(above), basename(path));
  }
}

/** Which backup people mean: by device, version or path (BACKUP in help), and by `-u`. */
import { realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import { IbkError } from '../errors.js';
import { countOf, formatDate } from '../figures.js';
import { udidKey } from '../protocol/usbmux/udid.js';
import { nameKey } from './device-names.js';
import { listFolder } from './list-backups.js';
import { parseMoment } from './moments.js';
import type { BackupListing, ListedBackup, ListedVersion } from './results.js';

const SHORTEST_PREFIX = 4;

/**
 * The backups that `-u` names: by UDID (case and dash do not count), unique prefix of one, or name. None named, or `all`: all.
 * @throws IbkError `not_found`, `ambiguous_device`
 */
export function chooseBackups(listing: BackupListing, wanted: readonly string[]): BackupListing {
  if (wanted.length === 0 || wanted.includes('all')) return listing;
  const chosen = new Set(wanted.map((word) => chooseOne(listing.backups, word)));
  const backups = listing.backups.filter((backup) => chosen.has(backup));
  return { ...listing, backups, bytes: backups.reduce((sum, { bytes }) => sum + (bytes ?? 0), 0) };
}

function chooseOne(backups: readonly ListedBackup[], word: string): ListedBackup {
  const [only, second] = devicesLike(backups, word);
  if (only === undefined) throw new IbkError('not_found', `No backup here is of "${word}".`, { hint: 'ibk list' });
  if (second !== undefined) throw ambiguous(word, devicesLike(backups, word));
  return only;
}

/** Those that are exactly so named; else those that begin so. */
function devicesLike(backups: readonly ListedBackup[], word: string): readonly ListedBackup[] {
  const id = udidKey(word);
  const name = nameKey(word);
  const exact = backups.filter((backup) => udidKey(backup.udid) === id || nameKey(backup.name) === name);
  if (exact.length > 0) return exact;
  return backups.filter(
    (backup) =>
      (id.length >= SHORTEST_PREFIX && udidKey(backup.udid).startsWith(id)) || nameKey(backup.name).startsWith(name),
  );
}

function ambiguous(word: string, matches: readonly ListedBackup[]): IbkError {
  const names = matches.map((backup) => backup.name).join(', ');
  return new IbkError('ambiguous_device', `"${word}" is the beginning of several: ${names}.`, {
    hint: 'Write more of the name, or the UDID.',
  });
}

export interface ChosenBackup {
  readonly backup: ListedBackup;
  readonly version: ListedVersion;
}

export interface ChoosingOptions {
  /** As typed; undefined is `latest`. */
  readonly word: string | undefined;
  /** `-u`: only among these. */
  readonly udids: readonly string[];
  /** For hints: `ibk verify`. */
  readonly command: string;
  /** Against which a path is understood. */
  readonly cwd: string;
  /** As for `listBackups`, of a folder that is named by its path. */
  readonly measure?: boolean | undefined;
}

/**
 * `latest`, `latest~2`, `@2026-11-01` (newest at or before), a version id or unique prefix, a UDID or prefix, a device name, `UDID@latest~1`,
 * `NAME@2026-11-01`, or the path of any Apple backup folder.
 * @throws IbkError `not_found`, `ambiguous_device`, `usage`
 */
export async function chooseVersion(listing: BackupListing, options: ChoosingOptions): Promise<ChosenBackup> {
  const { word } = options;
  if (word !== undefined && isPath(word)) return byPath(listing, resolve(options.cwd, word), word, options.measure);
  const { backups } = chooseBackups(listing, options.udids);
  if (word === undefined || isLatest(word)) return latestOf(onlyDevice(backups, options), word ?? 'latest');
  if (word.startsWith('@')) return newestAt(onlyDevice(backups, options), word.slice(1), word);
  const cut = word.lastIndexOf('@');
  const behind = word.slice(cut + 1);
  if (cut > 0 && isLatest(behind)) return latestOf(chooseOne(backups, word.slice(0, cut)), behind);
  if (cut > 0 && parseMoment(behind) !== undefined)
    return newestAt(chooseOne(backups, word.slice(0, cut)), behind, word);
  return byVersionId(backups, word) ?? latestOf(byDevice(backups, word), 'latest');
}

/** Anything with a separator is a path. */
export const isPath = (word: string): boolean => /[/\\]/.test(word);

const isLatest = (word: string): boolean => /^latest(?:~\d{1,6})?$/.test(word);

function onlyDevice(backups: readonly ListedBackup[], { command }: ChoosingOptions): ListedBackup {
  const [only, ...others] = backups;
  if (only === undefined)
    throw new IbkError('not_found', 'There is no backup here.', { reason: 'no_backup', hint: 'ibk backup' });
  if (others.length === 0) return only;
  const names = backups.map(({ name }) => name).join(', ');
  const message = `${countOf(backups.length, 'device')} have backups here and none was chosen: ${names}.`;
  throw new IbkError('ambiguous_device', message, { hint: `${command} -u "${only.name.replaceAll('"', '\\"')}"` });
}

/** Complete ones count; where there is none, all do. An edited copy never: it is named by its id. A store that somebody laid a trap in is not passed over for its folder. */
function countingVersions({ versions, problem }: ListedBackup): readonly ListedVersion[] {
  if (problem?.code === 'unsafe') throw problem;
  const made = versions.filter(({ editedFrom }) => editedFrom === null);
  const complete = made.filter((version) => version.complete);
  return complete.length === 0 ? made : complete;
}

/** The newest that was made on that day, or in that minute, or before. */
function newestAt(backup: ListedBackup, text: string, word: string): ChosenBackup {
  const moment = parseMoment(text);
  if (moment === undefined)
    throw new IbkError('usage', `"${word}" is no date.`, { hint: 'Such as @2026-11-01, or "@2026-11-01 08:30"' });
  const among = countingVersions(backup);
  const version = among
    .filter(({ madeAt }) => madeAt !== null && madeAt.getTime() < moment.until)
    .reduce<ListedVersion | undefined>((newest, each) => (isNewer(each, newest) ? each : newest), undefined);
  if (version !== undefined) return { backup, version };
  const oldest = among.at(-1)?.madeAt ?? null;
  const when = oldest === null ? 'is of an unknown date' : `was made ${formatDate(oldest)}`;
  throw notFound(word, `The oldest backup of ${backup.name} ${when}.`);
}

const isNewer = ({ madeAt }: ListedVersion, other: ListedVersion | undefined): boolean =>
  (madeAt?.getTime() ?? 0) > (other?.madeAt?.getTime() ?? -1);

function latestOf(backup: ListedBackup, word: string): ChosenBackup {
  const steps = Number(word.split('~')[1] ?? 0);
  const among = countingVersions(backup);
  const version = among[steps];
  if (version !== undefined) return { backup, version };
  const oldest = among.at(-1)?.madeAt ?? null;
  const when = oldest === null ? '' : ` (${formatDate(oldest)})`;
  const last = among.length === 1 ? 'latest' : `latest~${among.length - 1}`;
  throw notFound(word, `${backup.name} has ${countOf(among.length, 'version')}, the oldest is ${last}${when}.`);
}

function byVersionId(backups: readonly ListedBackup[], word: string): ChosenBackup | undefined {
  const wanted = word.toLowerCase();
  const all = backups.flatMap((backup) => backup.versions.map((version) => ({ backup, version })));
  const exact = all.filter(({ version }) => version.version === wanted || version.id === wanted);
  const [found] = exact;
  if (found !== undefined) return found;
  if (wanted.length < SHORTEST_PREFIX) return undefined;
  const near = all.filter(({ version }) => version.version?.startsWith(wanted) === true);
  const [first, second] = near;
  if (second === undefined) return first;
  const ids = near.map(({ version }) => version.version).join(', ');
  throw new IbkError('ambiguous_device', `"${word}" is the beginning of several versions: ${ids}.`, {
    reason: 'ambiguous_version',
    hint: 'Write more of the id.',
  });
}

function byDevice(backups: readonly ListedBackup[], word: string): ListedBackup {
  const matches = devicesLike(backups, word);
  const [only] = matches;
  if (only === undefined) throw notFound(word, undefined);
  if (matches.length > 1) throw ambiguous(word, matches);
  return only;
}

async function byPath(
  listing: BackupListing,
  path: string,
  word: string,
  measure: boolean | undefined,
): Promise<ChosenBackup> {
  const real = await realpath(path).catch(() => undefined);
  if (real === undefined) throw notFound(word, 'There is no such folder.');
  for (const backup of listing.backups) {
    const inRoot = await realpath(backup.path).catch(() => undefined);
    if (inRoot === real) return latestOf(backup, 'latest');
  }
  const found = await listFolder(real, { measure: measure ?? true });
  const [version] = found?.versions ?? [];
  if (found === undefined || version === undefined) throw notFound(word, 'That folder holds no backup.');
  return { backup: found, version };
}

function notFound(word: string, meaning: string | undefined): IbkError {
  return new IbkError('not_found', `No backup matches "${word}".`, {
    hint: 'ibk list',
    ...(meaning === undefined ? {} : { meaning }),
  });
}

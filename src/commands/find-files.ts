/** `ibk find`: where it looks, and how it shows what it finds. */
import { parseAge, parseSizeRange } from '../config/values.js';
import { asIbkError, IbkError } from '../errors.js';
import { countOf, formatDate } from '../figures.js';
import { chooseBackup } from '../operations/backup-word.js';
import { type ChosenBackup, chooseBackups, chooseVersion } from '../operations/choose-backups.js';
import { type FindOptions, findFiles } from '../operations/find-files.js';
import { listBackups } from '../operations/list-backups.js';
import { parseMoment } from '../operations/moments.js';
import { withBackup } from '../operations/open-backup.js';
import { errorDocument } from '../ui/documents.js';
import { printError } from '../ui/errors.js';
import { listSummary, matchLine as matchObject } from '../ui/file-documents.js';
import { matchHeading, matchLine } from '../ui/files-screen.js';
import { LineWriter } from '../ui/line-writer.js';
import { jsonLine } from '../ui/ndjson.js';
import { printable } from '../ui/text.js';
import { untilClosed } from './closed-output.js';
import type { OwnOptions } from './command.js';
import { password } from './password.js';
import { selectionOf } from './selection-options.js';
import type { Session } from './session.js';

interface Found {
  readonly files: number;
  readonly bytes: number;
}

export interface Search {
  readonly session: Session;
  readonly pattern: string;
  readonly options: OwnOptions;
}

export async function findIn(search: Search, words: readonly string[]): Promise<number> {
  const { session, options, pattern } = search;
  const { root, udids } = session.config;
  const { signal } = session;
  // Mistakes are told before anything is opened.
  findOptions(search, []);
  return untilClosed(signal, async () => {
    if (options['allVersions'] === true) return (await import('./find-versions.js')).findInAllVersions(search, words);
    if (options['all'] === true) return findInAll(search, words);
    const naming = { root, words, udids, command: 'ibk find', cwd: process.cwd(), measure: false, signal };
    const { chosen, word, selection } = await chooseBackup(naming);
    const found = await findOne(search, chosen, { word, selection });
    if (found.files === 0) throw nothingFound(pattern);
    finish(session, found, chosen, 0);
    return 0;
  });
}

/** The newest backup of each device. One that cannot be read is told of, and the others follow. */
async function findInAll(search: Search, words: readonly string[]): Promise<number> {
  const { session, pattern } = search;
  const { config, signal } = session;
  const [word] = words;
  if (word !== undefined)
    throw new IbkError('usage', `--all searches every backup, and "${word}" is one.`, { hint: 'ibk find --help' });
  const listing = chooseBackups(await listBackups({ root: config.root, measure: false, signal }), config.udids);
  let files = 0;
  let bytes = 0;
  const problems: IbkError[] = [];
  for (const backup of listing.backups) {
    const only = { ...listing, backups: [backup] };
    try {
      const naming = { word: undefined, udids: [], command: 'ibk find', cwd: process.cwd() };
      const chosen = await chooseVersion(only, naming);
      const found = await findOne(search, chosen, {
        word: backup.udid,
        selection: [],
        heading: listing.backups.length > 1,
      });
      files += found.files;
      bytes += found.bytes;
    } catch (error) {
      const known = asIbkError(error);
      if (signal.aborted || known.code === 'bug' || known.code === 'usage') throw error;
      problems.push(known);
      if (config.json)
        session.terminal.out.write(jsonLine(errorDocument(known, backup.udid, new Date(session.clock.now()))));
      else printError(known.with({ meaning: `This was the backup of ${backup.name}.` }), session.terminal.err, config);
    }
  }
  const [first] = problems;
  if (first !== undefined && problems.length === listing.backups.length) throw first;
  if (files === 0 && first === undefined) throw nothingFound(pattern);
  finish(session, { files, bytes }, undefined, problems.length === 0 ? 0 : 3);
  return problems.length === 0 ? 0 : 3;
}

interface Where {
  /** BACKUP, for hints. */
  readonly word: string;
  readonly selection: readonly string[];
  /** Say whose they are. */
  readonly heading?: boolean;
}

async function findOne(search: Search, chosen: ChosenBackup, { word, selection, heading }: Where): Promise<Found> {
  const { session } = search;
  const { config, terminal, clock, signal } = session;
  const { out } = terminal;
  const { backup, version } = chosen;
  const wanted = findOptions(search, selection);
  return withBackup(chosen, { root: config.root, password: password(session), word, signal }, async (opened) => {
    const writer = new LineWriter(out, signal);
    let files = 0;
    let bytes = 0;
    for await (const page of findFiles(opened, wanted)) {
      const of = { udid: backup.udid, now: new Date(clock.now()) };
      if (files === 0 && page.length > 0 && !config.json) {
        if (heading === true) writer.line(out.style.strong(titleOf(chosen)));
        writer.line(matchHeading(out));
      }
      for (const file of page) {
        files++;
        bytes += file.facts?.bytes ?? 0;
        writer.line(config.json ? jsonLine(matchObject(file, version.version, of)).trimEnd() : matchLine(file, out));
      }
      await writer.flush();
    }
    return { files, bytes };
  });
}

function titleOf({ backup, version }: ChosenBackup): string {
  return version.madeAt === null ? printable(backup.name) : `${printable(backup.name)}, ${formatDate(version.madeAt)}`;
}

/** How many there were: to people, or as the last object. */
function finish(session: Session, found: Found, chosen: ChosenBackup | undefined, exit: 0 | 3): void {
  const { config, terminal, clock } = session;
  if (config.json) {
    const end = { command: 'find', exit, version: chosen?.version.version ?? null, ...found } as const;
    terminal.out.write(jsonLine(listSummary(end, chosen?.backup.udid ?? null, new Date(clock.now()))));
  } else if (!config.quiet) {
    const screen = terminal.out.isTerminal ? terminal.out : terminal.err;
    screen.line(`${countOf(found.files, 'file')}.`);
  }
}

export function nothingFound(pattern: string): IbkError {
  const isName = /^[\w .-]+$/.test(pattern);
  return new IbkError('not_found', `Nothing was found for ${pattern}.`, {
    reason: 'no_match',
    hint: isName ? `For a part of a name: ibk find '*${pattern}*' -i` : 'In every device: ibk find PATTERN --all',
  });
}

/** @throws IbkError `usage` */
export function findOptions({ session, options, pattern }: Search, words: readonly string[]): FindOptions {
  const { clock, signal } = session;
  const { size } = options;
  const chosen = selectionOf({ ...options, regex: undefined }, words);
  const isRegex = options['regex'] === true;
  return {
    selection: { ...chosen, exact: true, ...(isRegex ? { regex: pattern } : { paths: [pattern] }) },
    directories: options['dirs'] === true,
    size: size === undefined ? undefined : parsed('--size', size, parseSizeRange, 'Such as +10M, -1k or 1M..10M'),
    newerThan: whenOf('--newer', options['newer'], clock.now()),
    olderThan: whenOf('--older', options['older'], clock.now()),
    signal,
  };
}

/** A day, a minute, or so long ago. */
function whenOf(flag: string, value: OwnOptions[string], nowMs: number): number | undefined {
  if (value === undefined) return undefined;
  const read = (text: string): number | undefined => {
    const age = parseAge(text);
    return age === undefined ? parseMoment(text)?.from : nowMs - age;
  };
  return parsed(flag, value, read, 'Such as 2026-11-01, "2026-11-01 08:30" or 3d');
}

function parsed<T>(flag: string, value: OwnOptions[string], read: (text: string) => T | undefined, hint: string): T {
  const result = typeof value === 'string' ? read(value) : undefined;
  if (result !== undefined) return result;
  throw new IbkError('usage', `${flag} "${String(value)}" cannot be understood.`, { hint });
}

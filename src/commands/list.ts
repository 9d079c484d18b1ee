import { applePlaces } from '../config/platform-paths.js';
import { parseAge } from '../config/values.js';
import { ERROR_CATALOG, IbkError } from '../errors.js';
import { chooseBackups } from '../operations/choose-backups.js';
import { listBackups } from '../operations/list-backups.js';
import { listPlaces, olderThan } from '../operations/list-places.js';
import { listDocument } from '../ui/documents.js';
import { listAdvice, listLines, placeAdvice, placeLines, tooOldLines } from '../ui/list-screen.js';
import { jsonLine } from '../ui/ndjson.js';
import { type CommandSpec, DEVICE_SIDE_ROW, type OwnOptions } from './command.js';
import {
  choosesFiles,
  REPEATABLE_SELECTION_OPTIONS,
  SELECTION_OPTIONS,
  SELECTION_ROWS,
  TYPES_NOTE,
} from './selection-options.js';
import type { Session } from './session.js';

export const listCommand: CommandSpec = {
  help: {
    name: 'list',
    sentence: 'The backups under the backup root, each device with its versions; with BACKUP, the files in it.',
    rows: [
      { flags: 'BACKUP', words: 'latest, latest~2, @2026-11-01, an id, device or path' },
      ...SELECTION_ROWS,
      { flags: '--match GLOB', words: 'the same as --path' },
      { flags: '-l, --long', words: 'with size, date and mode' },
      { flags: '--sort ORDER', words: 'name, size or date; --reverse the other way round' },
      { flags: '--dirs', words: 'folders, too' },
      { flags: '--domains, --apps', words: 'how much is in each domain, or of each app' },
      { flags: '--max-age D', words: 'only devices without a backup so young, such as 3d' },
      DEVICE_SIDE_ROW,
    ],
    examples: [
      ['ibk list', 'all backups'],
      ['ibk list latest', 'paths of the newest'],
      ["ibk list latest 'HomeDomain/Library/SMS/*' --long", 'some'],
      ['ibk list latest --domains', 'where the space goes'],
      ['ibk list --max-age 3d', 'exit 4 when one is too old'],
      ['ibk list --json | jq .devices[].versions[0]', 'for scripts'],
    ],
    note: `It reads the disk and asks no device. Backups that idevicebackup2, Finder or iTunes made in the same folder are listed too. A folder or file that ends in no wildcard stands for what is below it; folders are not listed without --dirs. With --json, files are one object a line. ${TYPES_NOTE}`,
    codes: ['condition', 'not_found', 'password', 'damaged', 'destination', 'ambiguous_device', 'interrupted'],
  },
  aliases: ['ls'],
  mostArguments: 2,
  options: [
    ...SELECTION_OPTIONS,
    '-l, --long',
    '--sort <ORDER>',
    '--reverse',
    '--dirs',
    '--domains',
    '--apps',
    '--max-age <D>',
    '--device-side',
  ],
  repeatable: [...REPEATABLE_SELECTION_OPTIONS, '--match <GLOB>'],
  run: async (session, options, words) => {
    if (options['deviceSide'] === true) return (await import('./phone-side.js')).runPhoneSide(session, 'List', words);
    if (words.length > 0 || asksForFiles(options)) {
      if (options['maxAge'] !== undefined)
        throw new IbkError('usage', '--max-age is about backups, not about the files of one.', {
          hint: 'ibk list --max-age 3d',
        });
      const { listFilesOf } = await import('./list-files.js');
      return listFilesOf(session, options, words);
    }
    return listRoot(session, options['maxAge']);
  },
};

async function listRoot(session: Session, maxAge: OwnOptions[string]): Promise<number> {
  const { config, terminal, clock, signal, platform, env } = session;
  const { root, udids } = config;
  if (maxAge !== undefined) return listTooOld(session, String(maxAge));
  const kept = applePlaces({ platform, env, home: terminal.home ?? '/' });
  const places = kept.length === 0 ? [] : await listPlaces(kept, { root, udids, signal });
  const elsewhere = places.some(({ listing }) => listing.backups.length > 0);
  const all = await listBackups({ root, space: true, signal }).catch((error: unknown) => {
    if (elsewhere && isNotFound(error)) return { root, bytes: 0, backups: [] };
    throw error;
  });
  const listing = elsewhere && all.backups.length === 0 ? all : chooseBackups(all, udids);
  if (config.json) terminal.out.write(jsonLine(listDocument(listing, places)));
  else {
    for (const line of listLines(listing, terminal, clock.now())) terminal.out.line(line);
    for (const line of placeLines(places, terminal, clock.now())) terminal.out.line(line);
    if (!config.quiet)
      for (const line of [...listAdvice(listing, terminal.err), ...placeAdvice(places, terminal.err)])
        terminal.err.line(line);
  }
  return 0;
}

/** `--max-age 3d`: what a monitor asks. Nothing is said when all is well. */
async function listTooOld({ config, terminal, clock, signal }: Session, maxAge: string): Promise<number> {
  const age = parseAge(maxAge);
  if (age === undefined)
    throw new IbkError('usage', `--max-age "${maxAge}" is not a duration.`, { hint: 'Such as 12h, 3d or 60d' });
  const listing = chooseBackups(await listBackups({ root: config.root, signal }), config.udids);
  const old = olderThan(listing, age, clock.now());
  const met = listing.backups.length > 0 && old.backups.length === 0;
  if (config.json) terminal.out.write(jsonLine(listDocument(old, [])));
  else if (!met) {
    if (old.backups.length > 0) for (const line of listLines(old, terminal, clock.now())) terminal.out.line(line);
    for (const line of tooOldLines(old, maxAge, terminal.err)) terminal.err.line(line);
  }
  return met ? 0 : ERROR_CATALOG.condition.exit;
}

const isNotFound = (error: unknown): boolean => error instanceof IbkError && error.code === 'not_found';

function asksForFiles(options: OwnOptions): boolean {
  const own = ['match', 'long', 'sort', 'reverse', 'dirs', 'domains', 'apps'];
  return choosesFiles(options) || own.some((key) => options[key] !== undefined);
}

/** The options that choose files, the same for every command that reads them. */
import { FILE_TYPES } from '../operations/selection/file-types.js';
import type { SelectionOptions } from '../operations/selection/selection.js';
import type { HelpRow } from '../ui/help.js';
import type { OwnOptions } from './command.js';

export const SELECTION_OPTIONS: readonly string[] = ['--regex <RE>', '-i, --ignore-case'];
export const REPEATABLE_SELECTION_OPTIONS: readonly string[] = [
  '--domain <D>',
  '--app <ID>',
  '--type <T>',
  '--path <GLOB>',
];

export const SELECTION_ROWS: readonly HelpRow[] = [
  { flags: 'SEL', words: 'HomeDomain, HomeDomain/Library/SMS/*, app:ID, type:photos' },
  { flags: '--domain D', words: 'a domain or a glob of domains; repeatable, as all of these' },
  { flags: '--app ID', words: 'all that is of an app, by its bundle id or name' },
  { flags: '--type T', words: 'photos, messages, contacts, calls, notes, calendar, …' },
  { flags: '--path GLOB', words: 'of these, what matches: * and **, [a-z], {a,b}' },
  { flags: '--regex RE', words: 'and this; over domain/path' },
  { flags: '-i, --ignore-case', words: 'case does not count' },
];

/** For a note in help: all of the types. */
export const TYPES_NOTE = `Types: ${FILE_TYPES.map(({ name }) => name).join(', ')}.`;

/** @param words SEL, from the command line */
export function selectionOf(options: OwnOptions, words: readonly string[]): SelectionOptions {
  const { regex } = options;
  return {
    words,
    domains: listOf(options, 'domain'),
    apps: listOf(options, 'app'),
    types: listOf(options, 'type'),
    paths: listOf(options, 'path'),
    regex: typeof regex === 'string' ? regex : undefined,
    ignoreCase: options['ignoreCase'] === true,
  };
}

/** The values of a repeatable option. */
export function listOf(options: OwnOptions, key: string): readonly string[] {
  const value = options[key];
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : [];
}

/** Were files asked for, be it by a word or by an option? */
export function choosesFiles(options: OwnOptions): boolean {
  return ['domain', 'app', 'type', 'path', 'regex'].some((key) => options[key] !== undefined);
}

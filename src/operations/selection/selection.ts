/**
 * Which files of a backup people mean: SEL words (`HomeDomain/Library/SMS/*`, `app:com.example.app`, `type:photos`) and the options that say the same. What
 * names a place (words, domains, apps, types) is joined; paths and the expression narrow that down.
 */
import type { RecordQuery } from '../../backup/reader/types.js';
import { IbkError } from '../../errors.js';
import { nearest } from '../../nearest.js';
import type { AppIndex } from './apps.js';
import { compileExpression, type SafeExpression } from './expression.js';
import { FILE_TYPES, type FileType, withSiblings } from './file-types.js';
import { commonFolder, compileGlob, type Glob } from './glob.js';

export interface SelectionOptions {
  /** SEL, as typed. */
  readonly words?: readonly string[] | undefined;
  /** Domains, or globs of them. */
  readonly domains?: readonly string[] | undefined;
  /** Bundle ids or names. */
  readonly apps?: readonly string[] | undefined;
  readonly types?: readonly string[] | undefined;
  /** Globs of paths, with or without the domain in front; without `/` of names in every folder. One must match. */
  readonly paths?: readonly string[] | undefined;
  /** Over `domain/path`. */
  readonly regex?: string | undefined;
  readonly ignoreCase?: boolean | undefined;
  /** A path stands for what it names alone, not for what lies below it. */
  readonly exact?: boolean | undefined;
}

export interface Selection {
  /** As narrow as the index of a format can answer. */
  readonly query: RecordQuery;
  /** What `query` cannot say: over `domain/path`. */
  readonly expression: SafeExpression | undefined;
  /** `HomeDomain/Library/SMS/*`, `app com.example.app`; empty: everything. */
  readonly describe: string;
  readonly wanted: {
    readonly domains: readonly string[];
    readonly apps: readonly string[];
    readonly types: readonly FileType[];
  };
}

interface Place {
  accepts(domain: string): boolean;
  /** The one domain that it accepts; undefined where there may be several. */
  readonly domain: string | undefined;
  /** One must match; undefined: everything in the domain. */
  readonly paths: readonly Glob[] | undefined;
}

/** @throws IbkError `usage` for a word, type or pattern that cannot be understood */
export function select(options: SelectionOptions, apps: AppIndex): Selection {
  const { ignoreCase } = options;
  const wanted = {
    domains: [...(options.domains ?? [])],
    apps: [...(options.apps ?? [])],
    types: [...(options.types ?? [])],
  };
  const places = [...(options.domains ?? [])].map((domain) => placeOf(domain, undefined, ignoreCase));
  for (const word of options.words ?? []) {
    const [, scheme, rest = ''] = /^([A-Za-z][\w-]*):(.*)$/s.exec(word) ?? [];
    if (scheme === 'app') wanted.apps.push(rest);
    else if (scheme === 'type') wanted.types.push(rest);
    else if (scheme !== undefined) throw unknownWord(word);
    else {
      const [domain, path] = cutDomain(word);
      wanted.domains.push(domain);
      places.push(placeOf(domain, path, ignoreCase));
    }
  }
  const types = wanted.types.map(typeNamed);
  places.push(...wanted.apps.map((word) => placeOfApp(word, apps)), ...types.flatMap(placesOfType));
  const filters = (options.paths ?? []).map((path) => placeOfPath(path, options));
  const expression = options.regex === undefined ? undefined : compileExpression(options.regex, ignoreCase);
  const query = places.length === 0 ? queryOf(filters, []) : queryOf(places, filters);
  return { query, expression, describe: describe(options), wanted: { ...wanted, types } };
}

function placeOf(domain: string, path: string | undefined, ignoreCase: boolean | undefined): Place {
  const glob = compileGlob(domain, { flat: true, ignoreCase });
  const paths = path === undefined ? undefined : [compileGlob(path, { ignoreCase, below: true })];
  return { accepts: glob.matches, domain: glob.only, paths };
}

function placeOfApp(word: string, apps: AppIndex): Place {
  if (word === '') throw new IbkError('usage', 'An app has no name.', { hint: 'ibk list latest --apps' });
  const ids = apps.named(word);
  // What belongs to an app that the backup does not list is told by its name alone.
  for (const id of ids) apps.add(id);
  return {
    accepts: (domain) => apps.ownersOf(domain).some((id) => ids.includes(id)),
    domain: undefined,
    paths: undefined,
  };
}

function placesOfType({ places }: FileType): Place[] {
  return places.map(([domain, ...paths]) => ({
    ...placeOf(domain, undefined, false),
    paths: paths.map((path) => compileGlob(withSiblings(path))),
  }));
}

/** `HomeDomain/Library/*` names a domain; `Library/*` and `*.jpg` lie in any. */
function placeOfPath(pattern: string, { ignoreCase, exact }: SelectionOptions): Place {
  const below = exact !== true;
  const [domain, path] = cutDomain(pattern);
  if (path !== undefined && DOMAIN.test(domain))
    return { ...placeOf(domain, undefined, ignoreCase), paths: [compileGlob(path, { ignoreCase, below })] };
  const glob = compileGlob(pattern, { ignoreCase, below, anywhere: true });
  return { accepts: () => true, domain: undefined, paths: [glob] };
}

const DOMAIN = /^[A-Z][A-Za-z]*Domain(?:(?:Group|Plugin|Placeholder)?-.*)?$/s;

/** Can the word mean nothing but files? */
export function looksLikeSelection(word: string): boolean {
  return /^(?:app|type):/.test(word) || DOMAIN.test(cutDomain(word)[0]);
}

/** The domain ends at the first `/`; nothing behind it is the whole domain. */
function cutDomain(word: string): [domain: string, path: string | undefined] {
  const cut = word.indexOf('/');
  if (cut === -1) return [word, undefined];
  const path = word.slice(cut + 1);
  return [word.slice(0, cut), path === '' ? undefined : path];
}

/** @throws IbkError `usage` */
export function typeNamed(word: string): FileType {
  const found = FILE_TYPES.find(({ name }) => name === word.toLowerCase());
  if (found !== undefined) return found;
  const names = FILE_TYPES.map(({ name }) => name);
  const meant = nearest(word, names);
  throw new IbkError('usage', `Unknown type "${word}".${meant === undefined ? '' : ` Did you mean ${meant}?`}`, {
    hint: `One of: ${names.join(', ')}`,
    reason: 'unknown_type',
  });
}

function unknownWord(word: string): IbkError {
  return new IbkError('usage', `"${word}" names no files.`, {
    hint: 'A domain (HomeDomain), a domain with a path (HomeDomain/Library/SMS/*), app:ID or type:NAME',
  });
}

function queryOf(places: readonly Place[], filters: readonly Place[]): RecordQuery {
  if (places.length === 0) return {};
  const domains = new Set(places.map(({ domain }) => domain));
  const exact = [...domains].filter((domain) => domain !== undefined);
  const all = places.every(({ paths }) => paths === undefined) && filters.length === 0;
  const narrow = exact.length === domains.size;
  const below = narrow && exact.length === 1 ? folderOf(places, filters) : '';
  return {
    ...(narrow ? { domains: exact } : {}),
    ...(below === '' ? {} : { below }),
    ...(narrow && all ? {} : { matches: matcherOf(places, filters) }),
  };
}

/** The deepest folder that must hold everything. */
function folderOf(places: readonly Place[], filters: readonly Place[]): string {
  const foldersOf = (group: readonly Place[]) =>
    group.flatMap(({ paths }) => paths?.map(({ folder }) => folder) ?? ['']);
  const folders = [commonFolder(foldersOf(places)), commonFolder(foldersOf(filters))];
  return folders.reduce((deepest, folder) => (folder.length > deepest.length ? folder : deepest));
}

function matcherOf(places: readonly Place[], filters: readonly Place[]): (domain: string, path: string) => boolean {
  const placesIn = byDomain(places);
  const filtersIn = byDomain(filters);
  const holds = (group: readonly Place[], path: string) =>
    group.some(({ paths }) => paths === undefined || paths.some((glob) => glob.matches(path)));
  return (domain, path) => holds(placesIn(domain), path) && (filters.length === 0 || holds(filtersIn(domain), path));
}

const MOST_REMEMBERED = 10_000;

/** A domain is judged once, not once for each of its files. */
function byDomain(places: readonly Place[]): (domain: string) => readonly Place[] {
  const known = new Map<string, readonly Place[]>();
  return (domain) => {
    let found = known.get(domain);
    if (found !== undefined) return found;
    found = places.filter((place) => place.accepts(domain));
    if (known.size >= MOST_REMEMBERED) known.clear();
    known.set(domain, found);
    return found;
  };
}

function describe(options: SelectionOptions): string {
  const parts = [
    ...(options.words ?? []),
    ...(options.domains ?? []),
    ...(options.apps ?? []).map((word) => `app ${word}`),
    ...(options.types ?? []).map((word) => `type ${word}`),
  ];
  const narrowed = [...(options.paths ?? []), ...(options.regex === undefined ? [] : [`/${options.regex}/`])];
  return [
    ...(parts.length === 0 ? [] : [parts.join(', ')]),
    ...(narrowed.length === 0 ? [] : [narrowed.join(', ')]),
  ].join(' and ');
}

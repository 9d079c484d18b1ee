/**
 * Globs over the paths of a backup: `*` and `?` within a part, `**` across parts, `[a-z]`, `[!a]`, `{a,b}`; `\` before a character that stands for itself.
 *
 * Names come from a device and may be hostile: nothing here is slower than length of the pattern times length of the path. Composed and decomposed forms of
 * a letter (NFC, NFD) are the same letter, as on Apple's disks.
 */
import { IbkError } from '../../errors.js';

export interface GlobOptions {
  readonly ignoreCase?: boolean | undefined;
  /** The text has no parts: `/` is a character like others. For domains. */
  readonly flat?: boolean | undefined;
  /** A pattern without `/` is looked for in every folder. */
  readonly anywhere?: boolean | undefined;
  /** A pattern whose last part is no wildcard stands for a folder, too: what lies below matches. */
  readonly below?: boolean | undefined;
}

export interface Glob {
  matches(path: string): boolean;
  /** Every match is this path or lies below it; empty where that cannot be said. */
  readonly folder: string;
  /** The one text that matches; undefined where there may be several. */
  readonly only: string | undefined;
}

const LONGEST_PATTERN = 4096;
const MOST_ALTERNATIVES = 256;

/** @throws IbkError `usage` for a pattern that is empty, too long, or has too many alternatives */
export function compileGlob(pattern: string, options: GlobOptions = {}): Glob {
  if (pattern === '' || pattern.length > LONGEST_PATTERN) {
    const fault = pattern === '' ? 'is empty' : `is longer than ${LONGEST_PATTERN} characters`;
    throw new IbkError('usage', `A pattern ${fault}.`, { hint: 'Such as HomeDomain/Library/SMS/*' });
  }
  const patterns = expandBraces(pattern).map((each) => compileParts(each, options));
  const [first] = patterns;
  const only = patterns.length === 1 ? first?.only : undefined;
  const folders = patterns.map(({ folder }) => folder);
  return {
    matches: (path) => {
      const parts = (options.flat ? [path] : path.split('/')).map((part) => folded(part, options));
      return patterns.some((each) => each.matches(parts));
    },
    folder: commonFolder(folders),
    only,
  };
}

/** The deepest folder that all of them are or lie in. */
export function commonFolder(folders: readonly string[]): string {
  const [first = [], ...rest] = folders.map((folder) => folder.split('/'));
  const end = first.findIndex((part, index) => rest.some((other) => other[index] !== part));
  return (end === -1 ? first : first.slice(0, end)).join('/');
}

interface CompiledPath {
  matches(parts: readonly string[]): boolean;
  readonly folder: string;
  readonly only: string | undefined;
}

type Part = 'any-parts' | { readonly only: string } | { readonly tokens: readonly Token[] };
type Token = 'star' | 'one' | { readonly is: string } | CharacterSet;

interface CharacterSet {
  readonly set: ReadonlySet<string>;
  readonly pairs: readonly (readonly [number, number])[];
  readonly negated: boolean;
}

function compileParts(pattern: string, options: GlobOptions): CompiledPath {
  const { flat = false, anywhere = false, below = false, ignoreCase = false } = options;
  const words = flat ? [pattern] : pattern.replace(/^\/+/, '').split('/');
  if (anywhere && words.length === 1 && !pattern.startsWith('/')) words.unshift('**');
  if (words.length > 1 && words.at(-1) === '') words[words.length - 1] = '**';
  const parts = words.map((word): Part => (word === '**' && !flat ? 'any-parts' : compilePart(folded(word, options))));
  const last = parts.at(-1);
  const alsoBelow = below && last !== undefined && last !== 'any-parts' && 'only' in last;
  const literal: string[] = [];
  for (const part of parts) {
    // A letter that has two forms may be stored in either.
    if (part === 'any-parts' || !('only' in part) || !isAscii(part.only)) break;
    literal.push(part.only);
  }
  const whole = literal.length === parts.length && !alsoBelow && !ignoreCase;
  return {
    matches: (names) => matchParts(parts, names) || (alsoBelow && matchParts([...parts, 'any-parts'], names)),
    folder: ignoreCase ? '' : literal.join('/'),
    only: whole ? literal.join('/') : undefined,
  };
}

/** `**` stands for as many parts as it must; the last one that was met is the only one that ever has to take more. */
function matchParts(parts: readonly Part[], names: readonly string[]): boolean {
  let at = 0;
  let star = -1;
  let resume = 0;
  for (let index = 0; index < names.length; ) {
    const part = parts[at];
    if (part === 'any-parts') {
      // At the end it stands for what lies below, not for the folder itself.
      if (at === parts.length - 1) return true;
      star = at++;
      resume = index;
    } else if (part !== undefined && matchPart(part, names[index] ?? '')) {
      at++;
      index++;
    } else if (star === -1) return false;
    else {
      at = star + 1;
      index = ++resume;
    }
  }
  return at === parts.length;
}

function matchPart(part: Exclude<Part, 'any-parts'>, name: string): boolean {
  return 'only' in part ? part.only === name : matchTokens(part.tokens, name);
}

function matchTokens(tokens: readonly Token[], name: string): boolean {
  let at = 0;
  let star = -1;
  let resume = 0;
  for (let index = 0; index < name.length; ) {
    const token = tokens[at];
    const code = name.codePointAt(index) ?? 0;
    const width = code > 0xffff ? 2 : 1;
    if (token === 'star') {
      star = at++;
      resume = index;
    } else if (token !== undefined && matchToken(token, code)) {
      at++;
      index += width;
    } else if (star === -1) return false;
    else {
      at = star + 1;
      resume += (name.codePointAt(resume) ?? 0) > 0xffff ? 2 : 1;
      index = resume;
    }
  }
  while (tokens[at] === 'star') at++;
  return at === tokens.length;
}

function matchToken(token: Exclude<Token, 'star'>, code: number): boolean {
  if (token === 'one') return true;
  const character = String.fromCodePoint(code);
  if ('is' in token) return token.is === character;
  const within = token.set.has(character) || token.pairs.some(([first, last]) => code >= first && code <= last);
  return within !== token.negated;
}

/** @param word as written, folded as the names are */
function compilePart(word: string): { only: string } | { tokens: Token[] } {
  const characters = [...word];
  const tokens: Token[] = [];
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at] ?? '';
    const set = character === '[' ? readSet(characters, at) : undefined;
    if (set !== undefined) {
      tokens.push(set.token);
      at = set.end;
    } else if (character === '*') {
      if (tokens.at(-1) !== 'star') tokens.push('star');
    } else if (character === '?') tokens.push('one');
    else if (character === '\\' && at + 1 < characters.length) tokens.push({ is: characters[++at] ?? '' });
    else tokens.push({ is: character });
  }
  const literal = tokens.map((token) => (typeof token === 'object' && 'is' in token ? token.is : undefined));
  return literal.includes(undefined) ? { tokens } : { only: literal.join('') };
}

/** `[a-z_]`; undefined where the bracket is not closed and is a character like others. */
function readSet(characters: readonly string[], start: number): { token: Token; end: number } | undefined {
  const negated = characters[start + 1] === '!' || characters[start + 1] === '^';
  const first = start + (negated ? 2 : 1);
  const end = characters.indexOf(']', first + 1);
  if (end === -1) return undefined;
  const set = new Set<string>();
  const pairs: [number, number][] = [];
  for (let at = first; at < end; at++) {
    const from = characters[at] ?? '';
    const to = characters[at + 2];
    if (characters[at + 1] === '-' && at + 2 < end && to !== undefined) {
      pairs.push([from.codePointAt(0) ?? 0, to.codePointAt(0) ?? 0]);
      at += 2;
    } else set.add(from);
  }
  return { token: { set, negated, pairs }, end };
}

function folded(text: string, { ignoreCase }: GlobOptions): string {
  const composed = isAscii(text) ? text : text.normalize('NFC');
  return ignoreCase ? composed.toLowerCase() : composed;
}

const isAscii = (text: string): boolean => /^[\u0000-\u007f]*$/.test(text);

/** `a{b,c}d` → `abd`, `acd`; inner braces too. A brace without a comma or an end is a character like others. */
function expandBraces(pattern: string): string[] {
  const done: string[] = [];
  const open = [{ text: pattern, from: 0 }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const choice = firstChoice(next.text, next.from);
    if (choice === undefined) done.push(next.text);
    else for (const text of choice.texts.reverse()) open.push({ text, from: choice.from });
    if (done.length + open.length > MOST_ALTERNATIVES)
      throw new IbkError('usage', `A pattern has more than ${MOST_ALTERNATIVES} alternatives.`, {
        hint: 'Use fewer {a,b}, or --regex.',
      });
  }
  return done;
}

function firstChoice(text: string, from: number): { texts: string[]; from: number } | undefined {
  const start = nextBrace(text, from);
  if (start === -1) return undefined;
  const commas: number[] = [];
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === '{') depth++;
    else if (text[at] === ',' && depth === 1) commas.push(at);
    else if (text[at] === '}' && --depth === 0) {
      if (commas.length === 0) return firstChoice(text, start + 1);
      const cuts = [start, ...commas, at];
      const texts = cuts
        .slice(0, -1)
        .map((cut, index) => text.slice(0, start) + text.slice(cut + 1, cuts[index + 1]) + text.slice(at + 1));
      return { texts, from: start };
    }
  }
  return firstChoice(text, start + 1);
}

function nextBrace(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === '{') return at;
  }
  return -1;
}

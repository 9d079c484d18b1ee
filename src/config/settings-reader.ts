/** One setting, read as what it has to be, from where it counts: the flag, else its variable, else the config file. */
import { isAbsolute, join, resolve } from 'node:path';
import { IbkError } from '../errors.js';
import type { FileProblem, FileSettings } from './file.js';
import { findOption, type SharedKey, type SharedOption } from './options.js';
import { parseCount, parseDuration, parseSwitch } from './values.js';

const SHORTEST_LIMIT_MS = 1000;

/** What was typed: text, a list for `udid`, true for a switch. */
export type Flags = Readonly<Partial<Record<SharedKey, string | readonly string[] | boolean>>>;

export interface ReaderSources {
  readonly flags: Flags;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly cwd: string;
}

/** A value with the words that name its place. */
interface Found {
  readonly value: string | readonly string[] | boolean;
  /** `--wait`, `IBK_WAIT`, or `wait` in the file. */
  readonly place: string;
  /** Set when it stands in the file: problems are collected, not thrown. */
  readonly line?: number;
}

export class SettingsReader {
  readonly #sources: ReaderSources;
  readonly #settings: FileSettings;
  readonly #problems: FileProblem[];

  constructor(sources: ReaderSources, settings: FileSettings, problems: FileProblem[]) {
    this.#sources = sources;
    this.#settings = settings;
    this.#problems = problems;
  }

  /** Where the value that counts stands; undefined where there is none. */
  tierOf(key: SharedKey): 'option' | 'variable' | 'file' | undefined {
    const found = this.#find(key);
    if (found === undefined) return undefined;
    if (found.line !== undefined) return 'file';
    return found.place.startsWith('--') ? 'option' : 'variable';
  }

  text(key: SharedKey): string | undefined {
    const found = this.#find(key);
    if (found === undefined) return undefined;
    if (typeof found.value !== 'string' || found.value === '')
      return this.#refuse(found, 'is empty', 'Give it a value.');
    return found.value;
  }

  list(key: SharedKey): readonly string[] {
    const found = this.#find(key);
    if (found === undefined) return [];
    const values = typeof found.value === 'string' ? found.value.split(',') : found.value;
    if (typeof values === 'boolean') return [];
    const kept = values.map((each) => each.trim());
    if (kept.some((each) => each === '')) return this.#refuse(found, 'is empty', 'Give it a value.') ?? [];
    return kept;
  }

  path(key: SharedKey): string | undefined {
    const found = this.#find(key);
    const text = this.text(key);
    if (found === undefined || text === undefined) return undefined;
    const expanded = found.place.startsWith('--') ? text : expandHome(text, this.#sources.home);
    // A root that follows the current folder would make a new, full backup wherever a job happens to start.
    if (found.line !== undefined && !isAbsolute(expanded))
      return this.#refuse(found, 'is a relative path', 'Write it in full, or beginning with ~/');
    return resolve(this.#sources.cwd, expanded);
  }

  duration(key: SharedKey, otherwise: number): number {
    return this.#parse(key, parseDuration, 'is not a duration', 'Such as 90s, 15m, 2h or 3d') ?? otherwise;
  }

  /** A duration in which something must be able to happen: none would fail at once, and is not "no limit" either. */
  limit(key: SharedKey, otherwise: number): number {
    const found = this.#find(key);
    const ms = this.duration(key, otherwise);
    if (found === undefined || ms >= SHORTEST_LIMIT_MS) return ms;
    return this.#refuse(found, 'is too short', 'At least 1s. Nothing waits for ever: the longest is 30d') ?? otherwise;
  }

  count(key: SharedKey, otherwise: number): number {
    return this.#parse(key, parseCount, 'is not a whole number', 'Such as 0 or 3') ?? otherwise;
  }

  switch(key: SharedKey): boolean {
    const found = this.#find(key);
    if (found === undefined) return false;
    if (typeof found.value === 'boolean') return found.value;
    // IBK_DEBUG may name layers (IBK_DEBUG=devicelink): any word but "no" turns it on.
    if (key === 'debug' && typeof found.value === 'string') return parseSwitch(found.value) ?? true;
    return this.#parse(key, parseSwitch, 'is neither yes nor no', '1 or 0') ?? false;
  }

  /** `IBK_DEBUG=devicelink,lockdown`: which layers; a plain "yes" is all of them. */
  debugLayers(): readonly string[] {
    const found = this.#find('debug');
    if (typeof found?.value !== 'string' || parseSwitch(found.value) !== undefined) return [];
    return found.value.split(',').map((layer) => layer.trim());
  }

  choice<Choice extends string>(key: SharedKey, choices: readonly Choice[], otherwise: Choice): Choice {
    const pick = (text: string) => choices.find((choice) => choice === text);
    return this.#parse(key, pick, 'is not known', `One of: ${choices.join(', ')}`) ?? otherwise;
  }

  #parse<T>(key: SharedKey, parser: (text: string) => T | undefined, fault: string, hint: string): T | undefined {
    const found = this.#find(key);
    if (found === undefined || typeof found.value !== 'string') return undefined;
    const parsed = parser(found.value);
    return parsed === undefined ? this.#refuse(found, fault, hint) : parsed;
  }

  #find(key: SharedKey): Found | undefined {
    const typed = this.#sources.flags[key];
    if (typed !== undefined) return { value: typed, place: `--${key}` };
    const option: SharedOption | undefined = findOption(key);
    for (const name of option?.env ?? []) {
      const value = this.#sources.env[name];
      if (value !== undefined && value !== '') return { value, place: name };
    }
    const value = this.#settings.values.get(key);
    return value === undefined ? undefined : { value, place: key, line: this.#settings.lines.get(key) ?? 1 };
  }

  /** Throws for what was typed or exported; notes a problem of the file and goes on with the default. */
  #refuse(found: Found, fault: string, hint: string): undefined {
    const shown = typeof found.value === 'string' && found.value !== '' ? ` "${found.value}"` : '';
    if (found.line === undefined) throw new IbkError('usage', `${found.place}${shown} ${fault}.`, { hint });
    const message = `line ${found.line}: ${found.place}${shown} ${fault}`;
    if (!this.#problems.some((each) => each.message === message)) this.#problems.push({ message, hint });
    return undefined;
  }
}

/** `~/x` as the shell would have it, for values that no shell has seen. */
export function expandHome(path: string, home: string): string {
  if (path === '~') return home;
  return path.startsWith('~/') || path.startsWith('~\\') ? join(home, path.slice(2)) : path;
}

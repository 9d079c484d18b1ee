/**
 * The settings of one run: flags beat the environment, the environment beats the config file, that beats the defaults.
 * Resolved once into a frozen Config. Everything is handed in; nothing here reads the process.
 */
import { readFile } from 'node:fs/promises';
import { isAbsolute, join, resolve } from 'node:path';
import { type FileProblem, type FileSettings, readSettings } from './file.js';
import { findOption, SHARED_OPTIONS, type SharedKey, type SharedOption } from './options.js';
import { parseCount, parseDuration, parseSwitch } from './values.js';
import { IbkError } from '../errors.js';
import { defaultConfigFile, defaultRoot, type PlatformFacts } from './platform-paths.js';

export type ProgressMode = 'auto' | 'bar' | 'plain' | 'json' | 'none';

export interface Config {
  /** As typed: UDID, prefix, name or `all`. Empty: the only device. */
  readonly udids: readonly string[];
  /** Absolute path of the backup root. */
  readonly root: string;
  readonly link: 'any' | 'usb' | 'network';
  readonly usbmuxd: string | undefined;
  readonly waitMs: number;
  readonly timeoutMs: number;
  readonly stallMs: number;
  readonly passcodeMs: number;
  readonly retries: number;
  readonly json: boolean;
  readonly progress: ProgressMode;
  readonly color: 'auto' | 'always' | 'never';
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly debug: boolean;
  /** Layers that `IBK_DEBUG` names; empty: all. */
  readonly debugLayers: readonly string[];
  readonly logFile: string | undefined;
  readonly trace: string | undefined;
  readonly noInput: boolean;
  readonly yes: boolean;
  readonly dryRun: boolean;
  readonly configFile: ConfigFile;
}

export interface ConfigFile {
  readonly path: string;
  readonly exists: boolean;
  /** Keys that it sets; never their values. */
  readonly keys: readonly string[];
  readonly problems: readonly FileProblem[];
}

const SHORTEST_LIMIT_MS = 1000;

/** What was typed: text, a list for `udid`, true for a switch. */
export type Flags = Readonly<Partial<Record<SharedKey, string | readonly string[] | boolean>>>;

export interface ConfigSources extends PlatformFacts {
  readonly flags: Flags;
  readonly cwd: string;
}

/**
 * @throws IbkError `usage` for a flag or variable that cannot be understood, and for a config file that `IBK_CONFIG`
 * names and that cannot be read. Problems inside the file are returned: `doctor` shows them, other commands refuse.
 */
export async function resolveConfig(sources: ConfigSources): Promise<Config> {
  const { configFile, settings } = await loadFile(sources);
  const problems = [...configFile.problems];
  const read = new Reader(sources, settings, problems);
  const link = readLink(read, sources.flags);
  return Object.freeze({
    udids: read.list('udid'),
    root: read.path('root') ?? read.path('out') ?? defaultRoot(sources),
    link,
    usbmuxd: read.text('usbmuxd'),
    waitMs: read.duration('wait', 0),
    timeoutMs: read.limit('timeout', 60_000),
    stallMs: read.limit('stall-timeout', 15 * 60_000),
    passcodeMs: read.limit('passcode-timeout', 5 * 60_000),
    retries: read.count('retries', 0),
    json: read.switch('json'),
    progress: read.choice('progress', ['auto', 'bar', 'plain', 'json', 'none'] as const, 'auto'),
    color: read.choice('color', ['auto', 'always', 'never'] as const, 'auto'),
    quiet: read.switch('quiet'),
    verbose: read.switch('verbose'),
    debug: read.switch('debug'),
    debugLayers: read.debugLayers(),
    logFile: read.path('log-file'),
    trace: read.path('trace'),
    noInput: read.switch('no-input'),
    yes: read.switch('yes'),
    dryRun: read.switch('dry-run'),
    configFile: { ...configFile, problems },
  });
}

/** The error of the file's first problem, if it has one; `path` as it is to be shown. */
export function configFileError({ problems }: ConfigFile, path: string): IbkError | undefined {
  const [first] = problems;
  if (first === undefined) return undefined;
  return new IbkError('usage', `${path}, ${first.message}.`, { hint: first.hint, reason: 'config_file' });
}

async function loadFile(sources: ConfigSources): Promise<{ configFile: ConfigFile; settings: FileSettings }> {
  const named = sources.env.IBK_CONFIG;
  const path = named ? resolve(sources.cwd, expandHome(named, sources.home)) : defaultConfigFile(sources);
  let toml = '';
  let exists = true;
  try {
    toml = await readFile(path, 'utf8');
  } catch (error) {
    exists = false;
    const missing = error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
    if (named || !missing) {
      throw new IbkError('usage', `The config file ${path} cannot be read.`, {
        hint: named ? 'Correct IBK_CONFIG, or unset it.' : 'Check its permissions.',
        cause: error,
      });
    }
  }
  const settings = readSettings(toml);
  const keys = [...settings.values.keys()];
  return { configFile: { path, exists, keys, problems: settings.problems }, settings };
}

function readLink(read: Reader, flags: Flags): Config['link'] {
  if (flags.usb && flags.network) return 'any';
  if (flags.usb) return 'usb';
  if (flags.network) return 'network';
  return read.choice('transport', ['any', 'usb', 'network'] as const, 'any');
}

/** A value with the words that name its place. */
interface Found {
  readonly value: string | readonly string[] | boolean;
  /** `--wait`, `IBK_WAIT`, or `wait` in the file. */
  readonly place: string;
  /** Set when it stands in the file: problems are collected, not thrown. */
  readonly line?: number;
}

class Reader {
  readonly #sources: ConfigSources;
  readonly #settings: FileSettings;
  readonly #problems: FileProblem[];

  constructor(sources: ConfigSources, settings: FileSettings, problems: FileProblem[]) {
    this.#sources = sources;
    this.#settings = settings;
    this.#problems = problems;
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

function expandHome(path: string, home: string): string {
  if (path === '~') return home;
  return path.startsWith('~/') || path.startsWith('~\\') ? join(home, path.slice(2)) : path;
}

/** For the code that registers flags; kept here so that nothing else walks the table. */
export const sharedOptions: readonly SharedOption[] = SHARED_OPTIONS;

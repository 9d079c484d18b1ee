/**
 * The settings of one run: flags beat the environment, the environment beats the config file, that beats the defaults.
 * Resolved once into a frozen Config. Everything is handed in; nothing here reads the process.
 */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { FileProblem, FileSettings } from './file.js';
import { type BackupFileSettings, NO_BACKUP_SETTINGS, rootOfDevice } from './backup-settings.js';
import { NO_RETENTION, type RetentionSettings } from './retention.js';
import { SHARED_OPTIONS, type SharedOption } from './options.js';
import { type PasswordSource, readNewPasswordSource, readPasswordSource } from './password.js';
import { IbkError } from '../errors.js';
import { defaultConfigFile, defaultRoot, type PlatformFacts } from './platform-paths.js';
import { expandHome, type Flags, SettingsReader } from './settings-reader.js';

export type { Flags } from './settings-reader.js';

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
  readonly durability: 'full' | 'relaxed' | 'none';
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
  /** Undefined: a person is asked. */
  readonly password: PasswordSource | undefined;
  /** Into the keychain, once it has proved to be right. */
  readonly savePassword: boolean;
  /** Of a password that is to be set. */
  readonly newPassword: PasswordSource | undefined;
  readonly noInput: boolean;
  readonly yes: boolean;
  readonly dryRun: boolean;
  readonly retention: RetentionSettings;
  /** What the config file says of backups beside the shared options. */
  readonly backup: BackupFileSettings;
  /** Absolute roots of devices that have one of their own, by name or UDID; none where a root was typed or exported. */
  readonly deviceRoots: BackupFileSettings['roots'];
  readonly configFile: ConfigFile;
}

export interface ConfigFile {
  readonly path: string;
  readonly exists: boolean;
  /** Keys that it sets; never their values. */
  readonly keys: readonly string[];
  readonly problems: readonly FileProblem[];
}

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
  const read = new SettingsReader(sources, settings, problems);
  const link = readLink(read, sources.flags);
  const udids = read.list('udid');
  const tier = read.tierOf('root') ?? read.tierOf('out');
  const isChosen = tier === 'option' || tier === 'variable';
  const roots = [...settings.backup.roots].map(
    ([name, root]) => [name, resolve(expandHome(root, sources.home))] as const,
  );
  const deviceRoots = new Map(isChosen ? [] : roots);
  const [udid, ...others] = udids;
  const ownRoot = udid === undefined || others.length > 0 ? undefined : rootOfDevice(deviceRoots, { udid, name: udid });
  return Object.freeze({
    udids,
    root: ownRoot ?? read.path('root') ?? read.path('out') ?? defaultRoot(sources),
    deviceRoots,
    link,
    usbmuxd: read.text('usbmuxd'),
    waitMs: read.duration('wait', 0),
    timeoutMs: read.limit('timeout', 60_000),
    stallMs: read.limit('stall-timeout', 15 * 60_000),
    passcodeMs: read.limit('passcode-timeout', 5 * 60_000),
    retries: read.count('retries', 0),
    durability: read.choice('durability', ['full', 'relaxed', 'none'] as const, 'full'),
    json: read.switch('json'),
    progress: read.choice('progress', ['auto', 'bar', 'plain', 'json', 'none'] as const, 'auto'),
    color: read.choice('color', ['auto', 'always', 'never'] as const, 'auto'),
    quiet: read.switch('quiet'),
    verbose: read.switch('verbose'),
    debug: read.switch('debug'),
    debugLayers: read.debugLayers(),
    logFile: read.path('log-file'),
    trace: read.path('trace'),
    password: readPasswordSource(read, sources.env),
    savePassword: read.switch('save-password'),
    newPassword: readNewPasswordSource(read, sources.env),
    noInput: read.switch('no-input'),
    yes: read.switch('yes'),
    dryRun: read.switch('dry-run'),
    retention: settings.retention,
    backup: settings.backup,
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
  // No file is the common case, and TOML has a parser to load.
  const settings: FileSettings = exists
    ? (await import('./file.js')).readSettings(toml)
    : { values: new Map(), lines: new Map(), problems: [], retention: NO_RETENTION, backup: NO_BACKUP_SETTINGS };
  const keys = [...settings.values.keys()];
  return { configFile: { path, exists, keys, problems: settings.problems }, settings };
}

function readLink(read: SettingsReader, flags: Flags): Config['link'] {
  if (flags.usb && flags.network) return 'any';
  if (flags.usb) return 'usb';
  if (flags.network) return 'network';
  return read.choice('transport', ['any', 'usb', 'network'] as const, 'any');
}

/** For the code that registers flags; kept here so that nothing else walks the table. */
export const sharedOptions: readonly SharedOption[] = SHARED_OPTIONS;

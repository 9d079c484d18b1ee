/**
 * The config file: TOML, one key for each shared option. A key or value that is not understood is an error with its line and
 * the name that was probably meant, since a backup that silently ignores a setting is worse than one that does not start.
 */
import { parse, TomlError } from 'smol-toml';
import { BACKUP_KEYS, type BackupFileSettings, NO_BACKUP_SETTINGS, readBackupSettings } from './backup-settings.js';
import { findOption, SHARED_OPTIONS, type SharedOption } from './options.js';
import { nearest } from '../nearest.js';
import { NO_RETENTION, readRetention, RETENTION_KEYS, type RetentionSettings } from './retention.js';

export interface FileProblem {
  /** `line 7: unknown "keep-dayly"` */
  readonly message: string;
  /** What was probably meant, or what is allowed. */
  readonly hint: string;
}

export interface FileSettings {
  /** Values as text, or lists of text, as if they had been typed. */
  readonly values: ReadonlyMap<string, string | readonly string[]>;
  readonly lines: ReadonlyMap<string, number>;
  readonly problems: readonly FileProblem[];
  /** What is kept of each device. */
  readonly retention: RetentionSettings;
  /** Hooks, conditions and places of backups. */
  readonly backup: BackupFileSettings;
}

const KEYS: readonly string[] = [
  ...SHARED_OPTIONS.filter(({ inFile }) => inFile).map(({ key }) => key),
  ...RETENTION_KEYS,
  ...BACKUP_KEYS,
];

export function readSettings(toml: string): FileSettings {
  const values = new Map<string, string | readonly string[]>();
  const lines = new Map<string, number>();
  const problems: FileProblem[] = [];
  let table: Record<string, unknown>;
  try {
    table = parse(toml);
  } catch (error) {
    return { values, lines, problems: [syntaxProblem(error)], retention: NO_RETENTION, backup: NO_BACKUP_SETTINGS };
  }
  const retention = readRetention(table, (key) => lineOf(key, toml), problems);
  const backup = readBackupSettings(table, (key) => lineOf(key, toml), problems);
  for (const [key, value] of Object.entries(table)) {
    if (key === 'device' || RETENTION_KEYS.includes(key) || BACKUP_KEYS.includes(key)) continue;
    const line = lineOf(key, toml);
    lines.set(key, line);
    const option = findOption(key);
    if (option === undefined || !option.inFile) {
      problems.push({
        message: `line ${line}: unknown "${key}"`,
        hint: nearest(key, KEYS) ?? `known: ${KEYS.join(', ')}`,
      });
      continue;
    }
    const text = asTyped(value, option);
    if (text === undefined) problems.push({ message: `line ${line}: ${key} has the wrong type`, hint: wanted(option) });
    else values.set(key, text);
  }
  return { values, lines, problems, retention, backup };
}

function syntaxProblem(error: unknown): FileProblem {
  if (!(error instanceof TomlError)) return { message: 'cannot be read as TOML', hint: 'see toml.io for its rules' };
  const reason = /Invalid TOML document: ([^\n]*)/.exec(error.message)?.[1] ?? 'not TOML';
  return { message: `line ${error.line}: ${reason}`, hint: 'see toml.io for its rules' };
}

/** The first line that sets the key, 1-based; 1 if it cannot be told (an inline table, say). */
function lineOf(key: string, toml: string): number {
  const name = key.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const setting = new RegExp(`^\\s*\\[*\\s*["']?${name}["']?\\s*[=.\\]]`);
  return toml.split('\n').findIndex((line) => setting.test(line)) + 1 || 1;
}

function asTyped(value: unknown, option: SharedOption): string | readonly string[] | undefined {
  switch (option.kind) {
    case 'switch':
      return typeof value === 'boolean' ? String(value) : undefined;
    case 'count':
      return typeof value === 'number' || typeof value === 'bigint' ? String(value) : undefined;
    case 'list':
      if (typeof value === 'string') return [value];
      return Array.isArray(value) && value.every((each) => typeof each === 'string') ? value : undefined;
    default:
      return typeof value === 'string' ? value : undefined;
  }
}

function wanted({ key, kind, choices }: SharedOption): string {
  if (kind === 'switch') return `${key} = true`;
  if (kind === 'count') return `${key} = 2`;
  if (kind === 'list') return `${key} = ["…", "…"]`;
  if (kind === 'duration') return `${key} = "15m"`;
  return `${key} = "${choices?.[0] ?? '…'}"`;
}

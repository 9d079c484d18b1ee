/** How a command presents itself to the command line. Parsing and help stand here; the work is in `run`. */
import type { Command } from 'commander';
import { Option } from 'commander';
import { type Flags, sharedOptions } from '../config/config.js';
import type { ErrorCode } from '../errors.js';
import type { SharedKey } from '../config/options.js';
import type { CommandHelp, HelpRow } from '../ui/help.js';
import type { Session } from './session.js';

/** Options of the command itself, as commander gives them. */
export type OwnOptions = Readonly<Record<string, string | readonly string[] | boolean | undefined>>;

/** What every command that talks to a chosen device can end with. */
export const DEVICE_CODES: readonly ErrorCode[] = [
  'no_device',
  'ambiguous_device',
  'not_paired',
  'device_locked',
  'connection_lost',
  'device_error',
  'timeout',
  'usbmuxd',
  'interrupted',
];

/** Of the commands that idevicebackup2 leaves to the phone. */
export const DEVICE_SIDE_ROW: HelpRow = {
  flags: '--device-side',
  words: 'have the connected iPhone read BACKUP (old iOS only)',
};

/** What every command that reads a whole backup can end with. */
export const BACKUP_CODES: readonly ErrorCode[] = [
  'not_found',
  'in_use',
  'password',
  'damaged',
  'destination',
  'incompatible',
  'unsafe',
  'ambiguous_device',
  'interrupted',
];

/** What every command that changes the store alone can end with. */
export const STORE_CODES: readonly ErrorCode[] = BACKUP_CODES.filter((code) => code !== 'password');

export interface CommandSpec {
  readonly help: CommandHelp;
  /** The command's own options: `--full`, `--bundle <FILE>`. */
  readonly options: readonly string[];
  /** Options that may be given several times; their values come as a list. */
  readonly repeatable?: readonly string[];
  /** How many words it takes besides options: a BACKUP, for one. */
  readonly mostArguments?: number;
  readonly aliases?: readonly string[];
  /** All that follows its name is its own: another program's command line. */
  readonly passThrough?: boolean;
  /** `doctor` goes on when the config file has problems, and shows them. */
  readonly toleratesConfigProblems?: boolean;
  /** @returns the exit status. Failures are thrown. */
  run(session: Session, options: OwnOptions, words: readonly string[]): Promise<number>;
}

/** Adds the options that all commands share. Hidden from commander's own help, which nobody sees. */
export function addSharedOptions(command: Command): void {
  for (const { key, short, placeholder, kind } of sharedOptions) {
    if (placeholder === undefined && kind !== 'switch') continue;
    const flags = `${short === undefined ? '' : `-${short}, `}--${key}${placeholder === undefined ? '' : ` <${placeholder}>`}`;
    command.addOption(kind === 'list' ? repeatableOption(flags) : new Option(flags));
  }
}

/** `--domain <D>`, as often as it is wanted. */
export function repeatableOption(flags: string): Option {
  return new Option(flags).argParser((value: string, previous: string[] = []) => [...previous, value]);
}

/** The shared options that were typed, before the command and after it. A list is joined; else the later one counts. */
export function typedFlags(before: Command, after: Command): Flags {
  const flags: Partial<Record<SharedKey, string | readonly string[] | boolean>> = {};
  for (const command of before === after ? [before] : [before, after]) {
    for (const [key, value] of typedOn(command)) {
      const earlier = flags[key];
      flags[key] = Array.isArray(earlier) && Array.isArray(value) ? [...earlier, ...value] : value;
    }
  }
  return flags;
}

function typedOn(command: Command): [SharedKey, string | readonly string[] | boolean][] {
  const keys = new Set<string>(sharedOptions.map(({ key }) => key));
  return command.options.flatMap((option) => {
    const key = option.long?.slice(2) ?? '';
    const name = option.attributeName();
    if (!keys.has(key) || command.getOptionValueSource(name) !== 'cli') return [];
    // Commander reads --no-input as "input is false".
    const value: unknown = option.negate ? true : command.getOptionValue(name);
    return isFlagValue(value) ? [[key as SharedKey, value] as [SharedKey, typeof value]] : [];
  });
}

function isFlagValue(value: unknown): value is string | readonly string[] | boolean {
  return typeof value === 'string' || typeof value === 'boolean' || Array.isArray(value);
}

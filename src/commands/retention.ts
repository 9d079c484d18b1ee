/** `--keep-daily 7` and its like, for the commands that forget; what was typed counts alone, else the config file's. */
import { RETENTION_KEYS } from '../config/retention.js';
import type { ListedBackup } from '../operations/results.js';
import { nameKey } from '../operations/device-names.js';
import { retentionPolicy, type RetentionPolicy } from '../operations/retention/policy.js';
import { udidKey } from '../protocol/usbmux/udid.js';
import type { HelpRow } from '../ui/help.js';
import type { OwnOptions } from './command.js';
import type { Session } from './session.js';

export const RETENTION_OPTIONS: readonly string[] = RETENTION_KEYS.filter((key) => key !== 'keep-tag').map(
  (key) => `--${key} <${key === 'keep-within' ? 'D' : 'N'}>`,
);
export const REPEATABLE_RETENTION_OPTIONS: readonly string[] = ['--keep-tag <T>'];

export const RETENTION_ROWS: readonly HelpRow[] = [
  { flags: '--keep-last N', words: 'keep the newest N' },
  { flags: '--keep-hourly N, -daily, -weekly', words: 'the newest of each of the last N' },
  { flags: '--keep-monthly N, -yearly', words: 'the same; N may be "unlimited"' },
  { flags: '--keep-within D', words: 'all so young: 30d, 8w, 1y6m (m: months)' },
  { flags: '--keep-tag T', words: 'all with this tag; repeat' },
];

/** Undefined: no rule was typed. @throws IbkError `usage` */
export function typedPolicy(options: OwnOptions): RetentionPolicy | undefined {
  const typed = new Map<string, string | readonly string[]>();
  for (const key of RETENTION_KEYS) {
    const value = options[key.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase())];
    if (value !== undefined && typeof value !== 'boolean') typed.set(key, value);
  }
  return retentionPolicy(typed);
}

/** What the config file says of a device: its own table, else what stands there for all. */
export function configuredPolicy(
  { config: { retention } }: Session,
  { udid, name }: Pick<ListedBackup, 'udid' | 'name'>,
): RetentionPolicy | undefined {
  for (const [device, values] of retention.devices)
    if (udidKey(device) === udidKey(udid) || nameKey(device) === nameKey(name)) return retentionPolicy(values);
  return retentionPolicy(retention.all);
}

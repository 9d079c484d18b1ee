/** The conditions of a backup, as typed or from the config file; and what is told of a device that has a young backup already. */
import { rootOfDevice } from '../config/backup-settings.js';
import { parseAge } from '../config/values.js';
import { ERROR_CATALOG, IbkError } from '../errors.js';
import { formatAgo, formatUtc } from '../figures.js';
import type { YoungBackup } from '../operations/backup-due.js';
import type { SelectedDevice } from '../operations/select-device.js';
import { jsonLine } from '../ui/ndjson.js';
import { printable } from '../ui/text.js';
import type { OwnOptions } from './command.js';
import { HOOK_NAMES, type Hooks } from './hooks.js';
import type { Session } from './session.js';

export interface BackupConditions {
  readonly requireEncrypted: boolean;
  readonly requireMount: boolean;
  /** Milliseconds; undefined: every device is due. */
  readonly ifOlderThan: number | undefined;
  readonly failOnSkip: boolean;
  readonly hooks: Hooks;
  /** Where a device is backed up to. */
  readonly rootOf: (device: Pick<SelectedDevice, 'udid' | 'name'>) => string;
}

/** An option beats the file. @throws IbkError `usage` */
export function readConditions({ config }: Session, options: OwnOptions): BackupConditions {
  const { texts, switches } = config.backup;
  const typed = (key: string) => options[key.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase())];
  const text = (key: string) => {
    const value = typed(key);
    return typeof value === 'string' ? value : texts.get(key);
  };
  const isOn = (key: string) => typed(key) === true || switches.get(key) === true;
  const age = text('if-older-than');
  const ifOlderThan = age === undefined ? undefined : parseAge(age);
  if (age !== undefined && (ifOlderThan === undefined || ifOlderThan === 0))
    throw new IbkError('usage', `--if-older-than "${age}" is not a duration.`, { hint: 'Such as 20h or 3d' });
  return {
    requireEncrypted: isOn('require-encrypted'),
    requireMount: isOn('require-mount'),
    ifOlderThan,
    failOnSkip: isOn('fail-on-skip'),
    hooks: Object.fromEntries(HOOK_NAMES.flatMap((name) => (text(name) === undefined ? [] : [[name, text(name)]]))),
    rootOf: (device) => rootOfDevice(config.deviceRoots, device) ?? config.root,
  };
}

/** @returns what becomes of it in the sum of all devices */
export function tellSkipped(
  { config, terminal, clock }: Session,
  { device, madeAt, ageMs }: YoungBackup,
  failOnSkip: boolean,
): { readonly udid: string; readonly code: 'ok' | 'condition'; readonly exit: number } {
  const { out, err } = terminal;
  const { udid, name } = device;
  if (config.json) {
    const time = formatUtc(new Date(clock.now()));
    const age = Math.floor(ageMs / 1000);
    out.write(jsonLine({ v: 1, type: 'skipped', time, udid, name, last_backup: formatUtc(madeAt), age_seconds: age }));
  } else if (!config.quiet || failOnSkip) {
    const words = `${err.glyphs.unknown} ${printable(name)} skipped: its newest backup is young enough, made ${formatAgo(madeAt, clock.now())}`;
    err.line(failOnSkip ? err.style.attention(words) : words);
  }
  return failOnSkip ? { udid, code: 'condition', exit: ERROR_CATALOG.condition.exit } : { udid, code: 'ok', exit: 0 };
}

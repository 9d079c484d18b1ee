/**
 * What the config file says of backups beside the shared options: hooks and conditions for all devices, and where one of them is kept:
 *
 *   on-failure = "mail -s \"$IBK_DEVICE\" me </dev/null"
 *   require-mount = true
 *   [device."Anna's iPhone"]
 *   out = "/mnt/photos/backups"
 */
import { isAbsolute } from 'node:path';
import type { FileProblem } from './file.js';
import { expandHome } from './settings-reader.js';

const TEXTS = ['before', 'after', 'on-success', 'on-failure', 'if-older-than'] as const;
const SWITCHES = ['require-mount', 'require-encrypted', 'fail-on-skip'] as const;

export const BACKUP_KEYS: readonly string[] = [...TEXTS, ...SWITCHES];
/** In the table of a device. */
export const DEVICE_KEYS: readonly string[] = ['out'];

export interface BackupFileSettings {
  readonly texts: ReadonlyMap<string, string>;
  readonly switches: ReadonlyMap<string, boolean>;
  /** Roots by UDID or name, as it was written; `~` is not expanded yet. */
  readonly roots: ReadonlyMap<string, string>;
}

export const NO_BACKUP_SETTINGS: BackupFileSettings = { texts: new Map(), switches: new Map(), roots: new Map() };

/** @param lineOf where a key stands, for what is wrong with it */
export function readBackupSettings(
  table: Readonly<Record<string, unknown>>,
  lineOf: (key: string) => number,
  problems: FileProblem[],
): BackupFileSettings {
  const texts = new Map<string, string>();
  const switches = new Map<string, boolean>();
  for (const [key, value] of Object.entries(table)) {
    if (!BACKUP_KEYS.includes(key)) continue;
    const isSwitch = SWITCHES.some((each) => each === key);
    if (isSwitch && typeof value === 'boolean') switches.set(key, value);
    else if (!isSwitch && typeof value === 'string' && value !== '') texts.set(key, value);
    else
      problems.push({
        message: `line ${lineOf(key)}: ${key} has the wrong type`,
        hint: isSwitch ? `${key} = true` : `${key} = "…"`,
      });
  }
  return { texts, switches, roots: rootsIn(table['device'], lineOf, problems) };
}

function rootsIn(
  tables: unknown,
  lineOf: (key: string) => number,
  problems: FileProblem[],
): BackupFileSettings['roots'] {
  const roots = new Map<string, string>();
  if (typeof tables !== 'object' || tables === null) return roots;
  for (const [name, own] of Object.entries(tables)) {
    if (typeof own !== 'object' || own === null || !('out' in own)) continue;
    const { out } = own;
    // A root that follows the current folder would make a new, full backup wherever a job happens to start.
    if (typeof out === 'string' && isAbsolute(expandHome(out, '/'))) roots.set(name, out);
    else
      problems.push({
        message: `line ${lineOf('out')}: out of device "${name}" is no absolute path`,
        hint: 'Write it in full, or beginning with ~/',
      });
  }
  return roots;
}

/** For comparing a device's name or UDID with what was written: case, dashes of a UDID and the kind of apostrophe do not matter. */
function deviceKey(text: string): string {
  const plain = text
    .normalize('NFC')
    .replace(/[‘’ʼ＇]/g, "'")
    .trim()
    .toLowerCase();
  return /^[0-9a-f-]{24,40}$/.test(plain) ? plain.replaceAll('-', '') : plain;
}

/** The root that the file has for a device; undefined: the one for all. */
export function rootOfDevice(
  roots: BackupFileSettings['roots'],
  device: { readonly udid: string; readonly name: string },
): string | undefined {
  const keys = [deviceKey(device.udid), deviceKey(device.name)];
  for (const [name, root] of roots) if (keys.includes(deviceKey(name))) return root;
  return undefined;
}

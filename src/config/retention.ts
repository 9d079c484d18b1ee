/**
 * What is kept, in the config file: `keep-daily = 7` for all devices, and for one of them in a table of its own, which then counts alone:
 *
 *   [device."Anna's iPhone"]
 *   keep-last = 30
 */
import { DEVICE_KEYS } from './backup-settings.js';
import type { FileProblem } from './file.js';
import { nearest } from '../nearest.js';

export const RETENTION_KEYS: readonly string[] = [
  'keep-last',
  'keep-hourly',
  'keep-daily',
  'keep-weekly',
  'keep-monthly',
  'keep-yearly',
  'keep-within',
  'keep-tag',
];

export type RetentionValues = ReadonlyMap<string, string | readonly string[]>;

export interface RetentionSettings {
  readonly all: RetentionValues;
  /** By UDID or name, as it was written. */
  readonly devices: ReadonlyMap<string, RetentionValues>;
}

export const NO_RETENTION: RetentionSettings = { all: new Map(), devices: new Map() };

/** @param lineOf where a key stands, for what is wrong with it */
export function readRetention(
  table: Readonly<Record<string, unknown>>,
  lineOf: (key: string) => number,
  problems: FileProblem[],
): RetentionSettings {
  const all = valuesIn(table, lineOf, problems, false);
  const devices = new Map<string, RetentionValues>();
  const tables = table['device'];
  if (tables === undefined) return { all, devices };
  if (!isTable(tables)) {
    problems.push({ message: `line ${lineOf('device')}: device has the wrong type`, hint: `[device."NAME or UDID"]` });
    return { all, devices };
  }
  for (const [name, own] of Object.entries(tables)) {
    if (isTable(own)) devices.set(name, valuesIn(own, lineOf, problems, true));
    else problems.push({ message: `line ${lineOf('device')}: device has the wrong type`, hint: `[device."${name}"]` });
  }
  return { all, devices };
}

function valuesIn(
  table: Readonly<Record<string, unknown>>,
  lineOf: (key: string) => number,
  problems: FileProblem[],
  only: boolean,
): RetentionValues {
  const values = new Map<string, string | readonly string[]>();
  for (const [key, value] of Object.entries(table)) {
    if (!RETENTION_KEYS.includes(key)) {
      if (only && !DEVICE_KEYS.includes(key))
        problems.push({
          message: `line ${lineOf(key)}: unknown "${key}"`,
          hint:
            nearest(key, [...DEVICE_KEYS, ...RETENTION_KEYS]) ??
            `known: ${[...DEVICE_KEYS, ...RETENTION_KEYS].join(', ')}`,
        });
      continue;
    }
    const text = asTyped(key, value);
    if (text === undefined)
      problems.push({ message: `line ${lineOf(key)}: ${key} has the wrong type`, hint: wanted(key) });
    else values.set(key, text);
  }
  return values;
}

function asTyped(key: string, value: unknown): string | readonly string[] | undefined {
  if (key === 'keep-tag') {
    if (typeof value === 'string') return [value];
    return Array.isArray(value) && value.every((each) => typeof each === 'string') ? value : undefined;
  }
  if (key === 'keep-within') return typeof value === 'string' && /^(\d+[ymwdh])+$/.test(value) ? value : undefined;
  const isCount = (typeof value === 'number' && Number.isInteger(value) && value >= 0) || typeof value === 'bigint';
  return isCount || value === 'unlimited' ? String(value) : undefined;
}

function wanted(key: string): string {
  if (key === 'keep-tag') return `${key} = ["…", "…"]`;
  return key === 'keep-within' ? `${key} = "30d"` : `${key} = 7`;
}

const isTable = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);

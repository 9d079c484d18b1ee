/** Checked readers: a field of the wrong type is an error that names the field, never a cast. */
import { IbkError } from '../errors.js';
import { isPlistDict, type PlistDict, PlistReal, type PlistValue } from './value.js';

function wrong(what: string, expected: string): IbkError {
  return new IbkError('device_error', `${what} is not ${expected}.`, { reason: 'protocol' });
}

/** @throws IbkError `device_error` naming `what`. The same holds for all readers here. */
export function asDict(value: PlistValue | undefined, what: string): PlistDict {
  if (!isPlistDict(value)) throw wrong(what, 'a dictionary');
  return value;
}

export function asArray(value: PlistValue | undefined, what: string): PlistValue[] {
  if (!Array.isArray(value)) throw wrong(what, 'an array');
  return value;
}

export function asString(value: PlistValue | undefined, what: string): string {
  if (typeof value !== 'string') throw wrong(what, 'a string');
  return value;
}

export function asData(value: PlistValue | undefined, what: string): Buffer {
  if (!Buffer.isBuffer(value)) throw wrong(what, 'data');
  return value;
}

/** An integer that a number holds exactly. */
export function asInteger(value: PlistValue | undefined, what: string): number {
  const number = typeof value === 'bigint' ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isSafeInteger(number)) throw wrong(what, 'an integer');
  return number;
}

/** An integer or a real, as a number. */
export function asNumber(value: PlistValue | undefined, what: string): number {
  if (value instanceof PlistReal) return value.value;
  if (typeof value === 'bigint') return Number(value);
  if (typeof value !== 'number') throw wrong(what, 'a number');
  return value;
}

export function asBoolean(value: PlistValue | undefined, what: string): boolean {
  if (typeof value !== 'boolean') throw wrong(what, 'a boolean');
  return value;
}

/** Own property of a dictionary, or undefined; never something inherited. */
export function field(dict: PlistDict, key: string): PlistValue | undefined {
  return Object.hasOwn(dict, key) ? dict[key] : undefined;
}

/** The string at `key`, or undefined when it is absent or of another type: for facts that may be missing. */
export function optionalString(dict: PlistDict, key: string): string | undefined {
  const value = field(dict, key);
  return typeof value === 'string' ? value : undefined;
}

export function optionalBoolean(dict: PlistDict, key: string): boolean | undefined {
  const value = field(dict, key);
  return typeof value === 'boolean' ? value : undefined;
}

export function optionalDict(dict: PlistDict, key: string): PlistDict | undefined {
  const value = field(dict, key);
  return isPlistDict(value) ? value : undefined;
}

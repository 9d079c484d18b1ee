/** Fields of what a store records, checked one by one: whatever lies there, each is what its name says, or the record is damaged. */
import { IbkError } from '../../errors.js';

export function object(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw bad(`${what} is not an object`);
  return value as Record<string, unknown>;
}

export function array(value: unknown, what: string): unknown[] {
  if (!Array.isArray(value)) throw bad(`${what} is not an array`);
  return value;
}

export function count(value: unknown, what: string): number {
  const number = finite(value, what);
  if (!Number.isSafeInteger(number)) throw bad(`${what} is not a whole number`);
  return number;
}

/** Milliseconds since 1970 that a date can be made of. */
export function time(value: unknown, what: string): number {
  const ms = finite(value, what);
  if (Number.isNaN(new Date(ms).getTime())) throw bad(`${what} is not a time`);
  return ms;
}

/** Some file systems have inodes beyond what is exact in a number. */
export function finite(value: unknown, what: string): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw bad(`${what} is not a number`);
  return value;
}

export function sha256(value: unknown): string {
  if (typeof value !== 'string' || !/^[0-9a-f]{64}$/.test(value)) throw bad('a checksum is not one');
  return value;
}

export function bad(why: string): IbkError {
  return new IbkError('damaged', `The store's own records are damaged: ${why}.`, {
    reason: 'store_record',
    hint: 'ibk doctor',
  });
}

export function newer(what: string): IbkError {
  return new IbkError('incompatible', `A newer ibk wrote ${what} of this store.`, {
    reason: 'store_format',
    hint: 'Use the newer ibk, or update this one.',
    meaning: 'Nothing was touched.',
  });
}

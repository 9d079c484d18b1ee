/** Byte counts as people write them: `500`, `64K`, `50M`, `2G`, `1T` (powers of 1024). */
import { IbkError } from '../../errors.js';

const UNITS = ['', 'K', 'M', 'G', 'T'] as const;

/** @throws IbkError `usage` naming `what` */
export function parseByteCount(text: string, what: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?$/i.exec(text.trim());
  const unit = UNITS.findIndex((u) => u === (match?.[2] ?? '').toUpperCase());
  const count = Math.round(Number(match?.[1]) * 1024 ** unit);
  if (match === null || !Number.isSafeInteger(count)) {
    throw new IbkError('usage', `${what} cannot be "${text}".`, {
      hint: 'Write a number of bytes, such as 500K, 50M or 2G.',
    });
  }
  return count;
}

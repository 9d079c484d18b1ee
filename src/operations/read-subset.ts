/** A part of the files to be read: the same files whoever asks, so that parts add up to the whole. */
import { createHash } from 'node:crypto';

export interface ReadSubset {
  /** As it was typed. */
  readonly words: string;
  /** Does the file of this path in the backup folder belong to it? */
  readonly has: (path: string) => boolean;
}

/**
 * `1/7`: the first of seven parts that are always the same; `10%`: about so many files, others each day (UTC), so that daily runs see all in time.
 * Undefined: neither.
 */
export function parseReadSubset(words: string, now: Date): ReadSubset | undefined {
  const [, part, parts] = /^(\d{1,6})\/(\d{1,6})$/.exec(words) ?? [];
  if (part !== undefined && parts !== undefined) {
    const [index, count] = [Number(part), Number(parts)];
    if (index < 1 || index > count) return undefined;
    return { words, has: (path) => numberOf('', path) % count === index - 1 };
  }
  const percent = Number(/^(\d{1,3}(?:\.\d{1,6})?)%$/.exec(words)?.[1]);
  if (!(percent > 0 && percent <= 100)) return undefined;
  const day = now.toISOString().slice(0, 10);
  return { words, has: (path) => numberOf(day, path) < (percent / 100) * 2 ** 32 };
}

/** Evenly spread over 0 to 2^32 - 1. */
function numberOf(seed: string, path: string): number {
  return createHash('sha256').update(`${seed}\0${path}`).digest().readUInt32BE(0);
}

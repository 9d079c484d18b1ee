/** The values that people type: durations, sizes, switches, counts. Each parser returns undefined for what it cannot read. */

const SECONDS = { s: 1, m: 60, h: 3600, d: 86_400 } as const;
const DAY_MS = 86_400_000;
const LONGEST_MS = 30 * DAY_MS;

/** `3d`, `12h`, `400d`: how old something may be. @returns milliseconds, at most 100 years */
export function parseAge(text: string): number | undefined {
  return parseDuration(text, 36_525 * DAY_MS);
}

/** `90s`, `15m`, `2h`, `3d`, `1h30m`; `0` is none. A bare number has no unit and is refused. @returns milliseconds, at most 30 days */
export function parseDuration(text: string, longestMs = LONGEST_MS): number | undefined {
  const trimmed = text.trim();
  if (trimmed === '0') return 0;
  if (!/^(\d+(\.\d+)?[smhd])+$/.test(trimmed)) return undefined;
  let total = 0;
  for (const [, digits = '', unit = ''] of trimmed.matchAll(/(\d+(?:\.\d+)?)([smhd])/g)) {
    total += Number(digits) * SECONDS[unit as keyof typeof SECONDS] * 1000;
  }
  return total <= longestMs ? total : undefined;
}

const SIZES: Readonly<Record<string, number>> = {
  '': 1,
  k: 1e3,
  m: 1e6,
  g: 1e9,
  t: 1e12,
  ki: 1024,
  mi: 1024 ** 2,
  gi: 1024 ** 3,
  ti: 1024 ** 4,
};

/** `500`, `50M` and `50MB` (decimal), `50MiB` (binary). @returns bytes */
export function parseSize(text: string): number | undefined {
  const [, digits, unit] = /^(\d+(?:\.\d+)?)\s*([kmgt]i?|)b?$/i.exec(text.trim()) ?? [];
  if (digits === undefined || unit === undefined) return undefined;
  const bytes = Math.round(Number(digits) * (SIZES[unit.toLowerCase()] ?? Number.NaN));
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

export interface SizeRange {
  /** Both inclusive, in bytes. */
  readonly least: number;
  readonly most: number;
}

/** `+10M` (that or more), `-1k` (that or less), `1M..10M`, `500` (exactly). */
export function parseSizeRange(text: string): SizeRange | undefined {
  const [first = '', last, ...more] = text.trim().split('..');
  const sign = /^[+-]/.exec(first)?.[0];
  const size = parseSize(sign === undefined ? first : first.slice(1));
  if (size === undefined || more.length > 0) return undefined;
  if (last !== undefined) {
    const most = parseSize(last);
    return sign !== undefined || most === undefined || most < size ? undefined : { least: size, most };
  }
  if (sign === '+') return { least: size, most: Number.MAX_SAFE_INTEGER };
  return { least: sign === '-' ? 0 : size, most: size };
}

/** `1 true yes on` and `0 false no off`, in any case. */
export function parseSwitch(text: string): boolean | undefined {
  if (/^(1|true|yes|on)$/i.test(text)) return true;
  if (/^(0|false|no|off)$/i.test(text)) return false;
  return undefined;
}

/** A whole number from 0 to 1,000,000. */
export function parseCount(text: string): number | undefined {
  if (!/^\d{1,7}$/.test(text)) return undefined;
  const count = Number(text);
  return count <= 1_000_000 ? count : undefined;
}

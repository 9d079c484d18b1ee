/**
 * Figures as people read them: decimal sizes, durations, local dates, ages. Error texts of the operations use them
 * as well as the screens, so they stand beside errors.ts and import nothing.
 */

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'] as const;

/** `up` for what is needed, `down` for what is free; everything else is rounded to the nearest. */
export type Rounding = 'nearest' | 'up' | 'down';

const ROUND: Record<Rounding, (value: number) => number> = { nearest: Math.round, up: Math.ceil, down: Math.floor };

/** `42.0 GB`, `868 MB`, `512 B`: decimal units, one decimal under 100, none from there on. */
export function formatBytes(bytes: number, rounding: Rounding = 'nearest'): string {
  const round = ROUND[rounding];
  let value = Math.max(0, bytes);
  let unit = 0;
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  if (unit === 0) return `${round(value)} B`;
  // 999.7 MB is 1.0 GB, not "1000 MB".
  if (unit < UNITS.length - 1 && round(value) >= 1000) {
    value /= 1000;
    unit++;
  }
  const tenths = round(value * 10) / 10;
  const digits = tenths < 100 ? tenths.toFixed(1) : groupThousands(round(value));
  return `${digits} ${UNITS[unit]}`;
}

/** `+221 MB`, `-28.4 MB`, `0 B`: by how much something grew. */
export function formatGrowth(bytes: number): string {
  const sign = bytes > 0 ? '+' : bytes < 0 ? '-' : '';
  return `${sign}${formatBytes(Math.abs(bytes))}`;
}

/** `312 GB free`. */
export function freeWords(bytes: number | null | undefined): string {
  return bytes === null || bytes === undefined ? 'free space unknown' : `${formatBytes(bytes, 'down')} free`;
}

/** `48,917`: grouped by commas in every locale, since scripts and screenshots travel. */
export function groupThousands(value: number): string {
  return String(Math.trunc(value)).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** `1 file`, `48,917 files`. */
export function countOf(value: number, noun: string, plural = `${noun}s`): string {
  return `${groupThousands(value)} ${value === 1 ? noun : plural}`;
}

/** `62 %`; whole, and 100 only when it is. */
export function formatPercent(percent: number): string {
  return `${Math.min(100, Math.max(0, Math.floor(percent)))} %`;
}

/** `48.3 MB/s`. */
export function formatRate(bytesPerSecond: number): string {
  return `${formatBytes(bytesPerSecond)}/s`;
}

/** `7 s`, `3 min 41 s`, `2 h 04 min`: a time that was measured. */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${twoDigits(whole % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${twoDigits(minutes % 60)} min`;
}

/** `30 s`, `15 min`, `1 h 30 min`: a limit that somebody set, without zero parts. */
export function formatLimit(seconds: number): string {
  const parts: string[] = [];
  const whole = Math.max(0, Math.round(seconds));
  const days = Math.floor(whole / 86_400);
  const hours = Math.floor((whole % 86_400) / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  if (days > 0) parts.push(`${days} d`);
  if (hours > 0) parts.push(`${hours} h`);
  if (minutes > 0) parts.push(`${minutes} min`);
  if (whole % 60 > 0 || parts.length === 0) parts.push(`${whole % 60} s`);
  return parts.join(' ');
}

/** `about 5 min`, `about 40 s`: an estimate, no finer than it can be. */
export function formatEstimate(seconds: number): string {
  if (seconds < 10) return 'about 10 s';
  if (seconds < 55) return `about ${Math.round(seconds / 10) * 10} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `about ${Math.max(1, minutes)} min`;
  return `about ${Math.floor(minutes / 60)} h ${twoDigits(minutes % 60)} min`;
}

/** `0:24`, `12:05`, `1:00:00`: a counter that runs. */
export function formatCounter(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes}:${twoDigits(whole % 60)}`;
  return `${Math.floor(minutes / 60)}:${twoDigits(minutes % 60)}:${twoDigits(whole % 60)}`;
}

/** `2026-11-21 08:06`, local time. */
export function formatDate(date: Date): string {
  const day = `${date.getFullYear()}-${twoDigits(date.getMonth() + 1)}-${twoDigits(date.getDate())}`;
  return `${day} ${twoDigits(date.getHours())}:${twoDigits(date.getMinutes())}`;
}

/** `08:06:15`, local time. */
export function formatTimeOfDay(date: Date): string {
  return `${twoDigits(date.getHours())}:${twoDigits(date.getMinutes())}:${twoDigits(date.getSeconds())}`;
}

/** `2026-11-21T07:06:00Z`: RFC 3339, UTC, whole seconds, for JSON and --debug. */
export function formatUtc(date: Date): string {
  return date.toISOString().replace(/\.\d+Z$/, 'Z');
}

/** `now`, `5 min`, `2 h`, `6 d`: how old something is; a date in the future is `now`. */
export function formatAge(date: Date, nowMs: number): string {
  const seconds = (nowMs - date.getTime()) / 1000;
  if (seconds < 60) return 'now';
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** `just now`, `2 h ago`. */
export function formatAgo(date: Date, nowMs: number): string {
  const age = formatAge(date, nowMs);
  return age === 'now' ? 'just now' : `${age} ago`;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}

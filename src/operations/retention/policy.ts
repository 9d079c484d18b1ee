/**
 * What is kept: rules with the meaning that restic gives them. Each rule with a number keeps the newest version of each of the last N hours, days, weeks …
 * that have one, and, while it has some left to keep, the oldest of all. Hours and days are local, weeks begin on Monday.
 */
import { IbkError } from '../../errors.js';

/** In the order in which reasons are told. */
export const UNITS = ['last', 'hourly', 'daily', 'weekly', 'monthly', 'yearly'] as const;
export type Unit = (typeof UNITS)[number];

export interface RetentionPolicy {
  readonly counts: Readonly<Record<Unit, number>>;
  readonly within: Span | null;
  /** A version with one of these is kept. */
  readonly tags: readonly string[];
}

/** Back from the newest version, by the calendar. */
export interface Span {
  readonly text: string;
  readonly years: number;
  readonly months: number;
  readonly days: number;
  readonly hours: number;
}

/** Settings as they are typed, or stand in a config file: `keep-daily` and `7`. */
export type RetentionSettings = ReadonlyMap<string, string | readonly string[]>;

const MOST = 1_000_000;

/** Undefined: no rule. @throws IbkError `usage` */
export function retentionPolicy(settings: RetentionSettings): RetentionPolicy | undefined {
  if (settings.size === 0) return undefined;
  const counts = { last: 0, hourly: 0, daily: 0, weekly: 0, monthly: 0, yearly: 0 };
  for (const unit of UNITS) counts[unit] = countOf(`keep-${unit}`, settings.get(`keep-${unit}`));
  const text = settings.get('keep-within');
  const within = text === undefined ? null : parseSpan(String(text));
  if (within === undefined) {
    throw new IbkError('usage', `--keep-within "${String(text)}" is not understood.`, {
      hint: 'Such as 30d, 8w, 6m (months) or 1y6m',
    });
  }
  const tag = settings.get('keep-tag') ?? [];
  const tags = typeof tag === 'string' ? tag.split(',') : tag.flatMap((each) => each.split(','));
  if (within === null && tags.length === 0 && UNITS.every((unit) => counts[unit] === 0))
    throw new IbkError('usage', 'These rules would keep nothing but the newest version.', {
      hint: 'Such as --keep-last 3, --keep-daily 7 or --keep-within 30d',
    });
  return { counts, within, tags: tags.map((each) => each.trim().replace(/^#/, '')).filter((each) => each !== '') };
}

function countOf(key: string, value: string | readonly string[] | undefined): number {
  if (value === undefined) return 0;
  if (value === 'unlimited') return MOST;
  const count = typeof value === 'string' && /^\d{1,7}$/.test(value) ? Number(value) : Number.NaN;
  if (count <= MOST) return count;
  throw new IbkError('usage', `--${key} "${String(value)}" is not a whole number.`, {
    hint: 'Such as 7, or unlimited',
  });
}

/** `30d`, `8w`, `1y6m`, `36h`; `m` are months. Undefined for anything else. */
export function parseSpan(text: string): Span | undefined {
  const match = /^(?:(\d{1,3})y)?(?:(\d{1,4})m)?(?:(\d{1,4})w)?(?:(\d{1,5})d)?(?:(\d{1,6})h)?$/.exec(text.trim());
  if (match === null || text.trim() === '') return undefined;
  const [years = 0, months = 0, weeks = 0, days = 0, hours = 0] = match.slice(1).map((each) => Number(each ?? 0));
  return { text: text.trim(), years, months, days: weeks * 7 + days, hours };
}

/** Which hour, day, week … a version belongs to. */
export function bucketOf(unit: Unit, date: Date, index: number): string {
  const [year, month, day] = [date.getFullYear(), date.getMonth(), date.getDate()];
  switch (unit) {
    case 'last':
      return `${index}`;
    case 'hourly':
      return `${year}-${month}-${day} ${date.getHours()} ${date.getTimezoneOffset()}`;
    case 'daily':
      return `${year}-${month}-${day}`;
    case 'weekly': {
      const monday = new Date(year, month, day - ((date.getDay() + 6) % 7));
      return `${monday.getFullYear()}-${monday.getMonth()}-${monday.getDate()}`;
    }
    case 'monthly':
      return `${year}-${month}`;
    default:
      return `${year}`;
  }
}

export function before(date: Date, { years, months, days, hours }: Span): Date {
  const then = new Date(date);
  then.setFullYear(then.getFullYear() - years, then.getMonth() - months, then.getDate() - days);
  then.setHours(then.getHours() - hours);
  return then;
}

/** Points in time as people type them: `2026-11-01`, `2026-11-01 08:31`, local time; with `Z` at the end UTC, as JSON has it. */

export interface Moment {
  /** The first millisecond of what was named. */
  readonly from: number;
  /** The first one behind it: a day, a minute or a second later. */
  readonly until: number;
}

/** Undefined for what is no date. */
export function parseMoment(text: string): Moment | undefined {
  const match = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.\d+)?)?(Z)?)?$/.exec(text.trim());
  if (match === null) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match
    .slice(1, 7)
    .map((each) => Number(each ?? 0));
  const [, , , , hours, , seconds, zone] = match;
  const at = (...parts: [number, number, number]): number => {
    const [h, m, s] = parts;
    return zone === undefined
      ? new Date(year, month - 1, day, h, m, s).getTime()
      : Date.UTC(year, month - 1, day, h, m, s);
  };
  const midnight = zone === undefined ? new Date(year, month - 1, day) : new Date(Date.UTC(year, month - 1, day));
  const isDay =
    (zone === undefined ? midnight.getMonth() : midnight.getUTCMonth()) === month - 1 &&
    (zone === undefined ? midnight.getDate() : midnight.getUTCDate()) === day;
  if (!isDay || hour > 23 || minute > 59 || second > 59) return undefined;
  const from = at(hour, minute, second);
  // A day has 23, 24 or 25 hours.
  if (hours === undefined) return { from, until: new Date(year, month - 1, day + 1).getTime() };
  return { from, until: seconds === undefined ? at(hour, minute + 1, 0) : at(hour, minute, second + 1) };
}

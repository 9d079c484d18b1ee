/** `ibk forget`: what is kept and forgotten of a device, each with its reason, and what that frees. */
import { countOf, formatBytes, formatDate, groupThousands } from '../figures.js';
import type { Decision, Reason } from '../operations/retention/decide.js';
import type { ForgetPlan } from '../operations/retention/forget.js';
import type { Unit } from '../operations/retention/policy.js';
import { renderTable } from './table.js';
import type { Screen } from './terminal.js';
import { printable } from './text.js';

const ONE: Readonly<Record<Unit, string>> = {
  last: 'last',
  hourly: 'hour',
  daily: 'day',
  weekly: 'week',
  monthly: 'month',
  yearly: 'year',
};

/** The plan as a table; without rules, those alone that go. */
export function forgetPlanLines({ backup, decisions }: ForgetPlan, screen: Screen): string[] {
  const { glyphs, style } = screen;
  const heading = `${style.strong(printable(backup.name))} ${glyphs.dot} ${countOf(decisions.length, 'version')}`;
  const rows = decisions.map(({ version, action, reasons }) => [
    { text: action, paint: action === 'forget' ? style.attention : style.dim },
    { text: version.version ?? glyphs.unknown },
    { text: version.madeAt === null ? glyphs.unknown : formatDate(version.madeAt) },
    { text: reasonWords(reasons) },
  ]);
  const columns = ['', '', '', ''].map((heading) => ({ heading }));
  return [heading, ...renderTable({ columns, rows, indent: '  ', headings: false }, screen)];
}

/** `Would keep 10, forget 3, and free 1.9 GB. Nothing was changed.` */
export function rehearsedLine({ decisions, freedBytes }: ForgetPlan): string {
  const going = goingOf(decisions);
  if (going === 0) {
    const all = decisions.length === 1 ? 'the only version' : `all ${groupThousands(decisions.length)}`;
    return `Would keep ${all}. Nothing was changed.`;
  }
  const kept = decisions.length - going;
  return `Would keep ${groupThousands(kept)}, forget ${groupThousands(going)}, and free ${formatBytes(freedBytes)}. Nothing was changed.`;
}

export function forgetQuestion({ backup, decisions, freedBytes }: ForgetPlan): string {
  const going = goingOf(decisions);
  const of =
    going === decisions.length
      ? `all ${countOf(going, 'version')}`
      : `${groupThousands(going)} of ${countOf(decisions.length, 'version')}`;
  return `Forget ${of} of ${printable(backup.name)}, free ${formatBytes(freedBytes)}?`;
}

export function forgottenWords({ backup, decisions, freedBytes }: ForgetPlan): string {
  const going = goingOf(decisions);
  const kept = decisions.length - going;
  const rest =
    kept === 0
      ? `Nothing of ${printable(backup.name)} is left.`
      : kept === 1
        ? 'The other one is complete.'
        : `The other ${groupThousands(kept)} are complete.`;
  return `Forgot ${countOf(going, 'version')}, freed ${formatBytes(freedBytes)}. ${rest}`;
}

export function nothingToForget({ backup, decisions }: ForgetPlan): string {
  return decisions.length === 1
    ? `The only version of ${printable(backup.name)} is kept.`
    : `All ${countOf(decisions.length, 'version')} of ${printable(backup.name)} are kept.`;
}

const goingOf = (decisions: readonly Decision[]): number =>
  decisions.filter(({ action }) => action === 'forget').length;

/** `day 1, week 1`; `beyond 7 days; week 2 has 2026-11-15`. */
export function reasonWords(reasons: readonly Reason[]): string {
  const beyond = reasons.flatMap((reason) => (reason.kind === 'beyond' ? [limitWords(reason.unit, reason.count)] : []));
  const others = [...new Set(reasons.filter(({ kind }) => kind !== 'beyond').map(wordsOf))];
  if (beyond.length === 0) return others.join(', ');
  return [`beyond ${beyond.join(', ')}`, ...others].join('; ');
}

const limitWords = (unit: Unit, count: number): string =>
  unit === 'last' ? `the last ${groupThousands(count)}` : countOf(count, ONE[unit]);

function wordsOf(reason: Reason): string {
  switch (reason.kind) {
    case 'slot':
      return `${ONE[reason.unit]} ${groupThousands(reason.number)}`;
    case 'oldest':
      return 'the oldest';
    case 'within':
      return `within ${reason.span}`;
    case 'tag':
      return `#${printable(reason.tag)}`;
    case 'later':
      return `a later one of that ${ONE[reason.unit]} is kept`;
    case 'taken':
      return `${ONE[reason.unit]} ${groupThousands(reason.number)} has ${formatDate(reason.by).slice(0, 10)}`;
    case 'not_complete':
      return 'not complete';
    case 'no_rule':
      return 'no rule keeps it';
    case 'named':
      return '';
    case 'beyond':
      return limitWords(reason.unit, reason.count);
    default:
      return reason.kind;
  }
}

/** For JSON: `later_same_day`, `pinned`. */
export function reasonSlug(reason: Reason): string {
  switch (reason.kind) {
    case 'slot':
      return reason.unit;
    case 'later':
    case 'taken':
      return `later_same_${ONE[reason.unit]}`;
    case 'beyond':
      return `beyond_${reason.unit}`;
    default:
      return reason.kind;
  }
}

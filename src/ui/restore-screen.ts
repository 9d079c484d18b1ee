/** The plan of a restore, with all checks, and what it left when it is done. */
import type { RestoreSummary, SeveralSummary } from '../events.js';
import { formatBytes, formatDate, formatDuration } from '../figures.js';
import type { RestoreCheck, RestorePlan, RestoreSourceFacts } from '../operations/restore/results.js';
import { failureWords } from './backup-summary.js';
import { deviceNoun, linkWords } from './device-words.js';
import type { JobState } from './progress-state.js';
import { comesBack, leftOut } from './restore-words.js';
import type { Screen } from './terminal.js';
import { displayWidth, padEnd, printable, wrap } from './text.js';
import { shortVersion } from './versions.js';

const LABEL = 15;
const WIDTH = 78;
/** Two short checks share a line. */
const HALF = 53;
const CHECK_NAME = 11;

const NAMES: Readonly<Record<RestoreCheck['check'], string>> = {
  backup: 'backup',
  password: 'password',
  ios: 'iOS',
  supervision: 'supervised',
  set_up: 'set-up',
  find_my: 'Find My',
  space: 'space',
  locked: 'unlocked',
  battery: 'battery',
};

export function sourceWords({ name, madeAt, version }: RestoreSourceFacts): string {
  const when = madeAt === null ? '' : `, ${formatDate(madeAt)}`;
  const which = version === null ? '' : ` (${shortVersion(version)})`;
  return `${printable(name)}${when}${which}`;
}

/** One plan for all of them; each phone has its own row of checks. */
export function restorePlanLines(plans: readonly RestorePlan[], screen: Screen): string[] {
  const [first] = plans;
  if (first === undefined) return [];
  const { glyphs, style } = screen;
  const { source } = first;
  const facts = [
    ...(source.ios === null ? [] : [`iOS ${printable(source.ios)}`]),
    source.encrypted ? 'encrypted' : 'not encrypted',
  ];
  const dot = ` ${glyphs.dot} `;
  const lines = [`Restore  ${style.strong(sourceWords(source))}${facts.map((fact) => `${dot}${fact}`).join('')}`];
  for (const plan of plans) {
    const { name, model, ios } = plan.device;
    const about = [printable(model), `iOS ${printable(ios)}`, linkWords([plan.link])];
    lines.push(`Onto     ${style.strong(printable(name))}${about.map((fact) => `${dot}${fact}`).join('')}`);
    lines.push('Checks', ...checkLines(plan.checks, screen));
  }
  lines.push(...listed('Comes back', words(comesBack(first), dot), glyphs.dot));
  lines.push(...listed('Does not', words(leftOut(first), dot), glyphs.dot));
  lines.push(...listed('Erased', erasedWords(first), glyphs.dot));
  return lines;
}

function words(named: readonly { readonly words: string }[], dot: string): string {
  return named.map((each) => each.words).join(dot);
}

function erasedWords({ source, settings, device, part }: RestorePlan): string {
  const noun = deviceNoun(device.productType);
  const since = source.madeAt === null ? 'since the backup' : `since ${formatDate(source.madeAt)}`;
  if (part !== null) return `what changed on the ${noun} ${since} in these files; everything else stays`;
  const others = settings.remove
    ? 'and every file that the backup does not have (--remove)'
    : 'files the backup does not have stay (--remove: erased too)';
  return `what changed on the ${noun} ${since} in these data; ${others}`;
}

/** A dot parts two things on one line; at the end of a line nothing is needed. */
function listed(label: string, text: string, dot: string): string[] {
  return wrap(text, WIDTH - LABEL).map((line, index) => {
    const words = line.startsWith(`${dot} `) ? line.slice(dot.length + 1) : line;
    const plain = words.endsWith(` ${dot}`) ? words.slice(0, -dot.length - 1) : words;
    return `${padEnd(index === 0 ? label : '', LABEL)}${plain}`;
  });
}

function checkLines(checks: readonly RestoreCheck[], screen: Screen): string[] {
  const lines: string[] = [];
  let waiting: string | undefined;
  for (const check of checks) {
    const cell = checkWords(check, screen);
    const plain = `${mark(check, screen)[0]} ${padEnd(NAMES[check.check], CHECK_NAME)}${printable(check.message)}`;
    const short = check.state !== 'fail' && displayWidth(plain) < 30;
    if (waiting !== undefined && short) {
      lines.push(waiting + cell);
      waiting = undefined;
      continue;
    }
    if (waiting !== undefined) lines.push(waiting.trimEnd());
    const room = HALF - 2 - displayWidth(plain);
    waiting = room > 1 && check.state !== 'fail' ? `  ${cell}${' '.repeat(room)}` : undefined;
    if (waiting === undefined) lines.push(`  ${cell}`);
  }
  if (waiting !== undefined) lines.push(waiting.trimEnd());
  return lines;
}

function checkWords(check: RestoreCheck, screen: Screen): string {
  const [sign, paint] = mark(check, screen);
  return `${paint(sign)} ${padEnd(NAMES[check.check], CHECK_NAME)}${printable(check.message)}`;
}

function mark({ state }: RestoreCheck, { glyphs, style }: Screen): [string, (text: string) => string] {
  if (state === 'ok') return [glyphs.ok, style.done];
  if (state === 'fail') return [glyphs.failed, style.failed];
  return state === 'warn' ? [glyphs.attention, style.attention] : [glyphs.unknown, style.dim];
}

/** Below the plan, when it ends there. */
export function refusalLines(plans: readonly RestorePlan[], screen: Screen): string[] {
  const { glyphs, style } = screen;
  const failed = plans.flatMap(({ checks }) => checks.filter(({ state }) => state === 'fail'));
  const whom = plans.length > 1 ? 'devices' : deviceNoun(plans[0]?.device.productType);
  const count = failed.length === 1 ? '1 check failed' : `${failed.length} checks failed`;
  const hints = [...new Set(failed.map(({ hint }) => hint))].filter((hint) => hint !== null);
  const next = hints.map((hint) => `${glyphs.next} ${hint.replace(/\.$/, '')}`);
  const last = next.pop();
  return [
    style.failed(`${glyphs.failed} ${count}; nothing was sent to the ${whom}.`),
    ...next,
    ...(last === undefined ? [] : [`${last}, then run the same line again.`]),
  ];
}

export function restoredLines(summary: RestoreSummary, screen: Screen): string[] {
  const { glyphs, style } = screen;
  const noun = deviceNoun(summary.device.productType);
  const from = summary.madeAt === null ? '' : ` from ${formatDate(summary.madeAt)}`;
  const figures = `${formatBytes(summary.bytesSent)} in ${formatDuration(summary.durationSeconds)}`;
  const head = style.done(`${glyphs.ok} Restored ${printable(summary.device.name)}${from} ${glyphs.dot} ${figures}`);
  if (!summary.restarts)
    return [head, `  The ${noun} accepted everything. Nothing is in place before it restarts: restart it.`];
  return [
    head,
    `  The ${noun} accepted everything and is restarting. There:`,
    '  1. Leave it on power until the Apple logo and its bar are gone.',
    '  2. Unlock it; enter the Apple Account password if it asks.',
    '  3. Stay on Wi-Fi: apps come back from the App Store one by one.',
  ];
}

export function severalRestoredLines(
  jobs: readonly JobState[],
  { code, exit }: SeveralSummary,
  screen: Screen,
): string[] {
  const { glyphs, style } = screen;
  const good = jobs.filter(({ restored }) => restored !== undefined).length;
  const dot = ` ${glyphs.dot} `;
  const ending = code === 'ok' ? '' : `${dot}${code}${dot}exit ${exit}`;
  const column = Math.max(...jobs.map(({ name }) => displayWidth(printable(name))));
  return [
    `${good} of ${jobs.length} devices restored${ending}`,
    ...jobs.map(({ name, restored, error }) => {
      const label = padEnd(printable(name), column);
      if (restored !== undefined) {
        const figures = `${formatBytes(restored.bytesSent)}, ${formatDuration(restored.durationSeconds)}`;
        return style.done(`  ${glyphs.ok} ${label}  ${figures}, restarting`);
      }
      return style.failed(
        `  ${glyphs.failed} ${label}  ${error === undefined ? 'not restored' : failureWords(error, true)}`,
      );
    }),
  ];
}

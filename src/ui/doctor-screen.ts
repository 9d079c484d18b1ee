/** `ibk doctor`: one line a check in the order of repair; two columns when all is well and there is room. */
import type { DoctorCheck, DoctorReport } from '../operations/results.js';
import { hanging } from './errors.js';
import type { Screen } from './terminal.js';
import { displayWidth, padEnd, printable } from './text.js';

const LABEL = 14;
const GAP = 3;
const TWO_COLUMNS_FROM = 78;

const LABELS: Record<DoctorCheck['check'], string> = {
  usbmuxd: 'usbmuxd',
  device: 'device',
  trust: 'trust',
  unlocked: 'unlocked',
  root: 'root',
  store: 'backups',
  space: 'space',
  encrypted: 'encrypted',
  last_backup: 'last backup',
  config: 'config',
};

export function doctorLines(report: DoctorReport, screen: Screen): string[] {
  const { checks } = report;
  const allWell = checks.every(({ state }) => state === 'ok');
  const roomy = (screen.width() ?? 0) >= TWO_COLUMNS_FROM;
  const body = allWell && roomy ? inTwoColumns(checks, screen) : inOneColumn(checks, screen);
  return [...body, ...footer(report, screen)];
}

function inOneColumn(checks: readonly DoctorCheck[], screen: Screen): string[] {
  const { glyphs } = screen;
  const width = screen.width();
  const indent = ' '.repeat(displayWidth(glyphs.ok) + 1 + LABEL + GAP - 1);
  const shown = checks.filter(({ state }) => state !== 'skipped');
  const lines = shown.flatMap((check) => {
    const head = `${paintedMark(check, screen)} ${padEnd(LABELS[check.check], LABEL + GAP - 1)}`;
    const hints = check.hint === null || check.state === 'ok' ? [] : [check.hint];
    return [
      `${head}${messageOf(check)}`.trimEnd(),
      ...hints.flatMap((hint) =>
        hanging(glyphs.next, hint, width === undefined ? undefined : width - indent.length).map(
          (line) => indent + line,
        ),
      ),
    ];
  });
  const skipped = checks.filter(({ state }) => state === 'skipped').map(({ check }) => LABELS[check]);
  if (skipped.length > 0) {
    const need = skipped.length === 1 ? 'it needs the above' : 'they need the above';
    lines.push(screen.style.dim(`${glyphs.unknown} ${skipped.join(', ')}: not checked, ${need}`));
  }
  return lines;
}

/** Without the label, where the message begins with it. */
function messageOf({ check, message }: DoctorCheck): string {
  const label = `${LABELS[check]} `;
  return printable(message.startsWith(label) ? message.slice(label.length) : message);
}

/**
 * All is well: what is connected on the left, what it says on the right. Free space stands with the root already, and the
 * age of the backup goes with its encryption.
 */
function inTwoColumns(checks: readonly DoctorCheck[], screen: Screen): string[] {
  const find = (name: DoctorCheck['check']) => checks.find(({ check }) => check === name);
  const cell = (name: DoctorCheck['check'], label: number): string => {
    const found = find(name);
    return found === undefined ? '' : `${padEnd(LABELS[name], label)}${printable(found.message)}`.trimEnd();
  };
  const age = find('last_backup')?.message.replace(/ ago$/, ' old');
  const left = (['usbmuxd', 'device', 'root'] as const).map((name) => cell(name, LABEL + GAP - 1));
  const right = [cell('trust', 10), cell('unlocked', 10), `encrypted${age === undefined ? '' : `, ${printable(age)}`}`];
  const column = Math.max(...left.map(displayWidth)) + 4;
  if (column + Math.max(...right.map(displayWidth)) + 4 > (screen.width() ?? 0)) return inOneColumn(checks, screen);
  const mark = screen.style.done(screen.glyphs.ok);
  return left.map((words, index) => `${mark} ${padEnd(words, column)}${mark} ${right[index] ?? ''}`);
}

function paintedMark({ state }: DoctorCheck, { glyphs, style }: Screen): string {
  if (state === 'ok') return style.done(glyphs.ok);
  if (state === 'fail') return style.failed(glyphs.failed);
  return state === 'warn' ? style.attention(glyphs.attention) : style.dim(glyphs.unknown);
}

function footer({ checks, exit }: DoctorReport, { glyphs, style }: Screen): string[] {
  const failed = checks.filter(({ state }) => state === 'fail');
  const [first] = failed;
  if (first === undefined) return ['Everything is ready: ibk backup'];
  const next = first.hint === null ? '' : ` First: ${printable(first.hint)}`;
  const count = failed.length === 1 ? '1 problem.' : `${failed.length} problems.`;
  return [`${style.failed(count)}${next} ${glyphs.dot} exit ${exit}`];
}

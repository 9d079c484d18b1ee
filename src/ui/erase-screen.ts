/** Before and after a device is erased. */
import { formatAgo, formatDate } from '../figures.js';
import type { EraseOutcome, ErasePlan, LastBackup } from '../operations/results.js';
import type { Screen } from './terminal.js';
import { printable } from './text.js';

export function erasePlanLines(plan: ErasePlan, verb: string, { glyphs, style }: Screen, nowMs: number): string[] {
  const { name, noun, findMy, lastBackup } = plan;
  const lines = [
    `${verb} all content and settings of ${style.strong(printable(name))}. It cannot be undone.`,
    `  Last backup  ${backupWords(lastBackup, nowMs)}`,
  ];
  if (findMy === true)
    lines.push(
      style.attention(`${glyphs.attention} Find My is on: afterwards the ${noun} asks for its owner's password.`),
    );
  return lines;
}

function backupWords(last: LastBackup, nowMs: number): string {
  if (last.kind === 'none') return 'none under this root';
  if (last.kind === 'incomplete') return 'incomplete';
  return `${formatDate(last.madeAt)}, ${formatAgo(last.madeAt, nowMs)}`;
}

/** What is known, no more: a device that goes away says nothing about why. */
export function erasedLines({ name, noun, answered }: EraseOutcome, { glyphs, style }: Screen): string[] {
  const who = printable(name);
  const first = answered
    ? `${who} erases itself.`
    : `${who} took the request and went away, as a device does that erases itself.`;
  return [
    style.done(`${glyphs.ok} ${first}`),
    `  The ${noun} restarts and greets as a new one. What was on it is in its backups alone.`,
  ];
}

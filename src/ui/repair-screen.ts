/** `ibk repair`: what was found, what will be done about it, and what came of it. */
import { countOf, formatBytes, formatDate } from '../figures.js';
import type { PlannedRepair, RepairResult } from '../operations/repair.js';
import { hanging } from './errors.js';
import type { Screen } from './terminal.js';
import { padEnd, printable } from './text.js';

const NAMED = 3;
const COLUMN = 11;

/** What is there, as a headline, and each step. */
export function repairPlanLines(planned: PlannedRepair, screen: Screen): string[] {
  const { plan, nothing } = planned;
  const { glyphs, style } = screen;
  const width = screen.width();
  const title = titleOf(planned);
  const damage = damageWords(planned).flatMap((line) => hanging('', line, width));
  if (nothing)
    return [...hanging(glyphs.ok, `${title}: nothing to repair`, width).map((line) => style.done(line)), ...damage];
  const isStopped = plan.status !== null || plan.snapshot?.action === 'complete';
  const found = isStopped ? `a run of another program stopped (${printable(plan.state ?? '?')})` : 'has leftovers';
  const steps = stepsOf(planned).map(([verb, words]) => `  ${padEnd(verb, COLUMN)}${words}`);
  return [
    ...hanging(glyphs.attention, `${title}: ${found}`, width).map((line) => style.attention(line)),
    ...steps,
    ...damage,
  ];
}

function stepsOf({ plan }: PlannedRepair): (readonly [verb: string, words: string])[] {
  const { snapshot, status, empty, orphans, links } = plan;
  const steps: [string, string][] = [];
  const inSnapshot = snapshot === null ? '' : filesIn(snapshot);
  if (snapshot?.action === 'complete') steps.push(['Complete', `the move of ${inSnapshot} out of Snapshot`]);
  if (empty.paths.length > 0) steps.push(['Set aside', `${namesOf(empty.paths)}, of no bytes`]);
  if (links.length > 0) steps.push(['Set aside', `${namesOf(links)}, no file`]);
  if (snapshot?.action === 'set_aside') steps.push(['Set aside', `Snapshot, ${inSnapshot}`]);
  if (orphans.paths.length > 0) steps.push(['Set aside', `${filesIn(orphans)} that no row of the manifest names`]);
  if (status !== null) steps.push(['Rewrite', 'Status.plist, as finished: every file is there']);
  return steps;
}

/** What a repair cannot mend, or could not look at. */
function damageWords({ plan }: PlannedRepair): string[] {
  const { snapshot, verified, empty } = plan;
  const words: string[] = [];
  if (snapshot?.action === 'left')
    words.push('Snapshot is left as it is: with what lies in it the backup would not be whole either.');
  const faults = verified.faults.filter(({ kind, path }) => kind !== 'unfinished' && !empty.paths.includes(path));
  if (faults.length > 0)
    words.push(`${countOf(faults.length, 'file')} missing or damaged, which no repair brings back: ibk backup --full`);
  if (empty.paths.length > 0) words.push('The next backup is a full one.');
  if (verified.manifest !== 'checked') {
    const why = verified.manifest === 'encrypted' ? 'no password' : 'the manifest cannot be read';
    words.push(`Files that no row names were not looked for (${why}).`);
  }
  return words;
}

export const repairQuestion = (planned: PlannedRepair): string =>
  `Repair the backup of ${printable(planned.chosen.backup.name)}? Nothing is deleted.`;

export function repairedLines(planned: PlannedRepair, { aside, after }: RepairResult, screen: Screen): string[] {
  const { glyphs, style } = screen;
  const width = screen.width();
  const isWhole = after.verified.faults.length === 0;
  const verdict = isWhole ? (after.verified.manifest === 'checked' ? 'complete' : 'no damage found') : 'still damaged';
  const where = aside === null ? '.ibk, beside the versions' : printable(aside);
  const mark = isWhole ? glyphs.ok : glyphs.attention;
  return [
    ...hanging(mark, `Repaired ${titleOf(planned)}: ${verdict}`, width).map((line) =>
      isWhole ? style.done(line) : style.attention(line),
    ),
    ...hanging('', `What was taken out is kept in ${where}.`, width),
    ...(isWhole ? [] : [style.dim(`  damaged ${glyphs.dot} exit 13`)]),
  ];
}

function titleOf({ chosen: { backup, version } }: PlannedRepair): string {
  return `${printable(backup.name)}${version.madeAt === null ? '' : `, ${formatDate(version.madeAt)}`}`;
}

const filesIn = ({ paths, bytes }: { readonly paths: readonly string[]; readonly bytes: number }): string =>
  `${countOf(paths.length, 'file')}, ${formatBytes(bytes)}`;

function namesOf(paths: readonly string[]): string {
  const named = paths.slice(0, NAMED).map(printable).join(', ');
  return paths.length > NAMED ? `${named} and ${paths.length - NAMED} more` : named;
}

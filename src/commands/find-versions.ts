/** `ibk find --all-versions`: every version of a device, and in which of them each file is. */
import { countOf, formatDate } from '../figures.js';
import { IbkError } from '../errors.js';
import { chooseBackup } from '../operations/backup-word.js';
import { findInVersions, type FoundInVersions } from '../operations/find-versions.js';
import type { ListedBackup } from '../operations/results.js';
import { printError } from '../ui/errors.js';
import { listSummary, runLine as runObject } from '../ui/file-documents.js';
import { runHeading, runLine } from '../ui/files-screen.js';
import { LineWriter } from '../ui/line-writer.js';
import { jsonLine } from '../ui/ndjson.js';
import { printable } from '../ui/text.js';
import { findOptions, nothingFound, type Search } from './find-files.js';
import { password } from './password.js';
import type { Session } from './session.js';

const PAGE = 1000;
/** So many files that are gone are named. */
const MOST_NAMED = 3;

export async function findInAllVersions(search: Search, words: readonly string[]): Promise<number> {
  const { session, options, pattern } = search;
  const { config, terminal, signal } = session;
  const { root, udids } = config;
  if (options['all'] === true)
    throw new IbkError('usage', '--all is about devices, --all-versions about one.', { hint: 'ibk find --help' });
  const naming = { root, words, udids, command: 'ibk find', cwd: process.cwd(), measure: false, signal };
  const { chosen, word, selection } = await chooseBackup(naming);
  let problems = 0;
  using found = await findInVersions(chosen.backup, {
    root,
    password: password(session),
    word,
    signal,
    find: findOptions(search, selection),
    onProblem: ({ version, madeAt }, problem) => {
      problems += 1;
      const which = [version, madeAt === null ? undefined : formatDate(madeAt)].filter((part) => part !== undefined);
      if (!config.json) printError(problem.with({ meaning: `This was ${which.join(', ')}.` }), terminal.err, config);
    },
  });
  if (found.files === 0 && problems === 0) throw nothingFound(pattern);
  return show(session, found, chosen.backup, problems > 0 ? 3 : 0);
}

async function show(
  { config, terminal, clock, signal }: Session,
  found: FoundInVersions,
  { udid, versions }: ListedBackup,
  exit: 0 | 3,
): Promise<number> {
  const { json, quiet } = config;
  const { out, err } = terminal;
  const writer = new LineWriter(out, signal);
  const gone: string[] = [];
  let goneFiles = 0;
  let lines = 0;
  if (!json && found.files > 0) writer.line(runHeading(out));
  for (const run of found.runs()) {
    writer.line(json ? jsonLine(runObject(run, { udid, now: new Date(clock.now()) })).trimEnd() : runLine(run, out));
    lines += 1;
    if (lines % PAGE === 0) await writer.flush();
    if (!run.isGone) continue;
    goneFiles += 1;
    if (goneFiles > MOST_NAMED) continue;
    const name = run.file.path.slice(run.file.path.lastIndexOf('/') + 1);
    const when = run.last.madeAt === null ? '' : ` (${formatDate(run.last.madeAt)})`;
    gone.push(`${printable(name)} was last in ${run.last.version ?? out.glyphs.unknown}${when}.`);
  }
  await writer.flush();
  if (json) {
    const version = versions[0]?.version ?? null;
    const end = { command: 'find', exit, version, files: found.files, bytes: found.bytes } as const;
    out.write(jsonLine(listSummary(end, udid, new Date(clock.now()))));
  } else if (!quiet) {
    const told = goneFiles > MOST_NAMED ? [`${countOf(goneFiles, 'file')} of them are in the newest no more.`] : gone;
    (out.isTerminal ? out : err).line([`${countOf(found.files, 'file')}.`, ...told].join(' '));
  }
  return exit;
}

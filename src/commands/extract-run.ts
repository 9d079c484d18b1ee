/** What `ibk extract` and `ibk unback` do: understand the options, open the backup, show how it goes. */
import type { OpenedBackup } from '../backup/reader/types.js';
import { IbkError } from '../errors.js';
import { chooseBackup, type ChosenFiles } from '../operations/backup-word.js';
import { ARCHIVE_FORMATS } from '../operations/extract/destination.js';
import {
  extractBackup,
  type ExtractBackupOptions,
  planBackupExtraction,
  recordedOf,
} from '../operations/extract/extract-backup.js';
import { LAYOUTS } from '../operations/extract/layout.js';
import type { ExtractSink } from '../operations/extract/report.js';
import { withBackup } from '../operations/open-backup.js';
import { appsOf } from '../operations/selection/records.js';
import { select } from '../operations/selection/selection.js';
import { OVERWRITES } from '../output/folder-target.js';
import { NAME_STYLES } from '../output/name-rules.js';
import { OutputClosed } from '../output/output-errors.js';
import { extractJson, extractPlanDocument } from '../ui/extract-json.js';
import { extractLines, extractPlanLines } from '../ui/extract-screen.js';
import { extractView } from '../ui/extract-view.js';
import { jsonLine } from '../ui/ndjson.js';
import type { OwnOptions } from './command.js';
import { password } from './password.js';
import { selectionOf } from './selection-options.js';
import type { Session } from './session.js';

/** Something that stands for other characters than itself in a glob. */
const WILD = /[*?[{\\]/;

export interface ExtractDefaults {
  readonly layout?: 'device';
  /** Where it goes when nobody says; given the UDID. */
  readonly to?: (udid: string) => string;
}

export async function runExtract(
  session: Session,
  options: OwnOptions,
  words: readonly string[],
  defaults: ExtractDefaults,
): Promise<number> {
  const { config, signal } = session;
  const { root, udids, dryRun } = config;
  const asked = askedFor(session, options, defaults);
  const chosen = await chooseBackup({
    root,
    udids,
    command: 'ibk extract',
    cwd: process.cwd(),
    words,
    signal,
    measure: false,
  });
  const opening = { root, password: password(session), unlock: true, word: chosen.word, signal };
  try {
    return await withBackup(chosen.chosen, opening, (opened) => {
      const whole = optionsFor(session, options, chosen, opened, asked);
      return dryRun ? rehearse(session, chosen, opened, whole) : run(session, chosen, opened, whole);
    });
  } catch (error) {
    // Whoever read our output has what they wanted.
    if (error instanceof OutputClosed) return 0;
    throw error;
  }
}

type Asked = Pick<ExtractBackupOptions, 'to' | 'archive' | 'layout' | 'names' | 'overwrite'> & {
  readonly defaultTo: ((udid: string) => string) | undefined;
};

/** What the options say by themselves. @throws IbkError `usage` */
function askedFor({ config, terminal }: Session, options: OwnOptions, defaults: ExtractDefaults): Asked {
  const archive = choice(options, 'archive', ARCHIVE_FORMATS);
  const stdout = options['stdout'] === true;
  const typed = typeof options['to'] === 'string' ? options['to'] : undefined;
  if (stdout && typed !== undefined && typed !== '-')
    throw usage('--stdout and --to name two places.', 'Use one of them.');
  const to = stdout ? '-' : typed;
  if (to === '-' && config.json)
    throw usage('--json and --to - both want standard output.', 'Use --progress json, or a file.');
  if (to === '-' && archive !== undefined && terminal.out.isTerminal)
    throw usage('An archive is nothing for a terminal.', 'Send it on: ibk extract --archive tar --to - | tar t');
  const skip = options['skipExisting'] === true;
  const overwrite = choice(options, 'overwrite', OVERWRITES);
  if (skip && overwrite !== undefined && overwrite !== 'never')
    throw usage('--skip-existing and --overwrite say two things.', 'Use one of them.');
  return {
    to,
    archive,
    layout: choice(options, 'layout', LAYOUTS) ?? defaults.layout,
    names: choice(options, 'names', NAME_STYLES) ?? 'auto',
    overwrite: skip ? 'never' : overwrite,
    defaultTo: defaults.to,
  };
}

function optionsFor(
  session: Session,
  options: OwnOptions,
  { chosen, selection: words }: ChosenFiles,
  opened: OpenedBackup,
  { to, archive, defaultTo, ...asked }: Asked,
): ExtractBackupOptions {
  const { config, clock, platform, signal } = session;
  const { backup, version } = chosen;
  const wanted = selectionOf(options, words);
  const paths = [...(wanted.paths ?? []), ...words];
  return {
    ...asked,
    to: to ?? (archive === undefined ? defaultTo?.(backup.udid) : undefined),
    archive,
    deviceName: backup.name,
    madeAt: version.madeAt,
    closed: [backup.path, `${config.root}/.ibk`],
    selection: select(wanted, appsOf(opened)),
    literalPaths:
      wanted.regex === undefined && wanted.ignoreCase !== true ? paths.filter((path) => !WILD.test(path)) : [],
    recorded: recordedOf(version),
    cwd: process.cwd(),
    platform,
    umask: process.umask(),
    stdout: process.stdout,
    now: clock.now(),
    signal,
  };
}

async function rehearse(
  { config, terminal }: Session,
  { chosen }: ChosenFiles,
  opened: OpenedBackup,
  options: ExtractBackupOptions,
): Promise<number> {
  const plan = await planBackupExtraction(opened, options);
  const facts = { udid: chosen.backup.udid, version: chosen.version.version, encrypted: opened.encrypted };
  if (config.json) terminal.out.write(jsonLine(extractPlanDocument(plan, facts)));
  else {
    const source = { name: chosen.backup.name, madeAt: chosen.version.madeAt };
    for (const line of extractPlanLines(plan, source, options.to === undefined, terminal)) terminal.out.line(line);
  }
  return 0;
}

async function run(
  { config, terminal, clock }: Session,
  { chosen }: ChosenFiles,
  opened: OpenedBackup,
  options: ExtractBackupOptions,
): Promise<number> {
  const { json, quiet, progress } = config;
  const { out, err } = terminal;
  const asLines = json || progress === 'json';
  const facts = { udid: chosen.backup.udid, version: chosen.version.version, encrypted: opened.encrypted };
  const lines = extractJson((line) => (json ? out : err).write(line), clock, facts);
  const view = extractView(err, clock, asLines || quiet || progress === 'none', progress === 'plain');
  if (asLines) lines.start();
  const sink: ExtractSink =
    asLines && !(json && progress === 'none') ? lines : { progress: (soFar) => view.progress(soFar) };
  const report = await extractBackup(opened, { ...options, sink }).finally(() => view.close());
  if (asLines) lines.summary(report);
  // One file through a pipe: `sqlite3 <(ibk extract …)` has nothing to tell.
  const piped = report.destination.kind === 'stream' && report.destination.format === undefined;
  if (!json && ((!quiet && !piped) || report.exit !== 0))
    for (const line of extractLines(report, terminal)) err.line(line);
  return report.exit;
}

/** @throws IbkError `usage` for a word that is none of them */
function choice<T extends string>(options: OwnOptions, key: string, words: readonly T[]): T | undefined {
  const typed = options[key];
  if (typeof typed !== 'string') return undefined;
  const found = words.find((word) => word === typed.toLowerCase());
  if (found !== undefined) return found;
  throw usage(`--${key} cannot be "${typed}".`, `One of: ${words.join(', ')}`);
}

function usage(message: string, hint: string): IbkError {
  return new IbkError('usage', message, { hint });
}

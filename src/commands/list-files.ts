/** `ibk list BACKUP [SEL]`: its files, or the sums of its domains and apps. */
import type { BackupSource } from '../backup/reader/backup-source.js';
import { IbkError } from '../errors.js';
import type { OpenedBackup } from '../backup/reader/types.js';
import { chooseBackup } from '../operations/backup-word.js';
import type { ChosenBackup } from '../operations/choose-backups.js';
import { listFiles, sumApps, sumDomains } from '../operations/list-files.js';
import { withBackup } from '../operations/open-backup.js';
import { appsOf, nothingSelected } from '../operations/selection/records.js';
import { type Selection, select } from '../operations/selection/selection.js';
import { SORT_ORDERS, type SortOrder } from '../operations/sort-files.js';
import { appLine, domainLine, fileLine, type LineHead, type ListEnd, listSummary } from '../ui/file-documents.js';
import { appLines, domainLines, filePath, longHeading, longLine, sumOf } from '../ui/files-screen.js';
import { LineWriter } from '../ui/line-writer.js';
import { jsonLine } from '../ui/ndjson.js';
import { untilClosed } from './closed-output.js';
import type { OwnOptions } from './command.js';
import { password } from './password.js';
import { listOf, selectionOf } from './selection-options.js';
import type { Session } from './session.js';

interface Listing {
  readonly session: Session;
  readonly options: OwnOptions;
  readonly chosen: ChosenBackup;
  readonly opened: OpenedBackup;
  readonly source: BackupSource;
  readonly selection: Selection;
}

export async function listFilesOf(session: Session, options: OwnOptions, words: readonly string[]): Promise<number> {
  const { config, signal } = session;
  const { root, udids } = config;
  const sort = sortOrder(options);
  return untilClosed(signal, async () => {
    const naming = { root, words, udids, command: 'ibk list', cwd: process.cwd(), measure: false, signal };
    const { chosen, word, selection: typed } = await chooseBackup(naming);
    return withBackup(chosen, { root, password: password(session), word, signal }, async (opened, source) => {
      const given = selectionOf(options, typed);
      const paths = [...(given.paths ?? []), ...listOf(options, 'match')];
      const selection = select({ ...given, paths }, appsOf(opened));
      const listing = { session, options, chosen, opened, source, selection };
      if (options['domains'] === true) return listDomains(listing);
      return options['apps'] === true ? listApps(listing) : listEach(listing, sort);
    });
  });
}

function sortOrder({ sort }: OwnOptions): SortOrder | undefined {
  if (sort === undefined) return undefined;
  const order = SORT_ORDERS.find((each) => each === sort);
  if (order !== undefined) return order;
  throw new IbkError('usage', `--sort "${String(sort)}" is not known.`, { hint: `One of: ${SORT_ORDERS.join(', ')}` });
}

async function listEach(listing: Listing, sort: SortOrder | undefined): Promise<number> {
  const { session, options, chosen, opened, source, selection } = listing;
  const { config, terminal, clock, signal } = session;
  const { out } = terminal;
  const long = options['long'] === true;
  const writer = new LineWriter(out, signal);
  let files = 0;
  let bytes = 0;
  const pages = listFiles(opened, {
    selection,
    directories: options['dirs'] === true,
    facts: long || config.json,
    checksums: config.json ? source : undefined,
    sort,
    reverse: options['reverse'] === true,
    signal,
  });
  for await (const page of pages) {
    const of: LineHead = { udid: chosen.backup.udid, now: new Date(clock.now()) };
    if (files === 0 && page.length > 0 && long && !config.json) writer.line(longHeading(out));
    for (const file of page) {
      files++;
      bytes += file.facts?.bytes ?? 0;
      if (config.json) writer.line(jsonLine(fileLine(file, of)).trimEnd());
      else writer.line(long ? longLine(file, out) : filePath(file));
    }
    await writer.flush();
  }
  if (files === 0 && selection.describe !== '') throw await nothingSelected(opened, selection, signal);
  end(listing, { files, bytes });
  return 0;
}

async function listDomains(listing: Listing): Promise<number> {
  const { session, chosen, opened, selection } = listing;
  const { config, terminal, clock, signal } = session;
  const sums = await sumDomains(opened, selection, signal);
  if (sums.length === 0 && selection.describe !== '') throw await nothingSelected(opened, selection, signal);
  const of: LineHead = { udid: chosen.backup.udid, now: new Date(clock.now()) };
  const writer = new LineWriter(terminal.out, signal);
  if (config.json) for (const sum of sums) writer.line(jsonLine(domainLine(sum, of)).trimEnd());
  else {
    const { lines, sum } = domainLines(sums, terminal.out);
    for (const line of lines) writer.line(line);
    if (terminal.out.isTerminal) writer.line(sum);
    else if (!config.quiet) terminal.err.line(sum);
  }
  await writer.flush();
  end(listing, sumOf(sums));
  return 0;
}

async function listApps(listing: Listing): Promise<number> {
  const { session, chosen, opened, selection } = listing;
  const { config, terminal, clock, signal } = session;
  const sums = await sumApps(opened, selection, signal);
  if (sums.length === 0 && selection.describe !== '') throw await nothingSelected(opened, selection, signal);
  const of: LineHead = { udid: chosen.backup.udid, now: new Date(clock.now()) };
  const writer = new LineWriter(terminal.out, signal);
  if (config.json) for (const sum of sums) writer.line(jsonLine(appLine(sum, of)).trimEnd());
  else for (const line of appLines(sums, terminal.out)) writer.line(line);
  await writer.flush();
  end(listing, sumOf(sums));
  return 0;
}

/** The last line of JSON. */
function end({ session, chosen }: Listing, sum: Pick<ListEnd, 'files' | 'bytes'>): void {
  const { config, terminal, clock } = session;
  if (!config.json) return;
  const summary = listSummary(
    { command: 'list', exit: 0, version: chosen.version.version, ...sum },
    chosen.backup.udid,
    new Date(clock.now()),
  );
  terminal.out.write(jsonLine(summary));
}

import type { ChosenBackup } from '../operations/choose-backups.js';
import { type BackupDiff, diffBackups } from '../operations/diff/diff.js';
import { withPair } from '../operations/diff/pair.js';
import { diffPieces } from '../ui/diff-document.js';
import { differenceLine, differencesHeading, diffHeading, diffTable, diffWords } from '../ui/diff-screen.js';
import { LineWriter } from '../ui/line-writer.js';
import { untilClosed } from './closed-output.js';
import { BACKUP_CODES, type CommandSpec } from './command.js';
import { password } from './password.js';
import {
  REPEATABLE_SELECTION_OPTIONS,
  SELECTION_OPTIONS,
  SELECTION_ROWS,
  selectionOf,
  TYPES_NOTE,
} from './selection-options.js';
import type { Session } from './session.js';
import { wholeBackup } from './whole-backup.js';

export const diffCommand: CommandSpec = {
  help: {
    name: 'diff',
    sentence: 'What two backups differ in: added, changed and removed files. Without A and B: the last two versions.',
    rows: [
      { flags: 'A B', words: 'versions, of one device or of two, or folders' },
      { flags: '--stat', words: 'by domain, not file by file' },
      ...SELECTION_ROWS,
    ],
    examples: [
      ['ibk diff latest~1 latest --stat', 'what the last backup brought'],
      ['ibk diff @2026-11-01 latest type:photos', 'photos since then'],
      ['ibk diff latest ./other-backup', 'a folder'],
      ['ibk diff --json', 'one document for scripts'],
    ],
    note: `A file is one by its domain and path. It has changed when its content, size, date, mode or kind differ, or where a link points to; the content of two versions of one device is compared by checksums, that of others by what their manifests say. Size is by how much it grew. Only B missing: the latest of the same device. ${TYPES_NOTE}`,
    codes: BACKUP_CODES,
  },
  mostArguments: 3,
  options: ['--stat', ...SELECTION_OPTIONS],
  repeatable: REPEATABLE_SELECTION_OPTIONS,
  run: async (session, options, [a = 'latest~1', b = 'latest', ...words]) => {
    const { config, signal } = session;
    const { root } = config;
    return untilClosed(signal, async () => {
      const { chosen: from, word } = await wholeBackup(session, a, { command: 'ibk diff', measure: false });
      const { chosen: to, word: other } = await wholeBackup(ofDevice(session, from, b), b, {
        command: 'ibk diff',
        measure: false,
      });
      const opening = { root, password: password(session), words: [word, other] as const, signal };
      return withPair(from, to, opening, async (pair) => {
        using diff = await diffBackups(pair, selectionOf(options, words), signal);
        await show(session, diff, [from, to], options['stat'] === true);
        return 0;
      });
    });
  },
};

/** `latest` beside a version means that of the same device. */
function ofDevice(session: Session, { backup, version }: ChosenBackup, word: string): Session {
  if (version.id === null || !/^(?:latest|@)/.test(word)) return session;
  return { ...session, config: { ...session.config, udids: [backup.udid] } };
}

const PAGE = 1000;

async function show(
  { config, terminal, signal }: Session,
  diff: BackupDiff,
  sides: readonly [ChosenBackup, ChosenBackup],
  isStat: boolean,
): Promise<void> {
  const { out, err } = terminal;
  const writer = new LineWriter(out, signal);
  let pending = 0;
  const page = async () => {
    pending += 1;
    if (pending % PAGE === 0) await writer.flush();
  };
  if (config.json) {
    for (const piece of diffPieces(diff, sides, !isStat)) {
      writer.text(piece);
      await page();
    }
    return writer.flush();
  }
  writer.line(diffHeading(...sides, out));
  const { added, changed, removed } = diff.counts;
  const differs = added + changed + removed > 0;
  if (!differs) writer.line('Nothing differs.');
  else if (isStat) for (const line of diffTable([...diff.domains()], diff.counts, out)) writer.line(line);
  else {
    writer.line(differencesHeading(out));
    for (const found of diff.files()) {
      writer.line(differenceLine(found));
      await page();
    }
  }
  await writer.flush();
  if (!differs || isStat || config.quiet) return;
  const screen = out.isTerminal ? out : err;
  screen.line(diffWords(diff.counts));
}

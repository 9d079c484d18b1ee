import { asIbkError, IbkError } from '../errors.js';
import type { ChosenBackup } from '../operations/choose-backups.js';
import { DEFAULT_RESTORE, restore, type RestoreOptions, type RestoreOutcome } from '../operations/restore/restore.js';
import type { RestorePart } from '../operations/restore/part.js';
import type { RestorePlan, RestoreSettings } from '../operations/restore/results.js';
import { chooseView, tellsErrors, type ViewChoice } from '../ui/backup-options.js';
import type { BackupView } from '../ui/backup-view.js';
import { restorePlanDocument } from '../ui/documents.js';
import { printError } from '../ui/errors.js';
import { jsonLine } from '../ui/ndjson.js';
import { refusalLines, restorePlanLines } from '../ui/restore-screen.js';
import { printable } from '../ui/text.js';
import { verifyView } from '../ui/verify-view.js';
import { chooseDevices } from './choose-devices.js';
import { type CommandSpec, DEVICE_CODES, type OwnOptions } from './command.js';
import { password } from './password.js';
import { backUpFirst, refuseOwnFolder } from './restore-backup-first.js';
import { confirmRestore } from './restore-confirm.js';
import { listOf } from './selection-options.js';
import { operationContext, type Session } from './session.js';
import { wholeBackup } from './whole-backup.js';

export const restoreCommand: CommandSpec = {
  help: {
    name: 'restore',
    sentence:
      'Put a backup back on an iPhone: checks everything, shows the plan, asks, then sends. Without BACKUP: the latest.',
    rows: [
      { flags: '--to PHONE', words: 'which device; repeat, or "all" (the same as -u)' },
      { flags: '--only SEL', words: 'this alone: app:ID, type:messages, a domain; repeat' },
      { flags: '--skip SEL', words: 'all but this; repeat' },
      { flags: '--verify MODE', words: 'structure (default), or full: read every file first' },
      { flags: '--backup-first', words: 'back up what is on the iPhone now, before it is replaced' },
      { flags: '--remove', words: 'erase what the backup does not have, too' },
      { flags: '--keep-settings', words: 'the iPhone keeps its present settings' },
      { flags: '--no-system', words: 'leave out system files' },
      { flags: '--copy', words: 'the iPhone copies the backup to itself first' },
      { flags: '--no-reboot', words: 'nothing is in place until you restart it' },
      { flags: '--skip-apps', words: 'do not have the App Store send the apps again' },
    ],
    examples: [
      ['ibk restore --dry-run', 'what would happen'],
      ['ibk restore m2xq8d04 --to "Anna\'s iPhone"', 'an earlier version'],
      ['ibk restore ./00008120-000A1D2E0C88401E', 'the folder of another tool'],
      ['ibk restore t3w8n6c1 --to all --yes', 'a rack of phones'],
    ],
    note: 'Apps come back from the App Store. Find My must be off. The backup is only read. --system and --settings of idevicebackup2 are the default here.',
    codes: [
      ...DEVICE_CODES,
      'partial',
      'not_found',
      'password',
      'damaged',
      'destination',
      'incompatible',
      'unsafe',
      'device_busy',
      'device_precondition',
      'cancelled',
    ],
  },
  options: [
    '--source <BACKUP>',
    '--verify <MODE>',
    '--backup-first',
    '--remove',
    '--keep-settings',
    '--no-system',
    '--system',
    '--settings',
    '--copy',
    '--no-reboot',
    '--skip-apps',
  ],
  repeatable: ['--to <PHONE>', '--only <SEL>', '--skip <SEL>'],
  mostArguments: 1,
  run: runRestore,
};

async function runRestore(session: Session, options: OwnOptions, [typed]: readonly string[]): Promise<number> {
  const { config, terminal, clock, signal, log } = session;
  const { root } = config;
  const word = typed ?? text(options, 'source');
  const part = partOf(options);
  const asked = settingsOf(options);
  const settings = (part?.only.length ?? 0) > 0 ? { ...asked, keepSettings: true } : asked;
  const verify = verifyMode(options);
  let view: BackupView | undefined;
  const context = operationContext(session, (event) => view?.onEvent(event));
  const devices = await chooseDevices(withTargets(session, options), context, 'restore');
  const [first] = devices;
  const chosen = await sourceOf(session, word, first?.udid);
  const backupFirst = options['backupFirst'] === true;
  if (backupFirst) await refuseOwnFolder(session, chosen, devices);
  let failedFirst: number | undefined;
  const choice: ViewChoice = { ...config, log: log === undefined ? undefined : (line) => log.write(line) };
  const progress = verifyView(terminal.err, clock, undefined, config.json || config.quiet);
  const command = `ibk restore${word === undefined ? '' : ` ${word}`}`;
  const request: RestoreOptions = {
    ...{ chosen, devices, root, scratchRoot: root, settings, part, verify, command },
    password: password(session),
    onVerified: (soFar) => progress.progress(soFar),
    decide: async (plans) => {
      await progress.close();
      tellPlan(session, plans);
      if (config.dryRun) return false;
      await confirmRestore(session, plans);
      failedFirst = backupFirst ? await backUpFirst(session, devices) : undefined;
      if (failedFirst !== undefined) return false;
      view = chooseView(choice, {
        ...{ terminal, clock, devices, destination: `from ${printable(chosen.backup.name)}` },
        stallSeconds: config.stallMs / 1000,
      });
      signal.addEventListener('abort', view.stopping, { once: true });
      return true;
    },
  };
  let outcome: RestoreOutcome | undefined;
  try {
    outcome = await restore(context, request);
  } catch (error) {
    await progress.close();
    if (view === undefined) throw error;
    const failure = asIbkError(error);
    view.onEvent({ type: 'error', udid: first?.udid ?? null, error: failure });
    await view.close();
    if (!tellsErrors(choice)) printError(failure, terminal.err, config);
    return failure.exit;
  }
  await progress.close();
  await view?.close();
  if (failedFirst !== undefined) return failedFirst;
  if (outcome.state === 'refused') return refused(session, outcome);
  if (outcome.state === 'planned' && !config.json) terminal.out.line('Nothing was sent.');
  return outcome.exit;
}

/** Without BACKUP: the latest of the phone that it goes to, where there is one. `-u` names phones here, not backups. */
async function sourceOf(session: Session, word: string | undefined, udid: string | undefined): Promise<ChosenBackup> {
  const among = (udids: readonly string[]) =>
    wholeBackup({ ...session, config: { ...session.config, udids } }, word, { command: 'ibk restore', measure: false });
  if (word !== undefined || udid === undefined) return (await among([])).chosen;
  const own = await among([udid]).catch((error: unknown) => {
    if (error instanceof IbkError && error.code === 'not_found') return among([]);
    throw error;
  });
  return own.chosen;
}

function tellPlan({ config, terminal: { out, err }, clock }: Session, plans: readonly RestorePlan[]): void {
  if (config.json) {
    for (const plan of plans) out.write(jsonLine(restorePlanDocument(plan, new Date(clock.now()))));
    return;
  }
  if (config.quiet && !config.dryRun) return;
  // A plan that was asked for is the answer; else it belongs to the question.
  const screen = config.dryRun ? out : err;
  for (const line of restorePlanLines(plans, screen)) screen.line(line);
}

function refused(session: Session, { plans, code, exit }: RestoreOutcome): number {
  const { config, terminal } = session;
  tellPlan(session, plans);
  const failed = plans.flatMap(({ checks }) => checks).filter(({ state }) => state === 'fail');
  const [first] = failed;
  if (config.json && code !== 'ok') {
    const error = new IbkError(
      code,
      `${failed.length === 1 ? '1 check' : `${failed.length} checks`} failed; nothing was sent.`,
      {
        reason: 'checks_failed',
        phase: 'verify',
        ...(first?.hint ? { hint: first.hint } : {}),
      },
    );
    throw error;
  }
  const screen = terminal.err;
  for (const line of refusalLines(plans, screen)) screen.line(line);
  screen.line(screen.style.dim(`  ${code} ${screen.glyphs.dot} exit ${exit}`));
  return exit;
}

/** `--to` names devices, as `-u` does. */
function withTargets(session: Session, options: OwnOptions): Session {
  const to = options['to'];
  const named = typeof to === 'string' ? [to] : Array.isArray(to) ? to : [];
  if (named.length === 0) return session;
  return { ...session, config: { ...session.config, udids: named } };
}

function settingsOf(options: OwnOptions): RestoreSettings {
  return {
    ...DEFAULT_RESTORE,
    system: options['system'] !== false,
    keepSettings: options['keepSettings'] === true,
    remove: options['remove'] === true,
    copy: options['copy'] === true,
    reboot: options['reboot'] !== false,
    skipApps: options['skipApps'] === true,
  };
}

/** Only and skip leave the rest of the phone as it is. @throws IbkError `usage` */
function partOf(options: OwnOptions): RestorePart | undefined {
  const [only, skip] = [listOf(options, 'only'), listOf(options, 'skip')];
  if (only.length + skip.length === 0) return undefined;
  if (options['remove'] === true)
    throw new IbkError('usage', '--remove erases what is not restored, and --only and --skip leave it as it is.', {
      hint: 'Leave one of them out.',
    });
  return { only, skip };
}

function verifyMode(options: OwnOptions): 'structure' | 'full' {
  const mode = text(options, 'verify') ?? 'structure';
  if (mode === 'structure' || mode === 'full') return mode;
  throw new IbkError('usage', `--verify "${mode}" is not known.`, { hint: 'One of: structure, full' });
}

function text(options: OwnOptions, key: string): string | undefined {
  const value = options[key];
  return typeof value === 'string' ? value : undefined;
}

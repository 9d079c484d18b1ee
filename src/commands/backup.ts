import { KILL_POINT_VARIABLE, killPoint } from '../backup/disk/kill-point.js';
import { asIbkError, type IbkError } from '../errors.js';
import { inParallel } from '../io/in-parallel.js';
import { keepHeapSmallBetweenStreams } from '../io/young-garbage.js';
import { type AttemptOptions, backupWithRetries } from '../operations/backup-attempts.js';
import { youngBackups } from '../operations/backup-due.js';
import { backupDevices, type SeveralOptions } from '../operations/backup-several.js';
import { readLastBackup } from '../operations/last-backup.js';
import type { OperationContext } from '../operations/context.js';
import { planBackup } from '../operations/plan-backup.js';
import type { ListedBackup } from '../operations/results.js';
import { checkedTag } from '../operations/retention/tag.js';
import type { SelectedDevice } from '../operations/select-device.js';
import { chooseView, tellsErrors, type ViewChoice } from '../ui/backup-options.js';
import type { BackupView } from '../ui/backup-view.js';
import { planDocument } from '../ui/documents.js';
import { printError } from '../ui/errors.js';
import { eventToJson, jsonLine } from '../ui/ndjson.js';
import { displayPath } from '../ui/paths.js';
import { planLines } from '../ui/plan-screen.js';
import type { KnownDevice } from '../ui/progress-state.js';
import { chooseDevices } from './choose-devices.js';
import { type BackupConditions, readConditions, tellSkipped } from './backup-conditions.js';
import { betweenHooks, HookRecord } from './backup-hooks.js';
import { type CommandSpec, DEVICE_CODES, type OwnOptions } from './command.js';
import { HOOK_NAMES } from './hooks.js';
import { configuredPolicy, REPEATABLE_RETENTION_OPTIONS, RETENTION_OPTIONS, typedPolicy } from './retention.js';
import { operationContext, type Session } from './session.js';

export const backupCommand: CommandSpec = {
  help: {
    name: 'backup',
    sentence: 'Back up one, several or all devices. Only what changed, unless --full.',
    rows: [
      { flags: '--full', words: 'send everything again' },
      { flags: '--if-older-than D', words: 'skip if the newest is younger (--fail-on-skip: exit 4)' },
      { flags: '--require-encrypted', words: 'refuse to make an unencrypted backup' },
      { flags: '--require-mount', words: 'refuse an empty mount point' },
      { flags: '--tag T', words: 'give the new version a tag; repeat' },
      { flags: '--keep-daily N …', words: 'then forget what no rule keeps: ibk forget --help' },
      { flags: '--before CMD', words: 'run by the shell before it all; --after CMD at the end' },
      { flags: '--on-success CMD', words: 'for each device; also --on-failure CMD (see README)' },
      { flags: '--durability MODE', words: 'full, or faster: relaxed, none (see README)  [full]' },
    ],
    examples: [
      ['ibk backup', 'the connected iPhone'],
      ['ibk backup -u all --wait 15m --if-older-than 20h -q', 'from cron'],
      ['ibk backup --keep-daily 7 --keep-weekly 8', 'forgets old ones'],
    ],
    note: 'The iPhone asks for its passcode at each backup (iOS 16.1 and later). iOS decides that; ibk tells you when it waits, for at most --passcode-timeout. With rules, here or in the config file, versions that none of them keeps are forgotten once the new one is there (ibk forget --help).',
    codes: [
      ...DEVICE_CODES,
      'partial',
      'condition',
      'in_use',
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
    '--full',
    '--require-encrypted',
    '--require-mount',
    '--if-older-than <D>',
    '--fail-on-skip',
    ...HOOK_NAMES.map((name) => `--${name} <CMD>`),
    ...RETENTION_OPTIONS,
  ],
  repeatable: ['--tag <T>', ...REPEATABLE_RETENTION_OPTIONS],
  run: async (session, options) => {
    const conditions = readConditions(session, options);
    const { hooks, rootOf } = conditions;
    const record = new HookRecord(rootOf, session.config.root);
    if (session.config.dryRun) return backUp(session, options, conditions, record, async () => {});
    return betweenHooks(session, hooks, record, (before) => backUp(session, options, conditions, record, before));
  },
};

async function backUp(
  session: Session,
  options: OwnOptions,
  conditions: BackupConditions,
  record: HookRecord,
  before: () => Promise<void>,
): Promise<number> {
  const { config, terminal, clock, signal, log } = session;
  let view: BackupView | undefined;
  const tellHeap = keepHeapSmallBetweenStreams(process);
  const context = operationContext(session, (event) => {
    record.hear(event);
    if (event.type === 'phase') tellHeap(event.udid, event.phase === 'receive');
    view?.onEvent(event);
  });
  const chosen = await chooseDevices(session, context, 'backup');
  const { rootOf, ifOlderThan, failOnSkip } = conditions;
  const settings = { ...settingsOf(session, options, conditions), rootOf };
  const young =
    ifOlderThan === undefined ? [] : await youngBackups(context, chosen, { rootOf, olderThanMs: ifOlderThan });
  const skipped = young.map((each) => tellSkipped(session, each, failOnSkip));
  const devices = chosen.filter(({ udid }) => !young.some(({ device }) => device.udid === udid));
  if (config.dryRun) return rehearse(context, devices, settings, session);
  record.devices = devices;
  if (devices.length === 0) return nothingDue(session, context, { ...settings, skipped });
  await before();
  const choice: ViewChoice = { ...config, log: log === undefined ? undefined : (line) => log.write(line) };
  const [only, ...others] = devices;
  const destination = displayPath(only === undefined ? config.root : rootOf(only), terminal.home);
  view = chooseView(choice, {
    terminal,
    clock,
    devices: await knownDevices(devices, rootOf),
    destination,
    stallSeconds: config.stallMs / 1000,
  });
  const { stopping } = view;
  signal.addEventListener('abort', stopping, { once: true });
  let failure: IbkError;
  try {
    if (only === undefined || others.length > 0 || skipped.length > 0)
      return (await backupDevices(context, devices, { ...settings, skipped })).exit;
    return (await backupWithRetries(context, only, { ...settings, root: rootOf(only) })).exit;
  } catch (error) {
    failure = asIbkError(error);
    const event = { type: 'error', udid: only?.udid ?? null, error: failure } as const;
    record.hear(event);
    view.onEvent(event);
  } finally {
    signal.removeEventListener('abort', stopping);
    await view.close();
  }
  if (!tellsErrors(choice)) printError(failure, terminal.err, config);
  return failure.exit;
}

function settingsOf(session: Session, options: OwnOptions, conditions: BackupConditions) {
  const { root, retries, durability } = session.config;
  const { requireEncrypted, requireMount } = conditions;
  const typed = typedPolicy(options);
  const retention = (device: Pick<ListedBackup, 'udid' | 'name'>) => typed ?? configuredPolicy(session, device);
  const tag = options['tag'];
  const tags = (Array.isArray(tag) ? tag : []).flatMap((each) => String(each).split(',')).map(checkedTag);
  const beforeChange = killPoint(session.env[KILL_POINT_VARIABLE]);
  const full = options['full'] === true;
  return { root, tags, retention, full, requireEncrypted, requireMount, retries, durability, beforeChange };
}

/** All are young. The last line of JSON is a summary all the same. */
async function nothingDue(
  { config, terminal: { out }, clock }: Session,
  context: OperationContext,
  settings: AttemptOptions & SeveralOptions,
): Promise<number> {
  const summary = await backupDevices(context, [], settings);
  if (config.json) out.write(jsonLine(eventToJson(summary, new Date(clock.now()))));
  return summary.exit;
}

async function rehearse(
  context: OperationContext,
  devices: readonly SelectedDevice[],
  settings: AttemptOptions & SeveralOptions,
  { config, terminal: { out }, terminal }: Session,
): Promise<number> {
  for (const device of devices) {
    const plan = await planBackup(context, device, { ...settings, root: settings.rootOf?.(device) ?? settings.root });
    if (config.json) out.write(jsonLine(planDocument(plan)));
    else for (const line of planLines(plan, terminal)) out.line(line);
  }
  if (!config.json) out.line('Nothing was changed.');
  return 0;
}

function knownDevices(devices: readonly SelectedDevice[], rootOf: BackupConditions['rootOf']): Promise<KnownDevice[]> {
  return inParallel(devices, async ({ udid, name, productType }) => {
    const last = await readLastBackup(rootOf({ udid, name }), udid);
    return { udid, name, productType, isFirstBackup: last.kind === 'none' };
  });
}

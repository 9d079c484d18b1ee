import { KILL_POINT_VARIABLE, killPoint } from '../backup/kill-point.js';
import { asIbkError, type IbkError } from '../errors.js';
import { inParallel } from '../io/in-parallel.js';
import { collectYoungGarbageOften } from '../io/young-garbage.js';
import { type AttemptOptions, backupWithRetries } from '../operations/backup-attempts.js';
import { backupDevices } from '../operations/backup-several.js';
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
import { jsonLine } from '../ui/ndjson.js';
import { displayPath } from '../ui/paths.js';
import { planLines } from '../ui/plan-screen.js';
import type { KnownDevice } from '../ui/progress-state.js';
import { chooseDevices } from './choose-devices.js';
import { type CommandSpec, DEVICE_CODES } from './command.js';
import { configuredPolicy, REPEATABLE_RETENTION_OPTIONS, RETENTION_OPTIONS, typedPolicy } from './retention.js';
import { operationContext, type Session } from './session.js';

export const backupCommand: CommandSpec = {
  help: {
    name: 'backup',
    sentence: 'Back up one, several or all devices. Only what changed, unless --full.',
    rows: [
      { flags: '--full', words: 'send everything again' },
      { flags: '--require-encrypted', words: 'refuse to make an unencrypted backup' },
      { flags: '--tag T', words: 'give the new version a tag; repeat' },
      { flags: '--keep-daily N …', words: 'then forget what no rule keeps: ibk forget --help' },
      { flags: '--durability MODE', words: 'full, or faster: relaxed, none (see README)  [full]' },
    ],
    examples: [
      ['ibk backup', 'the connected iPhone'],
      ['ibk backup -u all --network --wait 15m -q', 'from cron'],
      ['ibk backup --keep-daily 7 --keep-weekly 8', 'and forget what these leave'],
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
  options: ['--full', '--require-encrypted', ...RETENTION_OPTIONS],
  repeatable: ['--tag <T>', ...REPEATABLE_RETENTION_OPTIONS],
  run: async (session, options) => {
    collectYoungGarbageOften(process.versions.node);
    const { config, terminal, clock, signal, log } = session;
    let view: BackupView | undefined;
    const context = operationContext(session, (event) => view?.onEvent(event));
    const devices = await chooseDevices(session, context, 'backup');
    const beforeChange = killPoint(session.env[KILL_POINT_VARIABLE]);
    const { root, retries, durability } = config;
    const full = options['full'] === true;
    const requireEncrypted = options['requireEncrypted'] === true;
    const typed = typedPolicy(options);
    const retention = (device: Pick<ListedBackup, 'udid' | 'name'>) => typed ?? configuredPolicy(session, device);
    const tag = options['tag'];
    const tags = (Array.isArray(tag) ? tag : []).flatMap((each) => String(each).split(',')).map(checkedTag);
    const settings = { root, tags, retention, full, requireEncrypted, retries, durability, beforeChange };
    if (config.dryRun) return rehearse(context, devices, settings, session);
    const choice: ViewChoice = { ...config, log: log === undefined ? undefined : (line) => log.write(line) };
    const destination = displayPath(config.root, terminal.home);
    view = chooseView(choice, {
      terminal,
      clock,
      devices: await knownDevices(devices, config.root),
      destination,
      stallSeconds: config.stallMs / 1000,
    });
    const { stopping } = view;
    signal.addEventListener('abort', stopping, { once: true });
    let failure: IbkError;
    try {
      const [only, ...others] = devices;
      if (only !== undefined && others.length === 0) return (await backupWithRetries(context, only, settings)).exit;
      return (await backupDevices(context, devices, settings)).exit;
    } catch (error) {
      failure = asIbkError(error);
      view.onEvent({ type: 'error', udid: devices[0]?.udid ?? null, error: failure });
    } finally {
      signal.removeEventListener('abort', stopping);
      await view.close();
    }
    if (!tellsErrors(choice)) printError(failure, terminal.err, config);
    return failure.exit;
  },
};

async function rehearse(
  context: OperationContext,
  devices: readonly SelectedDevice[],
  settings: AttemptOptions,
  { config, terminal: { out }, terminal }: Session,
): Promise<number> {
  for (const device of devices) {
    const plan = await planBackup(context, device, settings);
    if (config.json) out.write(jsonLine(planDocument(plan)));
    else for (const line of planLines(plan, terminal)) out.line(line);
  }
  if (!config.json) out.line('Nothing was changed.');
  return 0;
}

function knownDevices(devices: readonly SelectedDevice[], root: string): Promise<KnownDevice[]> {
  return inParallel(devices, async ({ udid, name, productType }) => {
    const last = await readLastBackup(root, udid);
    return { udid, name, productType, isFirstBackup: last.kind === 'none' };
  });
}

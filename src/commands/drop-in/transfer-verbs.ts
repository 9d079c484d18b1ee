/** `backup` and `restore`. */
import { IbkError } from '../../errors.js';
import { backupWithRetries } from '../../operations/backup-attempts.js';
import { restore } from '../../operations/restore/restore.js';
import type { RestoreSettings } from '../../operations/restore/results.js';
import { udidKey } from '../../protocol/usbmux/udid.js';
import {
  backupOf,
  chosenDevice,
  contextOf,
  type DropIn,
  firstDevice,
  requireDirectory,
  requireValid,
} from './drop-in.js';
import { dropInReport } from './report.js';
import { refusal } from './result.js';

/** Into DIRECTORY as a root: `DIRECTORY/<UDID>` is the plain folder, and `DIRECTORY/.ibk` keeps what it replaces. @throws IbkError */
export async function runBackup(drop: DropIn): Promise<void> {
  const { asked, session, directory, root } = drop;
  await requireDirectory(drop);
  const { out } = session.terminal;
  const ctx = contextOf(drop, dropInReport(session.terminal, asked.full).onEvent);
  const device = await firstDevice(drop, ctx);
  if (asked.source !== undefined && udidKey(asked.source) !== udidKey(device.udid)) {
    throw new IbkError('usage', 'A device is backed up to its own folder only.', {
      hint: 'Leave out -s. With it the backup of another device would be overwritten.',
    });
  }
  out.line(`Backup directory is "${directory}"`);
  const { durability } = session.config;
  await backupWithRetries(ctx, device, { root, full: asked.full, durability, retries: 0 });
  out.line('Backup Successful.');
}

/** Unlike idevicebackup2 it looks first, and sends nothing while something is in the way. @throws IbkError */
export async function runRestore(drop: DropIn): Promise<void> {
  const { asked, session, directory, root, passwords } = drop;
  await requireDirectory(drop);
  const { out } = session.terminal;
  const ctx = contextOf(drop, dropInReport(session.terminal, false).onEvent);
  const device = await chosenDevice(drop, ctx);
  const udid = asked.source ?? device.udid;
  await requireValid(drop, udid);
  const backup = await backupOf(drop, udid);
  const [version] = backup?.versions ?? [];
  if (backup === undefined || version === undefined || !version.complete) {
    throw new IbkError('damaged', 'Cannot ensure we restore from a successful backup.', {
      meaning: 'The backup there is unfinished. Nothing was sent to the device.',
    });
  }
  out.line(`Backup directory is "${directory}"`);
  const settings = settingsOf(drop);
  tellSettings(drop, settings);
  const outcome = await restore(ctx, {
    ...{ chosen: { backup, version }, devices: [device], root, scratchRoot: root, settings, verify: 'structure' },
    password: passwords.forBackup(),
    decide: async () => true,
    command: 'ibk idevicebackup2 restore',
  });
  if (outcome.state === 'refused') throw refusal(outcome.plans);
  out.line('Restore Successful.');
}

/** Its defaults, not those of `ibk restore`: without options the device keeps its settings and its system files. */
function settingsOf({ asked }: DropIn): RestoreSettings {
  const { system, remove, copy, reboot, skipApps } = asked;
  return { system, remove, copy, reboot, skipApps, keepSettings: !asked.settings };
}

function tellSettings({ session }: DropIn, settings: RestoreSettings): void {
  const { out } = session.terminal;
  const answers: readonly (readonly [string, boolean])[] = [
    ['Restoring system files', settings.system],
    ['Rebooting after restore', settings.reboot],
    ["Don't copy backup", !settings.copy],
    ['Preserve settings of device', settings.keepSettings],
    ['Remove items that are not restored', settings.remove],
  ];
  out.line('Starting Restore...');
  for (const [what, answer] of answers) out.line(`${what}: ${answer ? 'Yes' : 'No'}`);
}

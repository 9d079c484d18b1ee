/** `ibk backup --dry-run`: what would be done. The phone's backup service is not started, so no passcode is asked for, and nothing is changed anywhere. */
import { join } from 'node:path';
import { describeBackup } from '../backup/reader/describe.js';
import { freeBytes } from '../io/disk-space.js';
import { isPasscodeSet } from '../protocol/services/diagnostics-relay.js';
import type { BackupOptions } from './backup.js';
import { refuseUnencrypted } from './backup-conditions.js';
import type { OperationContext } from './context.js';
import { factsOf } from './device-names.js';
import { readLastBackup } from './last-backup.js';
import { measureBackup } from './list-backups.js';
import { newestVersion } from './newest-version.js';
import { openSelected } from './open-device.js';
import type { BackupPlan } from './results.js';
import type { SelectedDevice } from './select-device.js';

/** @throws IbkError `not_paired` when there is no trust yet, and as opening a device */
export async function planBackup(
  ctx: OperationContext,
  selected: SelectedDevice,
  { root, full, requireEncrypted }: BackupOptions,
): Promise<BackupPlan> {
  await using held = await openSelected(ctx, selected, { pair: 'never' });
  const { device } = held;
  const encrypted = (await device.getValue('com.apple.mobile.backup', 'WillEncrypt')) === true;
  if (!encrypted && requireEncrypted === true)
    refuseUnencrypted(device.noun, device.text('DeviceName') ?? selected.name);
  const folder = join(root, device.udid);
  const found = await describeBackup(folder, device.udid).catch(() => undefined);
  const current = newestVersion(root, device.udid);
  const continues = found?.complete === true && found.encrypted === encrypted;
  return {
    udid: device.udid,
    device: factsOf({
      name: device.text('DeviceName') ?? selected.name,
      productType: device.text('ProductType'),
      ios: device.text('ProductVersion'),
    }),
    link: selected.entry.link,
    root,
    kind: full || !continues ? 'full' : 'incremental',
    encrypted,
    needsPasscode: await asksPasscode(ctx, held.device),
    lastBackup: await readLastBackup(root, device.udid),
    lastVersion: current?.id ?? null,
    lastBackupBytes: current?.facts.bytes ?? (found === undefined ? null : await measured(folder)),
    freeBytes: await freeBytes(root).catch(() => null),
  };
}

function measured(folder: string): Promise<number | null> {
  return measureBackup(folder).then(
    ({ bytes }) => bytes,
    () => null,
  );
}

/** iOS 16.1 and later ask at each backup, and 15.7.1 and later of 15 (libimobiledevice #1380); a phone without a passcode does not. */
async function asksPasscode(
  ctx: OperationContext,
  device: Parameters<typeof isPasscodeSet>[0],
): Promise<boolean | null> {
  const [major = 0, minor = 0, patch = 0] = (device.text('ProductVersion') ?? '').split('.').map(Number);
  const asks =
    major > 16 || (major === 16 && minor >= 1) || (major === 15 && (minor > 7 || (minor === 7 && patch >= 1)));
  if (!asks) return false;
  const set = await isPasscodeSet(device, ctx, { signal: ctx.signal }).catch(() => undefined);
  ctx.signal.throwIfAborted();
  return set ?? null;
}

/** `backup --if-older-than 20h`: which devices have a younger backup already. Nothing is asked of them. */
import type { OperationContext } from './context.js';
import { readLastBackup } from './last-backup.js';
import type { SelectedDevice } from './select-device.js';

export interface YoungBackup {
  readonly device: SelectedDevice;
  readonly madeAt: Date;
  readonly ageMs: number;
}

/**
 * Only a complete backup counts. One from the future (a clock that was wrong) does not: the phone would not be backed up until then.
 * @returns those that are young enough; the others are due
 */
export async function youngBackups(
  ctx: Pick<OperationContext, 'clock'>,
  devices: readonly SelectedDevice[],
  { rootOf, olderThanMs }: { readonly rootOf: (device: SelectedDevice) => string; readonly olderThanMs: number },
): Promise<YoungBackup[]> {
  const young: YoungBackup[] = [];
  for (const device of devices) {
    const last = await readLastBackup(rootOf(device), device.udid);
    if (last.kind !== 'complete') continue;
    const ageMs = ctx.clock.now() - last.madeAt.getTime();
    if (ageMs >= 0 && ageMs < olderThanMs) young.push({ device, madeAt: last.madeAt, ageMs });
  }
  return young;
}

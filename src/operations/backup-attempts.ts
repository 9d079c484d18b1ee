/** `--retries`: a backup whose connection was lost is run again when the device is back. iOS decides what it sends again. */
import { type ErrorCode, IbkError } from '../errors.js';
import type { BackupSummary } from '../events.js';
import { type BackupOptions, backupDevice } from './backup.js';
import type { OperationContext } from './context.js';
import { type SelectedDevice, selectDevices } from './select-device.js';

/** What may go by itself. What a person has to do (unlock, tap Trust) is not tried again behind their back. */
const PASSING: ReadonlySet<ErrorCode> = new Set(['connection_lost', 'timeout', 'device_busy', 'usbmuxd']);
/** At least this long for a cable to be plugged in again. */
const LEAST_WAIT_MS = 60_000;

export interface AttemptOptions extends BackupOptions {
  /** How often to run again; 0: not at all. */
  readonly retries: number;
}

/**
 * As `backupDevice`; before each further attempt it emits a `warning` with the reason `retrying`.
 * @throws IbkError the failure of the last attempt
 */
export async function backupWithRetries(
  ctx: OperationContext,
  device: SelectedDevice,
  options: AttemptOptions,
): Promise<BackupSummary> {
  let target = device;
  for (let attempt = 1; ; attempt++) {
    try {
      return await backupDevice(ctx, target, options);
    } catch (error) {
      const passing = error instanceof IbkError && PASSING.has(error.code);
      if (!passing || attempt > options.retries || ctx.signal.aborted) throw error;
      const message = `${error.message} Trying again, ${attempt} of ${options.retries}.`;
      ctx.onEvent({ type: 'warning', udid: device.udid, reason: 'retrying', message, hint: null });
      target = await whenBack(ctx, device).catch(() => {
        throw error;
      });
    }
  }
}

/** The same device, over the same link if it can be. */
async function whenBack(ctx: OperationContext, { udid, entry }: SelectedDevice): Promise<SelectedDevice> {
  const waitMs = Math.max(LEAST_WAIT_MS, ctx.timeouts.waitMs);
  const [found] = await selectDevices(ctx, { udids: [udid], link: entry.link, waitMs });
  if (found === undefined) throw new IbkError('no_device', 'The device did not come back.');
  return found;
}

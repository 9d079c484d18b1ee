/**
 * One request to the phone's backup service that is neither a backup nor a restore: its services, the request, and the word of the passcode prompt while
 * the phone waits for its owner.
 */
import type { LinkEvents } from '../protocol/devicelink/serve.js';
import type { OpenedDevice } from '../protocol/lockdown/device.js';
import type { MobileBackup2 } from '../protocol/mobilebackup2/client.js';
import type { FinalAnswer } from '../protocol/mobilebackup2/errors.js';
import { BackupSession } from './backup-session.js';
import { BackupWatch, type PasscodeReporter } from './backup-watch.js';
import type { OperationContext } from './context.js';

export interface PhoneRequest {
  /** What runs, in words: `change`. */
  readonly what: string;
  readonly notEntered: { readonly meaning: string; readonly hint: string };
  /** Sends it, and serves the phone until its answer. */
  readonly exchange: (backup: MobileBackup2, events: LinkEvents) => Promise<FinalAnswer>;
}

/**
 * Emits `prompt` events.
 * @returns the phone's answer, whatever it says
 * @throws IbkError as opening a service and `DeviceLink.exchange`; `cancelled`, `device_locked`
 */
export async function askPhone(
  ctx: OperationContext,
  device: OpenedDevice,
  { what, notEntered, exchange }: PhoneRequest,
): Promise<FinalAnswer> {
  const stop = new AbortController();
  const watched = { ...ctx, signal: AbortSignal.any([ctx.signal, stop.signal]) };
  const session = new BackupSession(device, ctx.clock);
  const { udid, noun } = device;
  const reporter = new PromptReporter(ctx, udid);
  try {
    const proxy = await session.openNotifications(watched);
    const backup = await session.openBackup(watched);
    const watch = new BackupWatch({
      ...{ ctx: watched, noun, reporter, what, notEntered },
      pauseStall: () => backup.link.pauseStall(),
      stop: (error) => stop.abort(error),
    });
    watch.start(proxy);
    try {
      reporter.begin();
      const answer = await exchange(backup, {
        ...NO_EVENTS,
        onRequest: ({ kind }) => {
          if (kind === 'downloadFiles') watch.passcodeAnswered();
        },
      });
      await session.release(false);
      return answer;
    } catch (error) {
      await session.release(true);
      throw watch.cancelled ?? error;
    } finally {
      await watch.end();
    }
  } finally {
    await session.release(true);
  }
}

const ignore = () => undefined;
const NO_EVENTS = { onFailedUpload: ignore, onHostFailure: ignore, onFreeSpace: ignore };

/** The watch takes a prompt for ours only while the phone works on the request. */
class PromptReporter implements PasscodeReporter {
  phase: 'connect' | 'scan' | 'passcode' = 'connect';

  constructor(
    private readonly ctx: OperationContext,
    private readonly udid: string,
  ) {}

  begin(): void {
    this.phase = 'scan';
  }

  passcode(state: 'shown' | 'answered', timeoutSeconds: number): void {
    this.phase = state === 'shown' ? 'passcode' : 'scan';
    this.ctx.onEvent({ type: 'prompt', udid: this.udid, prompt: 'passcode', state, timeoutSeconds });
  }
}

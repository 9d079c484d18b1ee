/**
 * What a backup holds on the phone while it runs: notifications, AFC, the sync lock and the backup service, opened in the order of idevicebackup2 and given
 * back in the reverse one, within ten seconds, whatever has happened.
 */
import type { Clock } from '../io/clock.js';
import { MobileBackup2 } from '../protocol/mobilebackup2/client.js';
import type { OpenedDevice } from '../protocol/lockdown/device.js';
import { type Afc, openAfc } from '../protocol/services/afc.js';
import { DEVICE_NOTIFICATION, SERVICE } from '../protocol/services/names.js';
import { type NotificationProxy, openNotificationProxy } from '../protocol/services/notification-proxy.js';
import { acquireSyncLock } from '../protocol/services/sync-lock.js';
import type { OperationContext } from './context.js';

/** Longest time for telling the phone that we are done. */
const RELEASE_MS = 10_000;

export class BackupSession {
  readonly #clock: Clock;
  /** Last taken, first given back. */
  readonly #giveBack: (() => PromiseLike<void>)[] = [];
  /** At once and for good, when giving back has taken too long. */
  readonly #close: (() => void)[] = [];
  #backup: MobileBackup2 | undefined;
  #released: Promise<void> | undefined;

  /** Takes over the device: it is released with the rest. */
  constructor(
    readonly device: OpenedDevice,
    clock: Clock,
  ) {
    this.#clock = clock;
    this.#giveBack.push(() => device.release());
  }

  async openNotifications(ctx: OperationContext): Promise<NotificationProxy> {
    const proxy = await openNotificationProxy(this.device, ctx, { signal: ctx.signal });
    this.#giveBack.push(() => proxy.shutdown());
    this.#close.push(() => proxy.close());
    await proxy.observe(Object.values(DEVICE_NOTIFICATION), { signal: ctx.signal });
    return proxy;
  }

  async openAfc(ctx: OperationContext): Promise<Afc> {
    const afc = await openAfc(this.device, ctx, { signal: ctx.signal });
    this.#close.push(() => afc.close());
    return afc;
  }

  /** The escrow bag lets the phone read its files while it is locked. */
  async openBackup(ctx: OperationContext): Promise<MobileBackup2> {
    const connection = await this.device.startService(SERVICE.mobileBackup2, { escrowBag: true, signal: ctx.signal });
    const { clock, signal, timeouts, trace } = ctx;
    const { stallMs, answerMs } = timeouts;
    const backup = await MobileBackup2.open(connection, { clock, signal, trace, stallMs, answerMs });
    this.#backup = backup;
    this.#giveBack.push(() => this.#disconnect());
    this.#close.push(() => backup.link.end('done'));
    return backup;
  }

  async lockSync(ctx: OperationContext, afc: Afc, proxy: NotificationProxy): Promise<void> {
    const lock = await acquireSyncLock({ afc, proxy, ctx });
    this.#giveBack.push(() => lock[Symbol.asyncDispose]());
  }

  /**
   * Never throws; whatever has not answered after ten seconds is closed. Afterwards every notification that the phone had sent has been seen.
   * @param failed the phone is told first that nothing more will come
   */
  release(failed: boolean): Promise<void> {
    this.#released ??= this.#release(failed);
    return this.#released;
  }

  async #release(failed: boolean): Promise<void> {
    const done = new AbortController();
    const late = this.#clock.sleep(RELEASE_MS, done.signal).catch(() => undefined);
    const steps = this.#giveBack.reverse();
    if (failed) steps.unshift(() => this.#disconnect());
    for (const step of steps) await Promise.race([quietly(step), late]);
    done.abort();
    await late;
    for (const close of this.#close) close();
  }

  async #disconnect(): Promise<void> {
    await this.#backup?.link.disconnect(new AbortController().signal);
  }
}

async function quietly(step: () => PromiseLike<void>): Promise<void> {
  try {
    await step();
  } catch {
    // The end of a job does not fail for what could not be given back.
  }
}

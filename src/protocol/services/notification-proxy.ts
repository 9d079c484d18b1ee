/**
 * notification_proxy: `{Command: ObserveNotification|PostNotification, Name}`, neither acknowledged; `RelayNotification` from the device.
 * After posting, `Shutdown` is sent and `ProxyDeath` awaited before closing, or the post may be lost (libimobiledevice does so).
 *
 *   const proxy = await openNotificationProxy(device, ctx);
 *   await proxy.observe([...]); await proxy.post(name);
 *   for await (const name of proxy.notifications(signal)) …       // one consumer
 *   await proxy.shutdown();                                        // bounded; never throws
 */
import { IbkError } from '../../errors.js';
import { orAborted, within } from '../../io/abort.js';
import type { Clock } from '../../io/clock.js';
import { optionalString } from '../../plist/fields.js';
import { plistDict } from '../../plist/value.js';
import type { ProtocolContext } from '../context.js';
import type { OpenedDevice, StartServiceOptions } from '../lockdown/device.js';
import { PlistChannel, type WaitOptions } from '../plist-channel.js';
import type { Connection } from '../transport.js';
import { SERVICE } from './names.js';

/** libimobiledevice waits 30 s; a device answers at once or not at all. */
const DEATH_TIMEOUT_MS = 5000;

export class NotificationProxy {
  readonly #channel: PlistChannel;
  readonly #clock: Clock;
  #reading: Promise<void> | undefined;
  #dead = false;

  constructor(connection: Connection, ctx: ProtocolContext) {
    this.#channel = new PlistChannel(connection, ctx, 'notification_proxy', SERVICE.notificationProxy);
    this.#clock = ctx.clock;
  }

  /** Aborts when the connection is gone. */
  get closed(): AbortSignal {
    return this.#channel.connection.closed;
  }

  async observe(names: readonly string[], options: WaitOptions = {}): Promise<void> {
    for (const name of names) await this.#send('ObserveNotification', name, options);
  }

  async post(name: string, options: WaitOptions = {}): Promise<void> {
    await this.#send('PostNotification', name, options);
  }

  /**
   * Names of observed notifications as they come, until ProxyDeath. The only wait in ibk without a limit of its own: it ends with the
   * signal or the connection.
   * @throws IbkError `connection_lost`, or the signal's reason
   */
  async *notifications(signal: AbortSignal): AsyncGenerator<string, void> {
    let finished = () => {};
    this.#reading = new Promise((resolve) => {
      finished = resolve;
    });
    try {
      while (!this.#dead) {
        const message = await this.#channel.receive({ signal, timeoutMs: Number.POSITIVE_INFINITY });
        const command = optionalString(message, 'Command');
        if (command === 'ProxyDeath') this.#dead = true;
        const name = optionalString(message, 'Name');
        if (command === 'RelayNotification' && name !== undefined) yield name;
      }
    } finally {
      this.#reading = undefined;
      finished();
    }
  }

  /** Says goodbye so that posts are not lost, waits for the answer for at most five seconds, closes. Never throws. */
  async shutdown(): Promise<void> {
    const { closed } = this.#channel.connection;
    const options = { signal: closed, timeoutMs: DEATH_TIMEOUT_MS };
    try {
      if (closed.aborted || this.#dead) return;
      await this.#channel.send('Shutdown', plistDict({ Command: 'Shutdown' }), options);
      // Somebody is still reading: that loop will see ProxyDeath.
      const reading = this.#reading;
      if (reading !== undefined) await this.#bounded((signal) => orAborted(reading, signal));
      else await this.#bounded((signal) => this.#untilDeath(signal));
    } catch {
      // Whatever is wrong with it now, it is being closed.
    } finally {
      this.#channel.close();
    }
  }

  close(): void {
    this.#channel.close();
  }

  /** A device that tells of other things without end is not waited for. */
  async #untilDeath(signal: AbortSignal): Promise<void> {
    while (optionalString(await this.#channel.receive({ signal }), 'Command') !== 'ProxyDeath');
  }

  #bounded(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const { closed } = this.#channel.connection;
    const onTimeout = () => new IbkError('timeout', 'notification_proxy did not end in time.');
    return within({ clock: this.#clock, timeoutMs: DEATH_TIMEOUT_MS, signal: closed, onTimeout }, work);
  }

  async #send(command: string, name: string, options: WaitOptions): Promise<void> {
    await this.#channel.send(command, plistDict({ Command: command, Name: name }), options);
  }
}

/** @throws IbkError as `OpenedDevice.startService` */
export async function openNotificationProxy(
  device: OpenedDevice,
  ctx: ProtocolContext,
  options: StartServiceOptions = {},
): Promise<NotificationProxy> {
  return new NotificationProxy(await device.startService(SERVICE.notificationProxy, options), ctx);
}

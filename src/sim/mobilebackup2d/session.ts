/** One connection to the backup service: what all its operations share. */
import { IbkError } from '../../errors.js';
import type { BackupPhase } from '../scenarios/backup.js';
import { PLACEHOLDER, type PhoneDeviceLink } from './device-link.js';
import { ConnectionOver, FinalAnswer, ProtocolViolation } from './endings.js';
import { type BackupFaults, finalText } from './faults.js';
import type { HostDisk } from './host-disk.js';
import type { BackupPhone } from './phone.js';

/** How long a phone that was told to stop waits for the computer to close (inferred). */
const CANCEL_WAIT_MS = 30_000;
const CANCEL_NOTIFICATION = 'com.apple.itunes-client.syncCancelRequest';

export class BackupSession {
  constructor(
    readonly phone: BackupPhone,
    readonly link: PhoneDeviceLink,
    readonly disk: HostDisk,
    readonly faults: BackupFaults,
  ) {}

  /** A path in the phone's folder on the computer. */
  hostPath(relative: string): string {
    return `${this.phone.udid}/${relative}`;
  }

  /** Comes to a phase: whatever a scenario wants to happen there happens. */
  async enter(phase: BackupPhase): Promise<void> {
    const { phone, faults } = this;
    const silenceMs = faults.silenceMs(phase);
    if (silenceMs > 0) await phone.clock.sleep(silenceMs, this.link.attended);
    if (faults.isAt('cancel', phase)) phone.notify(CANCEL_NOTIFICATION);
    if (faults.isAt('cancel', phase) || phone.cancelRequested) await this.cancel();
    // In `receive` the cable is pulled in the middle of a file instead.
    if (faults.isAt('cut', phase) && phase !== 'receive') this.pullCable();
    // Before the version exchange nothing has been asked that could be answered.
    const code = phase === 'connect' ? undefined : faults.finalCode(phase);
    if (code !== undefined) throw new FinalAnswer(code, finalText(code, phone.udid));
  }

  pullCable(): never {
    this.phone.unplug();
    throw new ConnectionOver('cable pulled');
  }

  /** Stopped at the phone: the computer has been told by a notification, and is expected to close. */
  async cancel(): Promise<never> {
    await this.goodbye(CANCEL_WAIT_MS);
    throw new ConnectionOver('cancelled on the phone');
  }

  /** Waits until the computer disconnects or closes, or the time is over. */
  async goodbye(timeoutMs: number): Promise<void> {
    try {
      while ((await this.link.receive(timeoutMs)).name !== 'DLMessageDisconnect');
    } catch (error) {
      if (error instanceof ProtocolViolation || !(error instanceof IbkError)) throw error;
    }
  }

  async disconnect(): Promise<void> {
    await this.link.send(['DLMessageDisconnect', PLACEHOLDER]);
  }
}

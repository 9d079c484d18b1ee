/** mobilebackup2 over Device Link: the greeting, and a backup up to the phone's final answer. */
import { IbkError } from '../../errors.js';
import { asInteger, field } from '../../plist/fields.js';
import type { DeviceLinkHost } from '../devicelink/host.js';
import { DeviceLink, type LinkOptions } from '../devicelink/link.js';
import type { LinkEvents } from '../devicelink/serve.js';
import type { Connection } from '../transport.js';
import { type FinalAnswer, readFinalAnswer } from './errors.js';
import {
  type BackupRequest,
  backupRequest,
  changePasswordRequest,
  cloudBackupRequest,
  eraseRequest,
  helloRequest,
  type PasswordChange,
  type PhoneSideRequest,
  phoneSideRequest,
  type RestoreRequest,
  restoreRequest,
} from './requests.js';

export class MobileBackup2 {
  readonly link: DeviceLink;

  private constructor(link: DeviceLink) {
    this.link = link;
  }

  /**
   * Version exchange and Hello.
   * @throws IbkError `incompatible` when there is no common version; `device_error`, `connection_lost`, `timeout`, the signal's reason
   */
  static async open(connection: Connection, options: LinkOptions): Promise<MobileBackup2> {
    const link = await DeviceLink.open(connection, options);
    try {
      const answer = await link.ask(helloRequest());
      const errorCode = asInteger(field(answer, 'ErrorCode') ?? 0, "ErrorCode of the iPhone's greeting");
      // 1 is "no common version" (libimobiledevice); any other is a refusal too.
      if (errorCode !== 0) {
        throw new IbkError('incompatible', "This iPhone speaks another version of Apple's backup protocol.", {
          reason: 'protocol_version',
          deviceErrorCode: errorCode,
        });
      }
      return new MobileBackup2(link);
    } catch (error) {
      link.end('failed');
      throw error;
    }
  }

  /** Serves the phone until its final answer. @throws as `DeviceLink.exchange` */
  async backup(request: BackupRequest, host: DeviceLinkHost, events: LinkEvents): Promise<FinalAnswer> {
    return readFinalAnswer(await this.link.exchange(backupRequest(request), host, events));
  }

  /** Serves the phone until its final answer; it restarts by itself soon after. @throws as `DeviceLink.exchange` */
  async restore(request: RestoreRequest, host: DeviceLinkHost, events: LinkEvents): Promise<FinalAnswer> {
    return readFinalAnswer(await this.link.exchange(restoreRequest(request), host, events));
  }

  /** The phone has no business with a disk here; iOS 13 and later wants its passcode. @throws as `DeviceLink.exchange` */
  async changePassword(change: PasswordChange, host: DeviceLinkHost, events: LinkEvents): Promise<FinalAnswer> {
    return readFinalAnswer(await this.link.exchange(changePasswordRequest(change), host, events));
  }

  /** The phone reads the backup through the host; the answer's `content` has its words. @throws as `DeviceLink.exchange` */
  async phoneSide(request: PhoneSideRequest, host: DeviceLinkHost, events: LinkEvents): Promise<FinalAnswer> {
    return readFinalAnswer(await this.link.exchange(phoneSideRequest(request), host, events));
  }

  /** iCloud backup on or off. @throws as `DeviceLink.exchange` */
  async cloudBackup(udid: string, on: boolean, host: DeviceLinkHost, events: LinkEvents): Promise<FinalAnswer> {
    return readFinalAnswer(await this.link.exchange(cloudBackupRequest(udid, on), host, events));
  }

  /** Most phones erase themselves without an answer: `connection_lost` is then what success looks like. @throws as `DeviceLink.exchange` */
  async erase(udid: string, host: DeviceLinkHost, events: LinkEvents): Promise<FinalAnswer> {
    return readFinalAnswer(await this.link.exchange(eraseRequest(udid), host, events));
  }
}

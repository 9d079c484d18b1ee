/** The part of a backup that needs the phone: services, sync lock, Info.plist, the request, and serving the phone until its final answer. */
import type { StoreLease } from '../backup/lease.js';
import { fileIdOf } from '../backup/records/names.js';
import { IbkError } from '../errors.js';
import type { LinkEvents } from '../protocol/devicelink/serve.js';
import { errnoName } from '../protocol/devicelink/status.js';
import type { FailedUpload } from '../protocol/devicelink/uploads.js';
import type { OpenedDevice } from '../protocol/lockdown/device.js';
import type { MobileBackup2 } from '../protocol/mobilebackup2/client.js';
import { answerError, type FinalAnswer, neededBytes } from '../protocol/mobilebackup2/errors.js';
import type { MuxDevice } from '../protocol/usbmux/messages.js';
import { gatherInfoPlist } from './backup-info.js';
import type { BackupReporter } from './backup-reporter.js';
import type { BackupSession } from './backup-session.js';
import { BackupWatch } from './backup-watch.js';
import { noSpaceError } from './backup-words.js';
import type { OperationContext } from './context.js';
import { shownDevicePath, shownReason } from './device-domains.js';
import { lostConnection } from './lost-connection.js';
import { StoreHost } from './store-host.js';

export interface ReceiveOptions {
  readonly ctx: OperationContext;
  readonly device: OpenedDevice;
  /** The muxer's entry of the connection that is used. */
  readonly entry: MuxDevice;
  readonly session: BackupSession;
  readonly lease: StoreLease;
  readonly full: boolean;
  readonly noun: string;
  readonly reporter: BackupReporter;
  /** Ends the work with the phone with this error. */
  readonly stop: (error: IbkError) => void;
}

export interface ReceivedBackup {
  readonly files: number;
  readonly bytes: number;
  /** What the phone could not send, although it called the backup a success. */
  readonly failed: readonly FailedUpload[];
}

/**
 * When it returns, the phone has reported success and has been let go of.
 * @throws IbkError, or the system's error when this computer could not store something
 */
export async function receiveBackup(options: ReceiveOptions): Promise<ReceivedBackup> {
  const { ctx, device, entry, session, lease, reporter, noun, stop } = options;
  const proxy = await session.openNotifications(ctx);
  const afc = await session.openAfc(ctx);
  const backup = await session.openBackup(ctx);
  const watch = new BackupWatch({
    ...{ ctx, noun, reporter, stop },
    what: 'backup',
    notEntered: { meaning: 'iOS asks at each backup.', hint: `Have the ${noun} at hand, then: ibk backup` },
    pauseStall: () => backup.link.pauseStall(),
  });
  watch.start(proxy);
  const served = new Served(options, watch);
  try {
    await session.lockSync(ctx, afc, proxy);
    await lease.write('Info.plist', await gatherInfoPlist(ctx, device, afc));
    await device.release();
    reporter.follow(backup.link, () => served.host.payloadFiles);
    reporter.enter('scan');
    const answer = await served.serve(backup);
    await session.release(false);
    served.throwIfFailed(answer);
    return { files: reporter.files, bytes: reporter.bytes, failed: served.failed };
  } catch (error) {
    // After this the watch has heard everything that the phone had said, however its connections ended.
    await session.release(true);
    throw watch.cancelled ?? served.reasonOf(await lostConnection(ctx, entry, error));
  } finally {
    await watch.end();
    reporter.end();
  }
}

/** What happened while the phone was served, and what it means together with its final answer. */
class Served {
  readonly failed: FailedUpload[] = [];
  readonly host: StoreHost;
  readonly #options: ReceiveOptions;
  readonly #watch: BackupWatch;
  readonly #unknownTags = new Set<string>();
  #hostFailure: unknown;
  #freeBytes: number | undefined;
  #neededBytes: number | undefined;

  constructor(options: ReceiveOptions, watch: BackupWatch) {
    this.#options = options;
    this.#watch = watch;
    this.host = new StoreHost(options.lease);
  }

  serve(backup: MobileBackup2): Promise<FinalAnswer> {
    const { device, full } = this.#options;
    return backup.backup({ udid: device.udid, full }, this.host, this.#events());
  }

  /** @throws what this computer's disk had against it, else what the phone says */
  throwIfFailed(answer: FinalAnswer): void {
    if (this.#hostFailure !== undefined && (answer.errorCode !== 0 || isDiskFailure(this.#hostFailure))) {
      throw this.#hostFailure;
    }
    if (answer.errorCode === 0) return;
    const error = answerError(answer);
    throw answer.errorCode === 105 ? noSpaceError(error, this.#neededBytes, this.#freeBytes) : error;
  }

  /** A phone that goes without a word after this computer's disk failed has gone for that. */
  reasonOf(error: unknown): unknown {
    const isSilent = error instanceof IbkError && error.code === 'device_error' && error.reason === 'no_answer';
    return isSilent ? (this.#hostFailure ?? error) : error;
  }

  #events(): LinkEvents {
    const { reporter } = this.#options;
    return {
      onRequest: (request) => {
        if (request.kind === 'uploadFiles') this.#watch.passcodeAnswered();
        reporter.request(request);
        if (request.kind === 'unknown') this.#unknownMessage(request.tag.slice(0, 60));
        if (request.kind === 'purgeDiskSpace' && this.#freeBytes !== undefined) {
          this.#neededBytes = neededBytes(request.bytes, this.#freeBytes);
        }
      },
      onFreeSpace: (bytes) => {
        this.#freeBytes = bytes;
      },
      onHostFailure: (_path, error) => {
        if (isDiskFailure(error)) this.#hostFailure ??= error;
      },
      onFailedUpload: (file) => this.#uploadFailed(file),
    };
  }

  /** Once for each name, and not for ever: the answer is the same each time. */
  #unknownMessage(tag: string): void {
    if (this.#unknownTags.has(tag) || this.#unknownTags.size >= UNKNOWN_TAGS_TOLD) return;
    this.#unknownTags.add(tag);
    this.#warn('unknown_message', `The iPhone asked for something that ibk does not know: ${tag}.`);
  }

  /** A file without a fileID is in no manifest row: iOS 17's `backup_manifest.db` fails in some builds and harms nothing (pymobiledevice3 #507). */
  #uploadFailed(file: FailedUpload): void {
    const message = shownReason(file.text);
    if (fileIdOf(file.hostPath) === undefined) {
      const name = file.hostPath.slice(file.hostPath.lastIndexOf('/') + 1);
      this.#warn('manifest_upload_failed', `The iPhone could not send ${name}, which no backup needs: ${message}.`);
      return;
    }
    this.failed.push(file);
    this.#options.ctx.onEvent({
      type: 'file_error',
      udid: this.#options.device.udid,
      path: shownDevicePath(file.devicePath),
      message,
      deviceErrorCode: domainCode(file.text) ?? file.code,
    });
  }

  #warn(reason: string, message: string): void {
    const { ctx, device, noun } = this.#options;
    ctx.onEvent({
      type: 'warning',
      udid: device.udid,
      reason,
      message: message.replaceAll('iPhone', noun),
      hint: null,
    });
  }
}

/** Different unknown requests that are warned about in one run. */
const UNKNOWN_TAGS_TOLD = 10;

/** Requests that cannot be met: of these the phone makes what it likes. */
const REQUEST_FAILURES: ReadonlySet<string> = new Set([
  'ENOENT',
  'EEXIST',
  'ENOTEMPTY',
  'ENOTDIR',
  'EISDIR',
  'ELOOP',
  'EINVAL',
  'EILSEQ',
  'ENAMETOOLONG',
]);

/** Every other failure is the disk's; a failing one has many names (ext4 says ENOMEM where it cannot read its own tables). */
function isDiskFailure(error: unknown): boolean {
  const name = errnoName(error);
  return name !== undefined && !REQUEST_FAILURES.has(name);
}

/** The number in a text such as "… (MBErrorDomain/100)". */
function domainCode(text: string): number | undefined {
  const found = /MBErrorDomain\/(\d{1,6})/.exec(text)?.[1];
  return found === undefined ? undefined : Number(found);
}

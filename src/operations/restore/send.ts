/** The part of a restore that needs the phone: services, sync lock, the list of apps, the request, and serving the phone until its final answer. */
import type { IbkError } from '../../errors.js';
import type { Secret } from '../../io/secret.js';
import { buildXmlPlist } from '../../plist/codec.js';
import { isPlistDict, type PlistDict } from '../../plist/value.js';
import type { OpenedDevice } from '../../protocol/lockdown/device.js';
import { answerError } from '../../protocol/mobilebackup2/errors.js';
import type { MuxDevice } from '../../protocol/usbmux/messages.js';
import { AFC_MODE, AFC_STATUS } from '../../protocol/services/afc-packets.js';
import { type Afc, AfcError } from '../../protocol/services/afc.js';
import { BackupSession } from '../backup-session.js';
import { BackupWatch } from '../backup-watch.js';
import type { OperationContext } from '../context.js';
import { lostConnection } from '../lost-connection.js';
import type { RestoreSettings } from './results.js';
import type { RestoreHost } from './host.js';
import type { RestoreReporter } from './reporter.js';

/** Makes the phone fetch the apps from the App Store afterwards: their programs are in no backup (idevicebackup2 does the same). */
const APPS_FOLDER = '/iTunesRestore';
const APPS_FILE = `${APPS_FOLDER}/RestoreApplications.plist`;
const AFC_PIECE_BYTES = 32 * 1024;

export interface SendOptions {
  readonly device: OpenedDevice;
  /** The muxer's entry of the connection that is used. */
  readonly entry: MuxDevice;
  readonly host: RestoreHost;
  /** Names the backup in the phone's paths. */
  readonly source: string;
  /** `Applications` of Info.plist. */
  readonly applications: PlistDict | undefined;
  readonly settings: RestoreSettings;
  readonly password: Secret | undefined;
  readonly reporter: RestoreReporter;
}

/**
 * When it returns the phone has accepted everything, and restarts.
 * @throws IbkError, or the system's error when this computer could not read something
 */
export async function sendBackup(outer: OperationContext, options: SendOptions): Promise<void> {
  const { device, host, reporter, settings } = options;
  const { noun } = device;
  const stop = new AbortController();
  const ctx = { ...outer, signal: AbortSignal.any([outer.signal, stop.signal]) };
  const session = new BackupSession(device, ctx.clock);
  try {
    const proxy = await session.openNotifications(ctx);
    const afc = await session.openAfc(ctx);
    const backup = await session.openBackup(ctx);
    const watch = new BackupWatch({
      ...{ ctx, noun, reporter, what: 'restore', stop: (error: IbkError) => stop.abort(error) },
      notEntered: { meaning: 'Nothing was restored.', hint: `Have the ${noun} at hand, then run the same line again.` },
      pauseStall: () => backup.link.pauseStall(),
    });
    watch.start(proxy);
    try {
      await session.lockSync(ctx, afc, proxy);
      if (!settings.skipApps) await announceApps(afc, options.applications);
      await device.release();
      reporter.enter('send');
      reporter.follow(backup.link, host);
      let failure: unknown;
      const answer = await backup.restore(request(options), host, {
        onRequest: ({ kind }) => {
          if (kind === 'downloadFiles') watch.passcodeAnswered();
        },
        onFailedUpload: () => undefined,
        onHostFailure: (_path, error) => {
          failure ??= error;
        },
        onFreeSpace: () => undefined,
      });
      if (answer.errorCode !== 0) {
        await withdrawApps(afc);
        throw answerError(answer).with(failure === undefined ? {} : { cause: failure });
      }
      reporter.enter('finish');
      await session.release(false);
    } catch (error) {
      await session.release(true);
      throw watch.cancelled ?? (await lostConnection(ctx, options.entry, error));
    } finally {
      await watch.end();
    }
  } finally {
    reporter.end();
    await session.release(true);
  }
}

function request({ device, source, settings, password }: SendOptions) {
  return {
    udid: device.udid,
    source,
    systemFiles: settings.system,
    preserveSettings: settings.keepSettings,
    removeOthers: settings.remove,
    copyFirst: settings.copy,
    reboot: settings.reboot,
    password: password?.bytes().toString('utf8'),
  };
}

async function announceApps(afc: Afc, applications: PlistDict | undefined): Promise<void> {
  if (applications === undefined || !isPlistDict(applications)) return;
  const bytes = buildXmlPlist(applications);
  await afc.makeDirectory(APPS_FOLDER).catch(unless(AFC_STATUS.exists));
  const handle = await afc.open(APPS_FILE, AFC_MODE.readWriteTruncate);
  try {
    for (let at = 0; at < bytes.length; at += AFC_PIECE_BYTES)
      await afc.write(handle, bytes.subarray(at, at + AFC_PIECE_BYTES));
  } finally {
    await afc.closeFile(handle);
  }
}

/** After a failure, so that a later restart does not fetch apps for nothing. Never throws. */
async function withdrawApps(afc: Afc): Promise<void> {
  await afc.remove(APPS_FILE).catch(() => undefined);
  await afc.remove(APPS_FOLDER).catch(() => undefined);
}

function unless(status: number): (error: unknown) => void {
  return (error) => {
    if (!(error instanceof AfcError) || error.status !== status) throw error;
  };
}

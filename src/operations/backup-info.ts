/** Collects from the phone what Info.plist holds. A part that cannot be had is left out: a backup does not fail for an icon. */
import { type AppInfo, buildInfoPlist, ITUNES_FILES } from '../backup/format/info-plist.js';
import { IbkError } from '../errors.js';
import { within } from '../io/abort.js';
import { modelName } from '../models.js';
import { buildBinaryPlist } from '../plist/codec.js';
import { isPlistDict, type PlistDict, type PlistValue } from '../plist/value.js';
import type { OpenedDevice } from '../protocol/lockdown/device.js';
import type { Afc } from '../protocol/services/afc.js';
import { type InstalledApp, listUserApps } from '../protocol/services/installation-proxy.js';
import { openSpringboard } from '../protocol/services/springboard.js';
import { VERSION } from '../version.js';
import type { OperationContext } from './context.js';

/** All icons, or all answers about apps, in how many times the limit for one answer. A phone takes seconds for all of them. */
const ANSWERS = 5;
/** Readers of backups, ibk too, take an Info.plist of some tens of MiB at most; what an iPhone has is far smaller. */
const MOST_ICON_BYTES = 1024 * 1024;
const MOST_ICONS_BYTES = 8 * 1024 * 1024;
const MOST_FILES_BYTES = 12 * 1024 * 1024;
const MOST_SETTINGS_BYTES = 1024 * 1024;

export async function gatherInfoPlist(ctx: OperationContext, device: OpenedDevice, afc: Afc): Promise<Buffer> {
  const installed =
    (await orNothing(
      ctx,
      bounded(ctx, (signal) => listUserApps(device, ctx, { signal })),
    )) ?? [];
  const settings = await orNothing(ctx, device.getValue('com.apple.iTunes'));
  const version = await orNothing(ctx, device.getValue('com.apple.mobile.iTunes', 'MinITunesVersion'));
  const productType = device.text('ProductType');
  const room = { bytes: MOST_FILES_BYTES };
  return buildInfoPlist({
    udid: device.udid,
    now: new Date(ctx.clock.now()),
    values: device.values,
    productName: productType === undefined ? undefined : modelName(productType),
    installedApps: installed.map(({ bundleId }) => bundleId),
    apps: await appInfos(ctx, device, installed),
    iTunesFiles: await iTunesFiles(ctx, afc, room),
    iBooksData: await file(ctx, afc, '/Books/iBooksData2.plist', room),
    iTunesSettings: settingsOf(settings),
    iTunesVersion: typeof version === 'string' ? version : undefined,
    madeBy: `ibk ${VERSION}`,
  });
}

async function appInfos(
  ctx: OperationContext,
  device: OpenedDevice,
  installed: readonly InstalledApp[],
): Promise<AppInfo[]> {
  const bought = installed.filter(({ sinf, metadata }) => sinf !== undefined && metadata !== undefined);
  if (bought.length === 0) return [];
  const icons = (await orNothing(ctx, iconsOf(ctx, device, bought))) ?? new Map<string, Buffer>();
  return bought.flatMap(({ bundleId, sinf, metadata }) =>
    sinf === undefined || metadata === undefined ? [] : [{ bundleId, sinf, metadata, icon: icons.get(bundleId) }],
  );
}

/** As many as come: after one that did not, the others are not waited for. */
async function iconsOf(
  ctx: OperationContext,
  device: OpenedDevice,
  apps: readonly InstalledApp[],
): Promise<ReadonlyMap<string, Buffer>> {
  const icons = new Map<string, Buffer>();
  let left = MOST_ICONS_BYTES;
  const springboard = await openSpringboard(device, ctx, { signal: ctx.signal });
  const ask = async (signal: AbortSignal) => {
    for (const { bundleId } of apps) {
      const icon = await springboard.icon(bundleId, { signal });
      if (icon === undefined || icon.length > Math.min(left, MOST_ICON_BYTES)) continue;
      left -= icon.length;
      // A copy: the view would keep the whole answer.
      icons.set(bundleId, Buffer.from(icon));
    }
  };
  try {
    await orNothing(ctx, bounded(ctx, ask));
    return icons;
  } finally {
    springboard.close();
  }
}

function bounded<T>(ctx: OperationContext, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { clock, signal, timeouts } = ctx;
  const onTimeout = () => new IbkError('timeout', 'The device took too long to tell about its apps.');
  return within({ clock, signal, timeoutMs: ANSWERS * timeouts.answerMs, onTimeout }, work);
}

function settingsOf(value: PlistValue | undefined): PlistDict | undefined {
  return isPlistDict(value) && buildBinaryPlist(value).length <= MOST_SETTINGS_BYTES ? value : undefined;
}

/** What is left for files; each takes its part. */
interface Room {
  bytes: number;
}

async function iTunesFiles(ctx: OperationContext, afc: Afc, room: Room): Promise<Record<string, Buffer>> {
  const files: Record<string, Buffer> = {};
  for (const name of ITUNES_FILES) {
    const content = await file(ctx, afc, `/iTunes_Control/iTunes/${name}`, room);
    if (content !== undefined) files[name] = content;
  }
  return files;
}

/** Undefined where it is absent or empty, as idevicebackup2 has it. */
async function file(ctx: OperationContext, afc: Afc, path: string, room: Room): Promise<Buffer | undefined> {
  const content = await orNothing(ctx, afc.readFile(path, { signal: ctx.signal }));
  if (content === undefined || content.length === 0 || content.length > room.bytes) return undefined;
  room.bytes -= content.length;
  return content;
}

/** What the phone refuses is left out; that it is gone, or that we were stopped, is not. */
async function orNothing<T>(ctx: OperationContext, value: Promise<T>): Promise<T | undefined> {
  try {
    return await value;
  } catch (error) {
    if (ctx.signal.aborted || !(error instanceof IbkError)) throw error;
    if (error.code === 'connection_lost' && error.reason === 'detached') throw error;
    return undefined;
  }
}

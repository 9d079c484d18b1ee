/** Collects from the phone what Info.plist holds. A part that cannot be had is left out: a backup does not fail for an icon. */
import { type AppInfo, buildInfoPlist, ITUNES_FILES } from '../backup/info-plist.js';
import { IbkError } from '../errors.js';
import { modelName } from '../models.js';
import { isPlistDict } from '../plist/value.js';
import type { OpenedDevice } from '../protocol/lockdown/device.js';
import type { Afc } from '../protocol/services/afc.js';
import { type InstalledApp, listUserApps } from '../protocol/services/installation-proxy.js';
import { openSpringboard, type Springboard } from '../protocol/services/springboard.js';
import { VERSION } from '../version.js';
import type { OperationContext } from './context.js';

export async function gatherInfoPlist(ctx: OperationContext, device: OpenedDevice, afc: Afc): Promise<Buffer> {
  const installed = (await orNothing(ctx, listUserApps(device, ctx, { signal: ctx.signal }))) ?? [];
  const settings = await orNothing(ctx, device.getValue('com.apple.iTunes'));
  const version = await orNothing(ctx, device.getValue('com.apple.mobile.iTunes', 'MinITunesVersion'));
  const productType = device.text('ProductType');
  return buildInfoPlist({
    udid: device.udid,
    now: new Date(ctx.clock.now()),
    values: device.values,
    productName: productType === undefined ? undefined : modelName(productType),
    installedApps: installed.map(({ bundleId }) => bundleId),
    apps: await appInfos(ctx, device, installed),
    iTunesFiles: await iTunesFiles(ctx, afc),
    iBooksData: await file(ctx, afc, '/Books/iBooksData2.plist'),
    iTunesSettings: isPlistDict(settings) ? settings : undefined,
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
  const springboard = await orNothing(ctx, openSpringboard(device, ctx, { signal: ctx.signal }));
  try {
    const infos: AppInfo[] = [];
    for (const { bundleId, sinf, metadata } of bought) {
      if (sinf === undefined || metadata === undefined) continue;
      infos.push({ bundleId, sinf, metadata, icon: await icon(ctx, springboard, bundleId) });
    }
    return infos;
  } finally {
    springboard?.close();
  }
}

async function icon(
  ctx: OperationContext,
  springboard: Springboard | undefined,
  bundleId: string,
): Promise<Buffer | undefined> {
  return springboard && (await orNothing(ctx, springboard.icon(bundleId, { signal: ctx.signal })));
}

async function iTunesFiles(ctx: OperationContext, afc: Afc): Promise<Record<string, Buffer>> {
  const files: Record<string, Buffer> = {};
  for (const name of ITUNES_FILES) {
    const content = await file(ctx, afc, `/iTunes_Control/iTunes/${name}`);
    if (content !== undefined) files[name] = content;
  }
  return files;
}

/** Undefined where it is absent or empty, as idevicebackup2 has it. */
async function file(ctx: OperationContext, afc: Afc, path: string): Promise<Buffer | undefined> {
  const content = await orNothing(ctx, afc.readFile(path, { signal: ctx.signal }));
  return content === undefined || content.length === 0 ? undefined : content;
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

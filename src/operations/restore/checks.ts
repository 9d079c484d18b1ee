/** What must be right before the first byte of a restore is sent. All of it is looked at, so that all problems are shown at once. */
import type { VerifiedBackup } from '../../backup/verify/verify-backup.js';
import { type ErrorCode, IbkError } from '../../errors.js';
import { countOf, formatBytes, groupThousands } from '../../figures.js';
import { field } from '../../plist/fields.js';
import { isPlistDict, type PlistValue } from '../../plist/value.js';
import type { OpenedDevice } from '../../protocol/lockdown/device.js';
import { SERVICE } from '../../protocol/services/names.js';
import type { RestoreCheck, RestoreSourceFacts } from './results.js';

const LOW_BATTERY_PERCENT = 20;

/** The backup itself. */
export function checkBackup(verified: VerifiedBackup): RestoreCheck {
  const { faults, present } = verified;
  const [fault] = faults;
  if (fault === undefined) return ok('backup', `complete, ${countOf(present, 'file')} present`);
  const unfinished = faults.some(({ kind }) => kind === 'unfinished');
  const what = fault.relativePath ?? fault.path;
  const message = unfinished
    ? 'unfinished: the device had not completed it'
    : `damaged: ${faultWords(faults.length)}, such as ${what}`;
  return fail('backup', 'damaged', message, 'What exactly: ibk verify');
}

function faultWords(count: number): string {
  return `${countOf(count, 'file')} missing or changed`;
}

export function checkPassword(problem: IbkError | undefined, encrypted: boolean): RestoreCheck | undefined {
  if (!encrypted) return undefined;
  if (problem === undefined) return ok('password', 'right');
  return fail('password', problem.code, problem.reason === 'no_password' ? 'missing' : 'wrong', problem.hint);
}

/** Everything that the phone can be asked about. @throws IbkError when the connection ends */
export async function checkDevice(device: OpenedDevice, source: RestoreSourceFacts): Promise<RestoreCheck[]> {
  return [
    checkIos(device, source),
    ...checkSupervision(device, source, await device.getValue('com.apple.mobile.chaperone', 'DeviceIsChaperoned')),
    checkSetUp(device, await device.getValue('com.apple.purplebuddy', 'SetupDone')),
    checkFindMy(device, await device.getValue('com.apple.fmip', 'IsAssociated')),
    checkSpace(device, await device.getValue('com.apple.disk_usage'), source),
    ...(await checkLock(device)),
    ...checkBattery(device, await device.getValue('com.apple.mobile.battery')),
  ];
}

function checkIos(device: OpenedDevice, { ios }: RestoreSourceFacts): RestoreCheck {
  const own = device.text('ProductVersion');
  if (ios === null || own === undefined) return skipped('ios', 'the versions are not known');
  if (compareVersions(ios, own) <= 0) return ok('ios', `${own}, backup made by ${ios}`);
  const hint = `Update the ${device.noun} to ${ios} or later, or choose a backup made by ${own} or earlier.`;
  return fail('ios', 'incompatible', `${own}, backup made by ${ios}, which is newer`, hint);
}

/** `26.1` against `18.7.1`, number by number. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [a, b].map((text) => text.split('.').map((part) => Number.parseInt(part, 10) || 0));
  for (let i = 0; i < Math.max(left?.length ?? 0, right?.length ?? 0); i++) {
    const difference = (left?.[i] ?? 0) - (right?.[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/**
 * Not worth a word where nobody supervises. `DeviceIsChaperoned` is what several clients read (go-ios); that a phone does not take such a backup is
 * inferred.
 */
function checkSupervision(
  { noun }: OpenedDevice,
  { supervised: source }: RestoreSourceFacts,
  value: PlistValue | undefined,
): RestoreCheck[] {
  const own = typeof value === 'boolean' ? value : null;
  if (own !== true && source !== true) return [];
  if (own === null || source === null)
    return [skipped('supervision', own === null ? `the ${noun} does not say` : 'the backup does not say')];
  if (own === source) return [ok('supervision', 'by an organization, as the backup is')];
  const words = own ? `the ${noun} is supervised, the backup is not` : `the backup is supervised, the ${noun} is not`;
  const wanted = own ? `a backup of a supervised ${noun}` : 'a device that the same organization supervises';
  return [fail('supervision', 'incompatible', words, `Choose ${wanted}.`)];
}

/** The assistant's own word where there is one (`SetupDone` is what several clients read); without activation it cannot be over. */
function checkSetUp(device: OpenedDevice, done: PlistValue | undefined): RestoreCheck {
  if (device.text('ActivationState') !== 'Unactivated' && done !== false) return ok('set_up', 'finished');
  return fail('set_up', 'device_busy', 'not finished', `Finish it on the ${device.noun}.`);
}

/** Only an explicit answer counts. */
function checkFindMy({ noun }: OpenedDevice, value: PlistValue | undefined): RestoreCheck {
  if (value === true) {
    const where = 'Settings > your name > Find My > Find My iPhone > off'.replace('iPhone', noun);
    return fail('find_my', 'device_precondition', `on: ${where}`, `Turn off Find My on the ${noun}.`);
  }
  return value === false ? ok('find_my', 'off') : skipped('find_my', `the ${noun} does not say`);
}

function checkSpace({ noun }: OpenedDevice, usage: PlistValue | undefined, source: RestoreSourceFacts): RestoreCheck {
  const free = numberIn(usage, 'AmountDataAvailable') ?? numberIn(usage, 'TotalDataAvailable');
  if (free === undefined) return skipped('space', `the ${noun} does not say`);
  const words = `${formatBytes(free, 'down')} free, ${formatBytes(source.bytes, 'up')} to send`;
  if (free > source.bytes) return ok('space', words);
  const missing = formatBytes(source.bytes - free, 'up');
  return fail('space', 'destination', words, `Free ${missing} on the ${noun}, or choose a smaller backup.`);
}

/** A screen that is locked now is no hindrance; a phone that was not unlocked since it started has no keys to its data. */
async function checkLock(device: OpenedDevice): Promise<RestoreCheck[]> {
  if (field(device.values, 'PasswordProtected') !== true) return [];
  try {
    (await device.startService(SERVICE.notificationProxy, { escrowBag: true })).close();
    return [];
  } catch (error) {
    if (!(error instanceof IbkError) || error.code !== 'device_locked') throw error;
    return [fail('locked', 'device_locked', 'not unlocked since it started', `Unlock the ${device.noun} once.`)];
  }
}

function checkBattery({ noun }: OpenedDevice, battery: PlistValue | undefined): RestoreCheck[] {
  const percent = numberIn(battery, 'BatteryCurrentCapacity');
  if (percent === undefined) return [];
  const charging = isPlistDict(battery) && field(battery, 'BatteryIsCharging') === true;
  if (percent >= LOW_BATTERY_PERCENT || charging) return [ok('battery', `${groupThousands(percent)} %`)];
  const hint = `Connect the ${noun} to power.`;
  return [{ check: 'battery', state: 'warn', code: null, message: `${groupThousands(percent)} %, not charging`, hint }];
}

function numberIn(value: PlistValue | undefined, key: string): number | undefined {
  const found = isPlistDict(value) ? field(value, key) : undefined;
  if (typeof found !== 'number' && typeof found !== 'bigint') return undefined;
  const number = Number(found);
  return Number.isFinite(number) && number >= 0 ? number : undefined;
}

function ok(check: RestoreCheck['check'], message: string): RestoreCheck {
  return { check, state: 'ok', code: null, message, hint: null };
}

function skipped(check: RestoreCheck['check'], message: string): RestoreCheck {
  return { check, state: 'skipped', code: null, message, hint: null };
}

function fail(check: RestoreCheck['check'], code: ErrorCode, message: string, hint: string): RestoreCheck {
  return { check, state: 'fail', code, message, hint };
}

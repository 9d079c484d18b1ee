/**
 * `ibk doctor`: everything a backup needs, in the order of repair: usbmuxd, device, trust, unlocked, root, space, encrypted, last backup.
 * It asks nothing of a person and changes nothing. What depends on a failed check is `skipped`.
 */
import { type ErrorCode, IbkError, ERROR_CATALOG } from '../errors.js';
import { formatAgo, formatBytes, freeWords } from '../figures.js';
import { inParallel } from '../io/in-parallel.js';
import { field } from '../plist/fields.js';
import { isPlistDict, type PlistDict } from '../plist/value.js';
import type { OpenedDevice } from '../protocol/lockdown/device.js';
import { muxerName } from '../protocol/usbmux/unreachable.js';
import type { OperationContext } from './context.js';
import { inspectDestination } from './destination.js';
import { choosingOption } from './device-names.js';
import { type Acquaintance, meetDevice } from './device-state.js';
import { storeChecks } from './doctor-stores.js';
import { readLastBackup } from './last-backup.js';
import type { CheckState, DoctorCheck, DoctorReport, LastBackup } from './results.js';
import { type LinkChoice, type PresentDevice, presentDevices, selectDevices } from './select-device.js';

export interface DoctorOptions {
  /** As typed; empty: every connected device. */
  readonly udids: readonly string[];
  readonly link: LinkChoice;
  readonly root: string;
  /** Make a record of the versions where none can be read. */
  readonly rebuild?: boolean;
  /** Problems of the config file, found by whoever read it. */
  readonly configProblems: readonly { readonly message: string; readonly hint: string | null }[];
}

type CheckName = DoctorCheck['check'];

/** Less than this is no room for anything. */
const LEAST_FREE_BYTES = 1_000_000_000;

interface Patient {
  readonly met: Acquaintance;
  readonly lastBackup: LastBackup;
  readonly encrypted: boolean | undefined;
  readonly usedBytes: number | undefined;
}

export async function doctor(ctx: OperationContext, options: DoctorOptions): Promise<DoctorReport> {
  const checks: DoctorCheck[] = [];
  const patients = await lookForDevices(ctx, options, checks);
  checks.push(...trustChecks(patients));
  const freeBytes = await checkRoot(options.root, checks);
  if (freeBytes !== undefined)
    checks.push(...(await storeChecks(options.root, ctx.clock.now(), options.rebuild === true)));
  checks.push(...backupChecks(ctx, patients, freeBytes));
  for (const { message, hint } of options.configProblems) checks.push(failed('config', 'usage', message, hint));
  const first = checks.find(({ state }) => state === 'fail');
  const code = first?.code ?? 'ok';
  return { checks, code, exit: code === 'ok' ? 0 : ERROR_CATALOG[code].exit };
}

function check(name: CheckName, state: CheckState, message: string, hint: string | null = null): DoctorCheck {
  return { check: name, state, code: null, message, hint };
}

function failed(name: CheckName, code: ErrorCode, message: string, hint: string | null): DoctorCheck {
  return { check: name, state: 'fail', code, message, hint };
}

function failure(name: CheckName, error: IbkError): DoctorCheck {
  return failed(name, error.code, error.message.replace(/\.$/, ''), error.hint);
}

const skipped = (name: CheckName): DoctorCheck => check(name, 'skipped', 'not checked');

async function lookForDevices(
  ctx: OperationContext,
  options: DoctorOptions,
  checks: DoctorCheck[],
): Promise<Patient[]> {
  let present: PresentDevice[];
  try {
    present = await presentDevices(ctx, 'any');
  } catch (error) {
    if (!(error instanceof IbkError) || ctx.signal.aborted) throw error;
    checks.push(failure('usbmuxd', error), skipped('device'));
    return [];
  }
  const count = present.length === 1 ? '1 device' : `${present.length === 0 ? 'no' : present.length} devices`;
  const product = muxerName(ctx.muxer.platform) === 'usbmuxd' ? '' : `${muxerName(ctx.muxer.platform)} `;
  checks.push(check('usbmuxd', 'ok', `${product}running, ${count}`));
  try {
    const udids = options.udids.length === 0 ? ['all'] : options.udids;
    const chosen = await selectDevices(ctx, { udids, link: options.link, waitMs: 0 });
    const patients = await inParallel(chosen, (device) => examine(ctx, device, options.root));
    checks.push(deviceCheck(patients, chosen));
    return patients.filter(({ met }) => met.state !== 'unreachable');
  } catch (error) {
    if (!(error instanceof IbkError) || ctx.signal.aborted) throw error;
    checks.push(failure('device', error));
    return [];
  }
}

async function examine(ctx: OperationContext, device: PresentDevice, root: string): Promise<Patient> {
  let encrypted: boolean | undefined;
  let disk: PlistDict | undefined;
  const met = await meetDevice(ctx, device, root, async (opened: OpenedDevice) => {
    encrypted = (await opened.getValue('com.apple.mobile.backup', 'WillEncrypt')) === true;
    const usage = await opened.getValue('com.apple.disk_usage');
    disk = isPlistDict(usage) ? usage : undefined;
  });
  return { met, lastBackup: await readLastBackup(root, device.udid), encrypted, usedBytes: used(disk) };
}

function used(disk: PlistDict | undefined): number | undefined {
  const number = (key: string) => (disk === undefined ? undefined : Number(field(disk, key)));
  const bytes = (number('TotalDataCapacity') ?? Number.NaN) - (number('AmountDataAvailable') ?? Number.NaN);
  return Number.isFinite(bytes) && bytes > 0 ? bytes : undefined;
}

function deviceCheck(patients: readonly Patient[], chosen: readonly PresentDevice[]): DoctorCheck {
  const silent = patients.find(({ met }) => met.state === 'unreachable');
  if (silent?.met.problem !== undefined) {
    const { message, code, hint } = silent.met.problem;
    return failed('device', code, `${silent.met.name}: ${message.replace(/\.$/, '')}`, hint);
  }
  const words = patients.map(({ met }, index) => {
    const links = chosen[index]?.links.map((link) => (link === 'usb' ? 'USB' : 'network')) ?? [];
    return [met.name, met.ios === undefined ? '' : `iOS ${met.ios}`, ...links].filter((word) => word !== '').join(', ');
  });
  return check('device', 'ok', words.join('; '));
}

function trustChecks(patients: readonly Patient[]): DoctorCheck[] {
  if (patients.length === 0) return [skipped('trust'), skipped('unlocked')];
  const stranger = patients.find(({ met }) => met.state === 'not_trusted')?.met;
  const busy = patients.find(({ met }) => met.state === 'setup_not_finished')?.met;
  const locked = patients.find(({ met }) => met.state === 'locked')?.met;
  const trust =
    stranger === undefined
      ? check('trust', 'ok', 'valid')
      : failed('trust', 'not_paired', strangerWords(stranger), `ibk pair${choosingOption(stranger.name)}`);
  if (busy?.problem !== undefined)
    return [
      trust,
      failed('unlocked', busy.problem.code, `${busy.name} has not finished its set-up`, busy.problem.hint),
    ];
  if (locked?.problem !== undefined)
    return [
      trust,
      failed(
        'unlocked',
        locked.problem.code,
        `${locked.name} has not been unlocked since it started`,
        'Unlock it once.',
      ),
    ];
  return [trust, stranger === undefined ? check('unlocked', 'ok', '') : skipped('unlocked')];
}

function strangerWords({ name, problem }: Acquaintance): string {
  if (problem?.reason === 'no_pair_record') return `${name} does not trust this computer`;
  if (problem?.reason === 'invalid_pair_record') return `the pair record of ${name} on this computer is damaged`;
  return `${name} no longer knows this computer`;
}

/** Returns the free space where a backup can be kept. */
async function checkRoot(root: string, checks: DoctorCheck[]): Promise<number | undefined> {
  const { problem, freeBytes, exists } = await inspectDestination(root);
  if (problem !== undefined) {
    checks.push(failed('root', 'destination', problem.message, problem.hint));
    return undefined;
  }
  checks.push(check('root', 'ok', `${exists ? 'writable' : 'will be made'}, ${freeWords(freeBytes)}`));
  return freeBytes;
}

function backupChecks(
  ctx: OperationContext,
  patients: readonly Patient[],
  freeBytes: number | undefined,
): DoctorCheck[] {
  const trusted = patients.filter(({ encrypted }) => encrypted !== undefined);
  const checks: DoctorCheck[] = [];
  checks.push(freeBytes === undefined ? skipped('space') : spaceCheck(trusted, freeBytes));
  checks.push(trusted.length === 0 ? skipped('encrypted') : encryptionCheck(trusted));
  checks.push(patients.length === 0 ? skipped('last_backup') : lastBackupCheck(ctx, patients));
  return checks;
}

/** A first backup can be as large as what the device holds; how large it will be, only the device knows. */
function spaceCheck(patients: readonly Patient[], freeBytes: number): DoctorCheck {
  if (freeBytes < LEAST_FREE_BYTES)
    return failed(
      'space',
      'destination',
      `only ${freeWords(freeBytes)}`,
      'Free some space there, or choose another disk: -o DIR',
    );
  const first = patients.filter(({ lastBackup }) => lastBackup.kind !== 'complete');
  const needed = first.reduce((sum, { usedBytes }) => sum + (usedBytes ?? 0), 0);
  if (needed <= freeBytes) return check('space', 'ok', freeWords(freeBytes));
  const who = first.map(({ met }) => met.name).join(', ');
  const message = `${who} holds ${formatBytes(needed, 'up')}, ${freeWords(freeBytes)}: a first backup may not fit`;
  return check('space', 'warn', message, 'Free some space there, or choose another disk: -o DIR');
}

function encryptionCheck(patients: readonly Patient[]): DoctorCheck {
  const open = patients.filter(({ encrypted }) => encrypted === false).map(({ met }) => met.name);
  if (open.length === 0) return check('encrypted', 'ok', 'backups are encrypted');
  const message = `backups of ${open.join(', ')} are not: passwords, Health and Wi-Fi networks are left out`;
  return check('encrypted', 'warn', message, 'To have them in the next backup: ibk encrypt on');
}

function lastBackupCheck(ctx: OperationContext, patients: readonly Patient[]): DoctorCheck {
  const words = patients.map(({ met, lastBackup }) => {
    const who = patients.length === 1 ? '' : `${met.name} `;
    if (lastBackup.kind === 'complete') return `${who}${formatAgo(lastBackup.madeAt, ctx.clock.now())}`;
    return `${who}${lastBackup.kind === 'none' ? 'none yet' : 'incomplete'}`;
  });
  const all = patients.every(({ lastBackup }) => lastBackup.kind === 'complete');
  return check('last_backup', all ? 'ok' : 'warn', words.join(', '), all ? null : 'ibk backup');
}

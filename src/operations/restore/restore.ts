/**
 * `ibk restore`: looks through the backup and the phones, shows the plan with all that is wrong, and only then sends.
 *
 *   const outcome = await restore(ctx, { chosen, devices, root, scratchRoot, password, settings, verify: 'structure', decide: async (plans) => true });
 *
 * The backup is only read: it is the same afterwards, byte for byte, whatever a phone asks.
 */
import { markReading } from '../../backup/lock/reading-marks.js';
import type { AskPassword } from '../../backup/reader/password.js';
import type { OpenedBackup } from '../../backup/reader/types.js';
import { asIbkError, type ErrorCode, ERROR_CATALOG, IbkError } from '../../errors.js';
import type { SeveralSummary } from '../../events.js';
import { commonResult } from '../backup-several.js';
import type { ChosenBackup } from '../choose-backups.js';
import type { OperationContext } from '../context.js';
import { withBackup } from '../open-backup.js';
import type { RestorePlan, RestoreSettings } from './results.js';
import type { SelectedDevice } from '../select-device.js';
import { type RestorePart, restrictTo } from './part.js';
import { inspectSource, type InspectedBackup, KeptPassword } from './source.js';
import { RestoreTarget } from './target.js';

export interface RestoreOptions {
  readonly chosen: ChosenBackup;
  readonly devices: readonly SelectedDevice[];
  /** Where the backup lies. */
  readonly root: string;
  /** Under which a phone may write what it asks for: the default root. */
  readonly scratchRoot: string;
  readonly password?: AskPassword | undefined;
  readonly settings: RestoreSettings;
  /** Of the backup this alone; the rest of the phone stays as it is. Default: all of it. */
  readonly part?: RestorePart | undefined;
  /** `full` reads every file of the backup first. */
  readonly verify: 'structure' | 'full';
  /** Called once with a plan for each phone; nothing is sent unless it gives true. Not called when a check failed. */
  readonly decide: (plans: readonly RestorePlan[]) => Promise<boolean>;
  readonly onVerified?: ((soFar: { readonly files: number; readonly bytesRead: number }) => void) | undefined;
  /** As typed, for hints: `ibk restore m2xq8d04`. */
  readonly command: string;
}

export interface RestoreOutcome {
  readonly plans: readonly RestorePlan[];
  /** `planned`: nothing was sent, since `decide` did not want it. `refused`: a check failed. */
  readonly state: 'planned' | 'refused' | 'sent';
  readonly code: ErrorCode | 'ok';
  readonly exit: number;
}

/** What brings people's data and apps back as Finder does. */
export const DEFAULT_RESTORE: RestoreSettings = {
  system: true,
  keepSettings: false,
  remove: false,
  copy: false,
  reboot: true,
  skipApps: false,
};

/**
 * Emits `phase`, `prompt`, `progress`, and for each phone `restored` or `error`; for several at the end `several`.
 * @throws IbkError what happens before the plan is made; with one phone, also what happens after it
 */
export async function restore(ctx: OperationContext, options: RestoreOptions): Promise<RestoreOutcome> {
  const { chosen, devices, root, verify } = options;
  const { signal } = ctx;
  const password = new KeptPassword(options.password);
  const targets = devices.map((device) => new RestoreTarget(ctx, device, options));
  const { backup, version } = chosen;
  const release = version.id === null ? () => {} : markReading(root, backup.udid, version.id);
  try {
    return await withBackup(chosen, { root, password: password.asked, signal }, async (opened, source) => {
      ctx.onEvent({ type: 'phase', udid: null, phase: 'verify' });
      const views = targets.map((target) => target.prepare(source));
      const onProgress = options.onVerified;
      const inspecting = { full: verify === 'full', password, views, signal, onProgress };
      const whole = await inspectSource(chosen, opened, source, inspecting);
      const inspected = await partOf(whole, opened, targets, options, signal);
      const plans = await Promise.all(targets.map((target) => target.plan(inspected)));
      const refusal = firstFailure(plans);
      if (refusal !== undefined) return { plans, state: 'refused', code: refusal, exit: ERROR_CATALOG[refusal].exit };
      if (!(await options.decide(plans))) return { plans, state: 'planned', code: 'ok', exit: 0 };
      const [only, ...others] = targets;
      if (only === undefined) throw new IbkError('no_device', 'No device was chosen.');
      if (others.length > 0) return { plans, state: 'sent', ...(await sendToAll(ctx, targets, inspected, password)) };
      await only.send(inspected, password);
      return { plans, state: 'sent', code: 'ok', exit: 0 };
    });
  } finally {
    release();
    password.wipe();
    for (const target of targets) target.close();
  }
}

/** A backup that does not open or is damaged is refused as a whole. */
async function partOf(
  whole: InspectedBackup,
  opened: OpenedBackup,
  targets: readonly RestoreTarget[],
  { part }: RestoreOptions,
  signal: AbortSignal | undefined,
): Promise<InspectedBackup> {
  if (part === undefined || whole.passwordProblem !== undefined || whole.verified.faults.length > 0) return whole;
  const { files, bytes, applications } = await restrictTo(part, opened, targets, whole.applications, signal);
  const apps = applications === undefined ? null : Object.keys(applications).length;
  return { ...whole, applications, facts: { ...whole.facts, files, bytes, apps } };
}

/** All failures are shown; the exit status is that of the first. */
function firstFailure(plans: readonly RestorePlan[]): ErrorCode | undefined {
  for (const { checks } of plans) for (const { code } of checks) if (code !== null) return code;
  return undefined;
}

/** Each on its own: one that fails does not stop the others. */
async function sendToAll(
  ctx: OperationContext,
  targets: readonly RestoreTarget[],
  inspected: Parameters<RestoreTarget['send']>[0],
  password: KeptPassword,
): Promise<Pick<SeveralSummary, 'code' | 'exit'>> {
  const devices = await Promise.all(
    targets.map(async (target): Promise<SeveralSummary['devices'][number]> => {
      const { udid } = target.device;
      try {
        await target.send(inspected, password);
        return { udid, code: 'ok', exit: 0 };
      } catch (error) {
        const known = asIbkError(error);
        ctx.onEvent({ type: 'error', udid, error: known });
        return { udid, code: known.code, exit: known.exit };
      }
    }),
  );
  const result = commonResult(devices);
  ctx.onEvent({ type: 'several', ...result, devices });
  return result;
}

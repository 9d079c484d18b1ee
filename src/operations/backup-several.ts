/** Several devices at once, each on its own: one that fails does not stop the others. */
import { asIbkError, type ErrorCode, ERROR_CATALOG } from '../errors.js';
import type { SeveralSummary } from '../events.js';
import { type AttemptOptions, backupWithRetries } from './backup-attempts.js';
import type { OperationContext } from './context.js';
import type { SelectedDevice } from './select-device.js';

type Outcome = SeveralSummary['devices'][number];

export interface SeveralOptions {
  /** Of a device that is kept elsewhere than the others. */
  readonly rootOf?: ((device: SelectedDevice) => string) | undefined;
  /** What became of devices that nothing was asked of: part of the result. */
  readonly skipped?: readonly Outcome[] | undefined;
}

/**
 * Each device emits its own events, and its own `summary` or `error`; the result is emitted last, as `several`.
 * @throws only what is a bug of ours; a failing device is part of the result
 */
export async function backupDevices(
  ctx: OperationContext,
  devices: readonly SelectedDevice[],
  options: AttemptOptions & SeveralOptions,
): Promise<SeveralSummary> {
  const { rootOf, skipped = [] } = options;
  const run = (device: SelectedDevice) =>
    outcomeOf(ctx, device, { ...options, root: rootOf?.(device) ?? options.root });
  const outcomes = [...(await Promise.all(devices.map(run))), ...skipped];
  const summary: SeveralSummary = { type: 'several', ...commonResult(outcomes), devices: outcomes };
  ctx.onEvent(summary);
  return summary;
}

async function outcomeOf(ctx: OperationContext, device: SelectedDevice, options: AttemptOptions): Promise<Outcome> {
  const { udid } = device;
  try {
    const { code, exit } = await backupWithRetries(ctx, device, options);
    return { udid, code, exit };
  } catch (error) {
    const known = asIbkError(error);
    ctx.onEvent({ type: 'error', udid, error: known });
    return { udid, code: known.code, exit: known.exit };
  }
}

/** 0 if all are 0, else 3 if one succeeded, else the common code, or 1. */
export function commonResult(outcomes: readonly Outcome[]): { code: ErrorCode | 'ok'; exit: number } {
  const codes = new Set(outcomes.map(({ code }) => code));
  if (codes.size === 0 || (codes.size === 1 && codes.has('ok'))) return { code: 'ok', exit: 0 };
  if (codes.has('ok') || codes.has('partial')) return { code: 'partial', exit: ERROR_CATALOG.partial.exit };
  const [only] = codes;
  if (codes.size === 1 && only !== undefined && only !== 'ok') return { code: only, exit: ERROR_CATALOG[only].exit };
  return { code: 'error', exit: ERROR_CATALOG.error.exit };
}

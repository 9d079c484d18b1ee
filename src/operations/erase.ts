/**
 * Erases a phone: all content and settings, as its own "Erase All Content and Settings". Most phones go away instead of answering (pymobiledevice3 takes the
 * broken connection for success); which of the two happened is part of the result.
 */
import { IbkError } from '../errors.js';
import { answerError } from '../protocol/mobilebackup2/errors.js';
import { askPhone } from './ask-phone.js';
import type { OperationContext } from './context.js';
import { readLastBackup } from './last-backup.js';
import { noDiskHost } from './no-disk-host.js';
import { openSelected } from './open-device.js';
import type { EraseOutcome, ErasePlan } from './results.js';
import type { SelectedDevice } from './select-device.js';

/** What there is to know before it. @throws IbkError as `openSelected` */
export async function planErase(
  ctx: OperationContext,
  selected: SelectedDevice,
  { root }: { readonly root: string },
): Promise<ErasePlan> {
  await using held = await openSelected(ctx, selected, { pair: 'never' });
  const { device } = held;
  // Only an explicit answer counts.
  const findMy = await device.getValue('com.apple.fmip', 'IsAssociated');
  return {
    udid: device.udid,
    name: device.text('DeviceName') ?? selected.name,
    noun: device.noun,
    findMy: typeof findMy === 'boolean' ? findMy : null,
    lastBackup: await readLastBackup(root, device.udid),
  };
}

/**
 * Emits `prompt` events.
 * @throws IbkError when the phone refused, or the connection ended before the request had been sent
 */
export async function eraseDevice(ctx: OperationContext, selected: SelectedDevice): Promise<EraseOutcome> {
  await using held = await openSelected(ctx, selected, { pair: 'never' });
  const { device } = held;
  const { udid, noun } = device;
  const outcome = { udid, name: device.text('DeviceName') ?? selected.name, noun };
  let asked = false;
  try {
    const answer = await askPhone(ctx, device, {
      what: 'erase',
      notEntered: { meaning: 'Nothing was erased.', hint: `Have the ${noun} at hand, then: ibk erase` },
      exchange: (backup, events) => {
        asked = true;
        return backup.erase(udid, noDiskHost, events);
      },
    });
    if (answer.errorCode === 0) return { ...outcome, answered: true };
    const error = answerError(answer);
    throw error.with({ meaning: 'Nothing was erased.', hint: error.hint.replace(/ibk backup.*/, 'ibk erase') });
  } catch (error) {
    if (asked && wentAway(error)) return { ...outcome, answered: false };
    throw error;
  }
}

function wentAway(error: unknown): boolean {
  return error instanceof IbkError && (error.code === 'connection_lost' || error.reason === 'no_answer');
}

/** iCloud backup of a phone, on or off: `EnableCloudBackup` of its backup service, as idevicebackup2's `cloud` sends it. */
import { answerError } from '../protocol/mobilebackup2/errors.js';
import { askPhone } from './ask-phone.js';
import type { OperationContext } from './context.js';
import { noDiskHost } from './no-disk-host.js';
import { openSelected } from './open-device.js';
import type { CloudBackupStatus } from './results.js';
import type { SelectedDevice } from './select-device.js';

/**
 * Emits `prompt` events. On return the phone has said that it is done.
 * @throws IbkError `device_precondition`, `device_locked`, and whatever a connection can end with
 */
export async function setCloudBackup(
  ctx: OperationContext,
  selected: SelectedDevice,
  on: boolean,
): Promise<CloudBackupStatus> {
  await using held = await openSelected(ctx, selected, { pair: 'if_unknown' });
  const { device } = held;
  const { udid, noun } = device;
  const command = `ibk cloud ${on ? 'on' : 'off'}`;
  const answer = await askPhone(ctx, device, {
    what: 'change',
    notEntered: { meaning: 'Nothing was changed.', hint: `Have the ${noun} at hand, then: ${command}` },
    exchange: (backup, events) => backup.cloudBackup(udid, on, noDiskHost, events),
  });
  if (answer.errorCode !== 0) {
    const error = answerError(answer);
    throw error.with({ meaning: 'Nothing was changed.', hint: error.hint.replace(/ibk backup.*/, command) });
  }
  return { udid, name: device.text('DeviceName') ?? selected.name, noun, enabled: on };
}

/**
 * Backup encryption as a phone has it set: whether, and with which password. The password belongs to the phone, not to one backup; nothing on this computer
 * changes, and backups made before keep theirs.
 */
import { IbkError } from '../errors.js';
import type { Secret } from '../io/secret.js';
import type { OpenedDevice } from '../protocol/lockdown/device.js';
import { answerError } from '../protocol/mobilebackup2/errors.js';
import { isPasscodeSet } from '../protocol/services/diagnostics-relay.js';
import { askPhone } from './ask-phone.js';
import type { OperationContext } from './context.js';
import { noDiskHost } from './no-disk-host.js';
import { openSelected } from './open-device.js';
import type { EncryptionStatus } from './results.js';
import type { SelectedDevice } from './select-device.js';

export type EncryptionAction = 'on' | 'off' | 'change';

export interface EncryptionChange {
  readonly action: EncryptionAction;
  /** For `off` and `change`. Asked for once the phone has shown that it makes sense, and not kept. */
  readonly present?: (() => Promise<Secret>) | undefined;
  /** For `on` and `change`. */
  readonly next?: (() => Promise<Secret>) | undefined;
}

/** @throws IbkError as `openSelected` */
export async function encryptionStatus(ctx: OperationContext, selected: SelectedDevice): Promise<EncryptionStatus> {
  await using held = await openSelected(ctx, selected, { pair: 'if_unknown' });
  return statusOf(ctx, held.device, selected);
}

/**
 * Emits `phase` and `prompt` events. On return the phone has said that it is done.
 * @throws IbkError `usage` when it makes no sense (on when on); `device_precondition` when management forces encryption; `password`; `device_locked` and
 * whatever a connection can end with. The phone's setting is then as it was, but where the connection was lost before its answer
 */
export async function changeEncryption(
  ctx: OperationContext,
  selected: SelectedDevice,
  change: EncryptionChange,
): Promise<EncryptionStatus> {
  await using held = await openSelected(ctx, selected, { pair: 'if_unknown' });
  const { device } = held;
  const before = await statusOf(ctx, device, selected);
  refuseSenseless(change.action, before);
  const present = await change.present?.();
  const next = await change.next?.();
  try {
    await ask(ctx, device, { present, next, name: before.name, action: change.action });
  } finally {
    present?.wipe();
    next?.wipe();
  }
  return { ...before, encrypted: change.action !== 'off' };
}

async function statusOf(
  ctx: OperationContext,
  device: OpenedDevice,
  selected: SelectedDevice,
): Promise<EncryptionStatus> {
  const willEncrypt = await device.getValue('com.apple.mobile.backup', 'WillEncrypt');
  const forced = await device.getValue('com.apple.mobile.backup', 'RequiresEncrypt');
  return {
    udid: device.udid,
    name: device.text('DeviceName') ?? selected.name,
    noun: device.noun,
    encrypted: willEncrypt === true,
    passcodeSet: (await isPasscodeSet(device, ctx).catch(() => undefined)) ?? null,
    forcedByManagement: forced === true,
  };
}

function refuseSenseless(action: EncryptionAction, { encrypted, forcedByManagement, noun }: EncryptionStatus): void {
  if (action === 'on' && encrypted) {
    throw new IbkError('usage', `Backups of this ${noun} are encrypted already.`, {
      reason: 'already_on',
      hint: 'To change the password: ibk encrypt change',
    });
  }
  if (action !== 'on' && !encrypted) {
    throw new IbkError('usage', `Backups of this ${noun} are not encrypted.`, {
      reason: 'already_off',
      hint: action === 'change' ? 'To encrypt them: ibk encrypt on' : 'ibk encrypt status',
    });
  }
  if (action === 'off' && forcedByManagement) {
    throw new IbkError('device_precondition', `Management of this ${noun} wants its backups encrypted.`, {
      reason: 'forced_by_management',
      hint: `Ask whoever manages the ${noun}.`,
    });
  }
}

interface Asked {
  readonly action: EncryptionAction;
  readonly name: string;
  readonly present: Secret | undefined;
  readonly next: Secret | undefined;
}

async function ask(ctx: OperationContext, device: OpenedDevice, asked: Asked): Promise<void> {
  const { udid, noun } = device;
  const passwords = { oldPassword: textOf(asked.present), newPassword: textOf(asked.next) };
  const answer = await askPhone(ctx, device, {
    what: 'change',
    notEntered: {
      meaning: 'iOS asks before it changes the backup password, which is as it was.',
      hint: `Have the ${noun} at hand, then: ibk encrypt ${asked.action}`,
    },
    exchange: (backup, events) => backup.changePassword({ udid, ...passwords }, noDiskHost, events),
  });
  if (answer.errorCode !== 0) throw refused(answerError(answer), asked, noun);
}

/** A property list holds text: this copy of the password lasts until the engine collects it. */
function textOf(secret: Secret | undefined): string | undefined {
  return secret?.bytes().toString('utf8');
}

function refused(error: IbkError, { action, name }: Asked, noun: string): IbkError {
  const hint = `ibk encrypt ${action}`;
  if (error.code === 'password') {
    return new IbkError('password', `The ${noun} refused the present backup password of ${name}.`, {
      reason: 'device_answer',
      deviceErrorCode: error.deviceErrorCode ?? 207,
      meaning: 'It was chosen when encryption was turned on and is not the passcode. Nothing was changed.',
      hint: `Try again: ${hint} · Forgotten: ibk encrypt --help`,
    });
  }
  return error.with({ meaning: 'Nothing was changed.', hint: error.hint.replace(/ibk backup.*/, hint) });
}

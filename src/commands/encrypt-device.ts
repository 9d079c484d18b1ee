/** `ibk encrypt status|on|off|change`: backup encryption as the phone has it set. */
import { IbkError } from '../errors.js';
import type { OperationEvent } from '../events.js';
import type { Secret } from '../io/secret.js';
import { changeEncryption, type EncryptionAction, encryptionStatus } from '../operations/encryption.js';
import type { EncryptionStatus } from '../operations/results.js';
import type { SelectedDevice } from '../operations/select-device.js';
import { dryRunDocument, encryptionDocument } from '../ui/documents.js';
import { changedLines, statusLine } from '../ui/encryption-screen.js';
import { eventToJson, jsonLine } from '../ui/ndjson.js';
import { passcodeView } from '../ui/pair-view.js';
import { confirm } from '../ui/prompt.js';
import { printable } from '../ui/text.js';
import { chooseDevices } from './choose-devices.js';
import { newPassword } from './new-password.js';
import { password } from './password.js';
import { operationContext, type Session } from './session.js';

export async function runEncryptStatus(session: Session): Promise<number> {
  const { config, terminal } = session;
  const context = operationContext(session, () => undefined);
  for (const device of await chooseDevices(session, context, 'encrypt status')) {
    const status = await encryptionStatus(context, device);
    if (config.json) terminal.out.write(jsonLine(encryptionDocument(status)));
    else terminal.out.line(statusLine(status));
  }
  return 0;
}

export async function runEncryptChange(session: Session, action: EncryptionAction): Promise<number> {
  const { config, terminal } = session;
  let onEvent: (event: OperationEvent) => void = () => undefined;
  const context = operationContext(session, (event) => onEvent(event));
  const devices = await chooseDevices(session, context, `encrypt ${action}`);
  if (config.dryRun) return rehearse(session, devices, action);
  for (const device of devices) {
    const view = passcodeView(terminal.err, session.clock, device.productType, config.quiet || config.json);
    onEvent = (event) => {
      if (config.json || config.progress === 'json') {
        const stream = config.json ? terminal.out : terminal.err;
        stream.write(jsonLine(eventToJson(event, new Date(session.clock.now()))));
      } else view.onEvent(event);
    };
    const status = await change(session, context, device, action).finally(() => view.close());
    if (config.json) terminal.out.write(jsonLine(encryptionDocument(status)));
    else if (!config.quiet) for (const line of changedLines(status, action, terminal.err)) terminal.err.line(line);
  }
  return 0;
}

async function change(
  session: Session,
  context: ReturnType<typeof operationContext>,
  device: SelectedDevice,
  action: EncryptionAction,
): Promise<EncryptionStatus> {
  const name = printable(device.name);
  const present = () =>
    presentPassword(session, action === 'off' ? `Backup password of ${name}:` : 'Present password:', device.udid);
  const next = () =>
    newPassword(session, action === 'on' ? `New backup password for ${name}:` : 'New password:', device.udid);
  if (action === 'off') await confirmOff(session, name);
  return changeEncryption(context, device, {
    action,
    ...(action === 'on' ? {} : { present }),
    ...(action === 'off' ? {} : { next }),
  });
}

async function presentPassword(session: Session, question: string, udid: string): Promise<Secret> {
  const given = await password(session)(question, udid);
  if (given !== undefined) return given;
  throw new IbkError('password', 'The present backup password is needed.', {
    reason: 'no_password',
    meaning: 'Nothing was changed.',
  });
}

async function confirmOff({ config, terminal, signal }: Session, name: string): Promise<void> {
  if (config.yes) return;
  const { json, noInput } = config;
  const question = `Back up ${name} unencrypted from now on, without passwords and Health?`;
  if (await confirm(question, '--yes', { terminal, json, noInput, signal })) return;
  throw new IbkError('interrupted', 'Encryption stays on.', { reason: 'declined', hint: 'ibk encrypt status' });
}

function rehearse(
  { config, terminal: { out } }: Session,
  devices: readonly SelectedDevice[],
  action: EncryptionAction,
): number {
  const words = {
    on: 'turn on backup encryption of',
    off: 'turn off backup encryption of',
    change: 'change the backup password of',
  };
  for (const device of devices) {
    if (config.json) out.write(jsonLine(dryRunDocument(`encrypt ${action}`, device)));
    else out.line(`Would ${words[action]} ${printable(device.name)}. Nothing was changed.`);
  }
  return 0;
}

/**
 * ChangePassword: backup encryption on, off, or another password, by what the phone has and what the request brings. idevicebackup2 sends the old password
 * with "on" too, and a new one with "off" when its variable is set: the first is passed over, the second is a change (seen in its source).
 */
import type { PlistDict } from '../../plist/value.js';
import { FinalAnswer, ProtocolViolation } from './endings.js';
import type { OperationOutcome } from './operations.js';
import { askPasscode } from './passcode-prompt.js';
import type { BackupSession } from './session.js';

export async function changePassword(session: BackupSession, request: PlistDict): Promise<OperationOutcome> {
  const { phone } = session;
  const before = password(request, 'OldPassword');
  const after = password(request, 'NewPassword');
  await session.enter('passcode');
  if (phone.profile.asksPasscodeForPassword) await askPasscode(session);
  await session.enter('scan');
  const { encryption } = phone;
  if (encryption !== undefined && before !== encryption.password)
    throw new FinalAnswer(207, 'Invalid password (MBErrorDomain/207)');
  if (after === undefined) {
    if (encryption === undefined) throw new FinalAnswer(1, 'Backup encryption is off already (MBErrorDomain/1)');
    if (phone.requiresEncryption)
      throw new FinalAnswer(209, 'Backup encryption is required by management (MBErrorDomain/209)');
    phone.setEncryption(undefined);
  } else {
    phone.setEncryption({ ...encryption, password: after });
  }
  return {};
}

function password(request: PlistDict, key: string): string | undefined {
  const value = request[key];
  if (value === undefined || value === '') return undefined;
  if (typeof value !== 'string') throw new ProtocolViolation(`ChangePassword: ${key} is no string`);
  return value;
}

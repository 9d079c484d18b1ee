/**
 * Requests of mobilebackup2, as the content of a `DLMessageProcessMessage`.
 *
 * | MessageName | keys                                                                                          |
 * |-------------|-----------------------------------------------------------------------------------------------|
 * | Hello       | SupportedProtocolVersions: reals                                                              |
 * | Backup      | TargetIdentifier, SourceIdentifier; Options {ForceFullBackup} only when forcing               |
 * | ChangePassword | TargetIdentifier; OldPassword, NewPassword: on has the new one, off the old one, a change both |
 */
import { type PlistDict, PlistReal, plistDict } from '../../plist/value.js';

export function helloRequest(): PlistDict {
  return plistDict({
    MessageName: 'Hello',
    SupportedProtocolVersions: [new PlistReal(2.0), new PlistReal(2.1)],
  });
}

export interface BackupRequest {
  readonly udid: string;
  /** Asks the device to send everything; what the host has is left where it is. */
  readonly full: boolean;
}

export function backupRequest({ udid, full }: BackupRequest): PlistDict {
  return plistDict({
    MessageName: 'Backup',
    TargetIdentifier: udid,
    SourceIdentifier: udid,
    Options: full ? plistDict({ ForceFullBackup: true }) : undefined,
  });
}

/** Both absent makes no sense; the device decides by what it has set. */
export interface PasswordChange {
  readonly udid: string;
  readonly oldPassword: string | undefined;
  readonly newPassword: string | undefined;
}

export function changePasswordRequest({ udid, oldPassword, newPassword }: PasswordChange): PlistDict {
  return plistDict({
    MessageName: 'ChangePassword',
    TargetIdentifier: udid,
    OldPassword: oldPassword,
    NewPassword: newPassword,
  });
}

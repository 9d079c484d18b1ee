/**
 * Requests of mobilebackup2, as the content of a `DLMessageProcessMessage`.
 *
 * | MessageName | keys                                                                                          |
 * |-------------|-----------------------------------------------------------------------------------------------|
 * | Hello       | SupportedProtocolVersions: reals                                                              |
 * | Backup      | TargetIdentifier, SourceIdentifier; Options {ForceFullBackup} only when forcing               |
 * | Restore | TargetIdentifier, SourceIdentifier; Options as below |
 * | ChangePassword | TargetIdentifier; OldPassword, NewPassword: on has the new one, off the old one, a change both |
 * | Info, List | TargetIdentifier, SourceIdentifier; Password for an encrypted one (inferred: no client is known to send it) |
 * | Unback | TargetIdentifier, SourceIdentifier; Password beside them (idevicebackup2, pymobiledevice3) |
 * | EnableCloudBackup | TargetIdentifier, SourceIdentifier; CloudBackupState (idevicebackup2) |
 * | EraseDevice | TargetIdentifier (pymobiledevice3) |
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

/** As idevicebackup2 sends them; a `RestoreShouldReboot` that is left out means true (inferred). */
export interface RestoreRequest {
  readonly udid: string;
  /** Names the backup in the phone's paths. */
  readonly source: string;
  readonly systemFiles: boolean;
  readonly preserveSettings: boolean;
  readonly removeOthers: boolean;
  readonly copyFirst: boolean;
  readonly reboot: boolean;
  readonly password: string | undefined;
}

export function restoreRequest(request: RestoreRequest): PlistDict {
  return plistDict({
    MessageName: 'Restore',
    TargetIdentifier: request.udid,
    SourceIdentifier: request.source,
    Options: plistDict({
      RestoreSystemFiles: request.systemFiles,
      RestoreShouldReboot: request.reboot,
      RestoreDontCopyBackup: !request.copyFirst,
      RestorePreserveSettings: request.preserveSettings,
      RemoveItemsNotRestored: request.removeOthers,
      Password: request.password,
    }),
  });
}

/** The phone reads the backup from the computer, and tells of it or sends it back. */
export interface PhoneSideRequest {
  readonly name: 'Info' | 'List' | 'Unback';
  readonly udid: string;
  /** Names the backup in the phone's paths. */
  readonly source: string;
  readonly password: string | undefined;
}

export function phoneSideRequest({ name, udid, source, password }: PhoneSideRequest): PlistDict {
  return plistDict({
    MessageName: name,
    TargetIdentifier: udid,
    SourceIdentifier: source,
    Password: password,
  });
}

export function cloudBackupRequest(udid: string, on: boolean): PlistDict {
  return plistDict({
    MessageName: 'EnableCloudBackup',
    TargetIdentifier: udid,
    SourceIdentifier: udid,
    CloudBackupState: on,
  });
}

export function eraseRequest(udid: string): PlistDict {
  return plistDict({ MessageName: 'EraseDevice', TargetIdentifier: udid });
}

/** What the finite commands answer. Renderers and the library see these; the JSON documents are their snake_case form. */
import type { ErrorCode } from '../errors.js';
import type { BackupKind, DeviceFacts, Link } from '../events.js';

/** The worst that is known of a device, in this order. `unreachable`: the muxer lists it, but it does not answer. */
export type DeviceState = 'unreachable' | 'not_trusted' | 'locked' | 'setup_not_finished' | 'ready';

export interface ListedDevice {
  readonly udid: string;
  /** The device's own name; without trust that of its last backup, else `iPhone 00008110-001C…`. */
  readonly name: string;
  readonly model: string | null;
  readonly productType: string | null;
  readonly ios: string | null;
  readonly links: readonly Link[];
  readonly state: DeviceState;
  readonly trusted: boolean;
  /** What lies under the backup root for it. */
  readonly lastBackup: LastBackup;
}

export type LastBackup =
  | { readonly kind: 'none' }
  | { readonly kind: 'incomplete'; readonly madeAt: Date | null }
  | { readonly kind: 'complete'; readonly madeAt: Date };

/** Facts of one connected device; null is "the device does not tell". */
export interface DeviceInfo {
  readonly udid: string;
  readonly facts: DeviceFacts;
  readonly build: string | null;
  readonly serial: string | null;
  readonly imei: string | null;
  readonly phoneNumber: string | null;
  readonly links: readonly Link[];
  readonly trusted: boolean;
  readonly storageBytes: number | null;
  readonly freeBytes: number | null;
  readonly batteryPercent: number | null;
  readonly charging: boolean | null;
  readonly backupsEncrypted: boolean | null;
  readonly findMy: boolean | null;
  readonly passcodeSet: boolean | null;
  /** Not unlocked since it started; a screen that is locked now is no hindrance. */
  readonly locked: boolean | null;
  readonly lastBackup: LastBackup;
}

export type CheckState = 'ok' | 'warn' | 'fail' | 'skipped';

/** One line of `ibk doctor`. The order of the list is the order of repair. */
export interface DoctorCheck {
  readonly check:
    | 'usbmuxd'
    | 'device'
    | 'trust'
    | 'unlocked'
    | 'root'
    | 'space'
    | 'encrypted'
    | 'last_backup'
    | 'config';
  readonly state: CheckState;
  /** Set when the state is `fail`. */
  readonly code: ErrorCode | null;
  readonly message: string;
  readonly hint: string | null;
}

export interface DoctorReport {
  readonly checks: readonly DoctorCheck[];
  /** `ok`, or the code of the first failed check. */
  readonly code: ErrorCode | 'ok';
  readonly exit: number;
}

/** One device's backup under a root (before versions: one a device). */
export interface ListedBackup {
  readonly udid: string;
  readonly name: string;
  readonly model: string | null;
  readonly productType: string | null;
  readonly ios: string | null;
  readonly encrypted: boolean | null;
  readonly complete: boolean;
  readonly madeAt: Date | null;
  /** Bytes of the folder's files; null when it was not counted. */
  readonly bytes: number | null;
  readonly files: number | null;
  /** The tool that made it, as far as the folder tells: `ibk 1.0.0`, else null. */
  readonly madeBy: string | null;
  readonly path: string;
}

export interface BackupListing {
  readonly root: string;
  readonly bytes: number;
  readonly backups: readonly ListedBackup[];
}

/** What a backup would do, as far as can be told before the phone has scanned itself. */
export interface BackupPlan {
  readonly udid: string;
  readonly device: DeviceFacts;
  readonly link: Link;
  readonly root: string;
  readonly kind: BackupKind;
  readonly encrypted: boolean;
  /** Will the phone ask for its passcode? Null: it does not tell whether it has one. */
  readonly needsPasscode: boolean | null;
  /** What it would build on. */
  readonly lastBackup: LastBackup;
  readonly lastBackupBytes: number | null;
  readonly freeBytes: number | null;
}

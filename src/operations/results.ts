/** What the finite commands answer. Renderers and the library see these; the JSON documents are their snake_case form. */
import type { ErrorCode, IbkError } from '../errors.js';
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
  /** May computers that it trusts reach it over Wi-Fi. */
  readonly wifiConnections: boolean | null;
  /** iCloud backup. */
  readonly cloudBackup: boolean | null;
  readonly lastBackup: LastBackup;
  /** Its id, whole; null for one that ibk has not made, or that another program has written into since. */
  readonly lastVersion: string | null;
}

/** Backup encryption as a device has it set. */
export interface EncryptionStatus {
  readonly udid: string;
  readonly name: string;
  /** iPhone, iPad …: for words. */
  readonly noun: string;
  readonly encrypted: boolean;
  /** Null: it does not tell. */
  readonly passcodeSet: boolean | null;
  readonly forcedByManagement: boolean;
}

/** May computers that a device trusts reach it over Wi-Fi. */
export interface WifiStatus {
  readonly udid: string;
  readonly name: string;
  readonly noun: string;
  readonly enabled: boolean;
  /** How it was asked just now. */
  readonly link: Link;
}

/** iCloud backup as it was set just now. */
export interface CloudBackupStatus {
  readonly udid: string;
  readonly name: string;
  readonly noun: string;
  readonly enabled: boolean;
}

/** What a phone made of a backup that it read itself. */
export interface PhoneSideAnswer {
  readonly request: 'Info' | 'List' | 'Unback';
  readonly udid: string;
  readonly name: string;
  /** Its words, as it sent them. */
  readonly content: string | null;
  /** Of Unback: where the files lie, how many, and their bytes. */
  readonly path: string | null;
  readonly files: number | null;
  readonly bytes: number | null;
}

/** What somebody should know before a device is erased. */
export interface ErasePlan {
  readonly udid: string;
  readonly name: string;
  readonly noun: string;
  /** Afterwards the device asks for its owner's password. Null: it does not tell. */
  readonly findMy: boolean | null;
  /** Under the backup root. */
  readonly lastBackup: LastBackup;
}

export interface EraseOutcome {
  readonly udid: string;
  readonly name: string;
  readonly noun: string;
  /** False: it went away without a word, as most do. */
  readonly answered: boolean;
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
    | 'store'
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

/** One version of a device's backup. */
export interface ListedVersion {
  /** The 8 characters that people type; null for a folder that ibk has not taken in yet. */
  readonly version: string | null;
  /** The same, whole: `20261121-070600-k7f29b1e`. */
  readonly id: string | null;
  readonly madeAt: Date | null;
  /** The newest complete one. */
  readonly latest: boolean;
  readonly ios: string | null;
  readonly encrypted: boolean | null;
  readonly complete: boolean;
  readonly pinned: boolean;
  readonly tags: readonly string[];
  /** Files of the device and their bytes; null when they were not counted. */
  readonly files: number | null;
  readonly bytes: number | null;
  /** Against the version before it; null for the first. */
  readonly filesAdded: number | null;
  readonly filesChanged: number | null;
  readonly filesRemoved: number | null;
  /** Of the files that were added, changed (as they are now) and removed; null also where an earlier ibk counted them. */
  readonly bytesAdded: number | null;
  readonly bytesChanged: number | null;
  readonly bytesRemoved: number | null;
  /** It has no version before it to be compared with. */
  readonly first: boolean;
  /** What forgetting this version alone would free; null where it was not asked for, or is not known. */
  readonly onlyHereBytes: number | null;
  readonly note: string;
  /** Made by another tool. */
  readonly foreign: boolean;
  /** The version that it is a changed copy of; then it is never the latest. Null: it is none. */
  readonly editedFrom: string | null;
  /** `ibk 1.0.0` or `ibk`; null when another tool made it. */
  readonly madeBy: string | null;
  /** How long the backup took, from its start until it was put in place; null where ibk did not make it, or did not note it. */
  readonly tookSeconds: number | null;
  /** What another program overwrote of it. */
  readonly lost: { readonly files: number; readonly at: Date } | null;
  /** What describes it was overwritten: it cannot be opened as a backup. */
  readonly unreadable: boolean;
  /** Files that were missing or changed when ibk looked, though no other backup was made there. Then it is not complete. */
  readonly damaged: number;
}

/** What lies under a root for one device. */
export interface ListedBackup {
  readonly udid: string;
  readonly name: string;
  readonly model: string | null;
  readonly productType: string | null;
  readonly path: string;
  /** Of everything that is kept of the device; null when it was not counted. */
  readonly bytes: number | null;
  /** Newest first, never empty. */
  readonly versions: readonly ListedVersion[];
  /**
   * Is the folder as ibk left it? `touched`: another program wrote into it since; `replaced`: it made its own backup there, which the next `ibk backup`
   * takes in; `changing`: an ibk is at work, or was interrupted; `unmanaged`: ibk has not written here yet.
   */
  readonly state: 'as_left' | 'touched' | 'replaced' | 'changing' | 'unmanaged';
  /** Why its versions cannot be read. */
  readonly problem: IbkError | null;
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
  /** Its version's id, whole; null where ibk has not written yet. */
  readonly lastVersion: string | null;
  readonly lastBackupBytes: number | null;
  readonly freeBytes: number | null;
}

/** A password was tried, and is right; or none is needed. */
export interface PasswordCheck {
  readonly udid: string;
  readonly name: string;
  readonly path: string;
  readonly version: string | null;
  readonly madeAt: Date | null;
  readonly encrypted: boolean;
}

/** Who keeps a device's backup from being written to. */
export interface ListedLock {
  readonly udid: string;
  readonly name: string;
  /** `in_use`: its process runs. `left_behind`: it has ended. `elsewhere`: another computer holds it, by way of a share. */
  readonly state: 'free' | 'in_use' | 'left_behind' | 'elsewhere';
  readonly host: string | null;
  readonly pid: number | null;
  readonly command: string | null;
  readonly since: Date | null;
  /** Its last sign of life. */
  readonly renewedAt: Date | null;
}

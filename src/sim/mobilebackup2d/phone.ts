/** What the backup service needs from the rest of the simulated iPhone. */
import type { Clock } from '../../io/clock.js';
import type { PlistDict } from '../../plist/value.js';
import type { PhoneContent } from '../content/content.js';
import type { ContentItem } from '../content/item.js';
import type { IosProfile } from '../profile.js';
import type { ScenarioSet } from '../scenario.js';

/** What the service has done since the phone was switched on. The service adds to it; `ibk sim ctl stats` shows it. */
export interface BackupStats {
  /** Requests from the computer by MessageName (`Backup`, `Restore` …). */
  requests: Record<string, number>;
  /** Messages sent to the computer, by name. */
  sent: Record<string, number>;
  fullBackups: number;
  incrementalBackups: number;
  restores: number;
  /** Options of each Restore request, oldest first, without its password. */
  restoreOptions: Record<string, boolean>[];
  /** Payload files uploaded with success, and their bytes as stored in the backup. */
  filesUploaded: number;
  bytesUploaded: number;
  /** Bytes that the computer sent: status and manifests, and what a restore asks for. */
  bytesDownloaded: number;
  /** ErrorCode of each final Response, oldest first. */
  finalCodes: number[];
  /** How each connection ended: `response`, `host disconnected`, `link lost`, `violation: …`, `disconnect`, `eof`. */
  endings: string[];
}

export function newBackupStats(): BackupStats {
  return {
    requests: {},
    sent: {},
    fullBackups: 0,
    incrementalBackups: 0,
    restores: 0,
    restoreOptions: [],
    filesUploaded: 0,
    bytesUploaded: 0,
    bytesDownloaded: 0,
    finalCodes: [],
    endings: [],
  };
}

/** Backup encryption as the phone has it set; undefined on the phone: off. */
export interface BackupEncryption {
  readonly password: string;
  /** Rounds of the two key derivations. Default 1000 each: fast. A real phone takes 10,000,000 (DPIC) and 10,000 (ITER). */
  readonly iterations?: { readonly dpic: number; readonly iter: number };
}

/** A restore that is complete but for the restart. */
export interface StagedRestore {
  readonly items: readonly ContentItem[];
  readonly folder: string;
}

export interface BackupPhone {
  readonly udid: string;
  readonly profile: IosProfile;
  /** As the phone tells it. */
  readonly productVersion: string;
  readonly scenarios: ScenarioSet;
  /** Keys, salts and identifiers of backups follow from it. */
  readonly seed: number;
  readonly content: PhoneContent;
  /** Read at the start of each backup. */
  readonly encryption: BackupEncryption | undefined;
  setEncryption(encryption: BackupEncryption | undefined): void;
  setCloudBackup(on: boolean): void;
  readonly passcodeSet: boolean;
  readonly findMy: boolean;
  /** Management forces encrypted backups. */
  readonly requiresEncryption: boolean;
  /** Room for a restore. */
  readonly freeBytes: number;
  /** A restore is waiting for the phone to start anew. */
  readonly restorePending: boolean;
  /** A new folder of the phone's own, where the bytes of restored files stay. */
  restoreFolder(): Promise<string>;
  /** What the phone will hold after it has started anew. */
  stageRestore(restore: StagedRestore): void;
  /** Starts anew: all connections die, what was restored comes into place, and the phone is there again. */
  restart(): Promise<void>;
  /** Content, computers and settings go; starts anew. */
  erase(): Promise<void>;
  /** The lockdown values that Manifest.plist repeats: DeviceName, ProductVersion, UniqueDeviceID … Must not change between two backups of one state. */
  readonly lockdownFacts: PlistDict;
  readonly clock: Clock;
  readonly stats: BackupStats;
  /** Aborts when the phone is switched off or unplugged: the service ends at once. */
  readonly signal: AbortSignal;
  /**
   * Set when a person has stopped the backup at the phone (`ibk sim ctl cancel`); looked at between two messages. Whoever sets it posts
   * the notification, com.apple.itunes-client.syncCancelRequest.
   */
  readonly cancelRequested: boolean;
  /** Posts a notification to whoever observes it through notification_proxy. */
  notify(name: string): void;
  /**
   * Shows the passcode prompt and waits for its answer. The service posts the two LocalAuthentication notifications itself.
   * @returns false: refused, or not entered in time.
   */
  askPasscode(signal: AbortSignal): Promise<boolean>;
  /** Pulls the cable: all connections die and the muxer reports Detached. */
  unplug(): void;
  /** Records what a real phone would not have accepted. */
  violation(text: string): void;
}

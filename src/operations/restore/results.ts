/** What a restore answers: the plan, and what stands in its way. */
import type { ErrorCode } from '../../errors.js';
import type { DeviceFacts, Link } from '../../events.js';
import type { CheckState } from '../results.js';
import type { RestorePart } from './part.js';

/** One thing that must be right before a restore; `skipped`: nobody can tell. */
export interface RestoreCheck {
  readonly check: 'backup' | 'password' | 'ios' | 'supervision' | 'set_up' | 'find_my' | 'space' | 'locked' | 'battery';
  readonly state: CheckState;
  /** Set when the state is `fail`. */
  readonly code: ErrorCode | null;
  /** What was found, in a few words: `26.1, backup made by 26.1`. */
  readonly message: string;
  /** What to do, when it failed or wants attention. */
  readonly hint: string | null;
}

/** What is to be restored. */
export interface RestoreSourceFacts {
  /** Whole id; null for a folder that ibk has not taken in. */
  readonly version: string | null;
  readonly madeAt: Date | null;
  /** Of the device that it was made of. */
  readonly udid: string;
  readonly name: string;
  readonly ios: string | null;
  readonly encrypted: boolean;
  readonly path: string;
  /** Files of the device, and all bytes that are to be sent. */
  readonly files: number;
  readonly bytes: number;
  readonly photoBytes: number | null;
  readonly apps: number | null;
  /** Did an organization supervise the device? Null: the backup does not say, or is not open. */
  readonly supervised: boolean | null;
}

/** What a restore would do to one device. */
export interface RestorePlan {
  readonly source: RestoreSourceFacts;
  readonly udid: string;
  readonly device: DeviceFacts;
  readonly link: Link;
  readonly checks: readonly RestoreCheck[];
  readonly settings: RestoreSettings;
  /** Null: all of the backup. */
  readonly part: RestorePart | null;
}

export interface RestoreSettings {
  /** System files too. Default true, as Finder does it. */
  readonly system: boolean;
  /** The phone keeps its present settings. Default false. */
  readonly keepSettings: boolean;
  /** What the backup does not have goes. Default false. */
  readonly remove: boolean;
  /** The phone copies the backup to itself first. Default false. */
  readonly copy: boolean;
  /** Default true: nothing comes into place before the restart. */
  readonly reboot: boolean;
  /** Do not have the App Store send the apps again. Default false. */
  readonly skipApps: boolean;
}

/**
 * What a running job tells whoever watches it. Operations emit these; `ui` turns them into a live area, log lines
 * or NDJSON. The wire names (snake_case) are made in `ui/ndjson.ts`; the schemas in `src/schemas` describe those.
 */
import type { ErrorCode, IbkError, Phase } from './errors.js';

export type Link = 'usb' | 'network';
export type BackupKind = 'full' | 'incremental';

export interface DeviceFacts {
  readonly name: string;
  /** Marketing name ("iPhone 15"), or the product type where the table does not know it. */
  readonly model: string;
  readonly productType: string;
  readonly ios: string;
}

export interface StartEvent {
  readonly type: 'start';
  readonly udid: string;
  readonly command: 'backup' | 'restore';
  /** Of a backup. */
  readonly kind: BackupKind | null;
  readonly encrypted: boolean;
  readonly link: Link;
  readonly device: DeviceFacts;
}

export interface PhaseEvent {
  readonly type: 'phase';
  readonly udid: string | null;
  readonly phase: Phase;
}

/** The phone shows something that only a person can answer. */
export interface PromptEvent {
  readonly type: 'prompt';
  readonly udid: string;
  readonly prompt: 'trust' | 'passcode';
  readonly state: 'shown' | 'answered';
  readonly timeoutSeconds: number;
}

/** At most ten a second. Figures are measured or come from the phone; unknown is null. */
export interface ProgressEvent {
  readonly type: 'progress';
  readonly udid: string;
  readonly phase: Phase;
  /** The phone's own overall percentage, 0-100, never going back. */
  readonly percent: number | null;
  readonly filesDone: number;
  readonly bytesDone: number;
  readonly bytesTotal: number | null;
  readonly bytesPerSecond: number | null;
  readonly etaSeconds: number | null;
  /** Domain of the file in flight, from the phone's path; null if not known. */
  readonly domain: string | null;
  /** Seconds since the last byte, for "no data for 1 min 10 s". */
  readonly silentSeconds: number;
}

export interface FileErrorEvent {
  readonly type: 'file_error';
  readonly udid: string;
  /** The path on the phone, as it named it. */
  readonly path: string;
  readonly message: string;
  readonly deviceErrorCode: number | null;
}

export interface WarningEvent {
  readonly type: 'warning';
  readonly udid: string | null;
  /** snake_case: `not_encrypted`, `unknown_message`, `manifest_upload_failed` … */
  readonly reason: string;
  readonly message: string;
  readonly hint: string | null;
}

export interface PreviousVersion {
  readonly version: string;
  readonly madeAt: Date;
}

export interface BackupSummary {
  readonly type: 'summary';
  readonly udid: string;
  readonly code: 'ok' | 'partial';
  readonly exit: 0 | 3;
  /** The version's id, whole: `20261121-070600-k7f29b1e`. People see and type its last 8 characters. */
  readonly version: string;
  /** The version that this one replaced; null for a first backup. */
  readonly previous: PreviousVersion | null;
  readonly kind: BackupKind;
  readonly encrypted: boolean;
  /** Files of the phone in the backup, and their bytes, as they lie in the folder. */
  readonly filesTotal: number | null;
  readonly bytesTotal: number | null;
  /** Files of the phone that `previous` did not have, had otherwise, and had alone. What describes the backup (Manifest.db …) is not counted. */
  readonly filesAdded: number;
  readonly filesChanged: number;
  readonly filesRemoved: number;
  /** What `previous` now keeps for itself: content that this version replaced or removed. Null without one. */
  readonly historyBytes: number | null;
  /** What the rules of this run forgot afterwards; missing where there are none. */
  readonly forgotten?: { readonly versions: readonly string[]; readonly freedBytes: number } | undefined;
  readonly filesReceived: number;
  readonly bytesReceived: number;
  readonly filesFailed: number;
  readonly failures: readonly { readonly path: string; readonly message: string }[];
  /** `manifest`: every file that the manifest names is there. `received`: everything the phone sent is in place. */
  readonly check: 'received' | 'manifest';
  readonly durationSeconds: number;
  /** While bytes were arriving, not over the whole run; null if none did. */
  readonly receiveBytesPerSecond: number | null;
  readonly madeAt: Date;
  readonly path: string;
  /** Null when the disk does not tell. */
  readonly freeBytes: number | null;
  readonly device: DeviceFacts;
}

export interface RestoreSummary {
  readonly type: 'restored';
  readonly udid: string;
  readonly code: 'ok';
  readonly exit: 0;
  readonly device: DeviceFacts;
  /** The version's id, whole; null for a folder that ibk has not taken in. */
  readonly version: string | null;
  readonly madeAt: Date | null;
  readonly filesSent: number;
  readonly bytesSent: number;
  readonly durationSeconds: number;
  /** The phone restarts by itself; what it received is in place afterwards. */
  readonly restarts: boolean;
}

export interface ErrorEvent {
  readonly type: 'error';
  readonly udid: string | null;
  readonly error: IbkError;
}

export interface SeveralSummary {
  readonly type: 'several';
  readonly code: ErrorCode | 'ok';
  readonly exit: number;
  readonly devices: readonly { readonly udid: string; readonly code: ErrorCode | 'ok'; readonly exit: number }[];
}

export type OperationEvent =
  | StartEvent
  | PhaseEvent
  | PromptEvent
  | ProgressEvent
  | FileErrorEvent
  | WarningEvent
  | BackupSummary
  | RestoreSummary
  | ErrorEvent
  | SeveralSummary;

/** Receives events in order. It returns nothing and must not throw into the job. */
export type EventSink = (event: OperationEvent) => void;

export const nullSink: EventSink = () => {};

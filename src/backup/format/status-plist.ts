/**
 * Status.plist, written by the device: `Version`, `UUID`, `Date`, `BackupState`, `SnapshotState` (uploading, moving, removing, finished), `IsFullBackup`.
 *
 * `IsFullBackup` says what the last run was, not whether the backup is complete.
 */
import { parsePlist } from '../../plist/codec.js';
import { asDict, asString, field, optionalBoolean } from '../../plist/fields.js';
import type { PlistDict } from '../../plist/value.js';
import { SMALL_PLIST_LIMIT } from './plist-limits.js';

export interface BackupStatus {
  readonly snapshotState: string;
  readonly finished: boolean;
  readonly date: Date | undefined;
  readonly fullRun: boolean | undefined;
  /** All of it. */
  readonly dict: PlistDict;
}

/** @throws IbkError `device_error` when it is no such file */
export function parseStatusPlist(bytes: Buffer): BackupStatus {
  const dict = asDict(parsePlist(bytes, 'Status.plist', { maxBytes: SMALL_PLIST_LIMIT }), 'Status.plist');
  const snapshotState = asString(field(dict, 'SnapshotState'), 'SnapshotState of Status.plist');
  const date = field(dict, 'Date');
  return {
    snapshotState,
    finished: snapshotState === 'finished',
    date: date instanceof Date && !Number.isNaN(date.getTime()) ? date : undefined,
    fullRun: optionalBoolean(dict, 'IsFullBackup'),
    dict,
  };
}

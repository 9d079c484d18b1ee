/** What `ibk verify` found. */
import type { FileSums } from '../backup/verify/verify-findings.js';

/** Another version that holds the file undamaged. */
export interface IntactCopy {
  readonly version: string;
  readonly madeAt: Date | null;
}

export interface VerifyProblem {
  /**
   * `changed`: other bytes than were received; `size`: another size; `missing`: not there; `unreadable`: a part that describes the backup;
   * `unfinished`: the device had not finished it; `record`: what the manifest has of the file, or its key.
   */
  readonly kind: 'changed' | 'size' | 'missing' | 'unreadable' | 'unfinished' | 'record';
  /** The bytes were read, and this differs: the checksum that ibk took, or the device's own. */
  readonly differs: 'SHA-256' | 'SHA-1' | null;
  /** In the backup folder. */
  readonly path: string;
  /** As the device names it; null where no manifest could tell. */
  readonly domain: string | null;
  readonly relativePath: string | null;
  /** Newest first; null: not looked for (there are too many problems, or it describes this backup alone). */
  readonly intactIn: readonly IntactCopy[] | null;
}

export interface VerifyWarning {
  readonly kind: 'extra' | 'snapshot' | 'udid';
  /** In the backup folder. */
  readonly path: string;
}

export interface VerifyReport extends FileSums {
  readonly udid: string;
  readonly name: string;
  readonly productType: string | null;
  readonly path: string;
  readonly version: string | null;
  readonly latest: boolean;
  readonly madeAt: Date | null;
  readonly foreign: boolean;
  /** What another program is known to have overwritten of this version. */
  readonly lost: { readonly files: number; readonly at: Date } | null;
  readonly code: 'ok' | 'damaged';
  readonly exit: 0 | 13;
  readonly readData: boolean;
  readonly encrypted: boolean;
  /** `checked`: each file that it names was looked for. `encrypted`: it can only be read with the password. */
  readonly manifest: 'checked' | 'encrypted' | 'unreadable';
  /** Of these files alone the content was read: `10%`, `1/7`. Null: of all. */
  readonly subset: string | null;
  /** The password of an encrypted backup was known. */
  readonly unlocked: boolean;
  /** Files that got a checksum; null: that was not asked for. */
  readonly adopted: number | null;
  /** Harmless: files that no row of the manifest names, the `Snapshot` of an interrupted run, parts that name different devices. */
  readonly warnings: readonly VerifyWarning[];
  readonly problems: readonly VerifyProblem[];
}

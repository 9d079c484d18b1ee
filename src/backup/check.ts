/**
 * What is looked at before a received backup takes the place of the earlier one, in the view that the commit would make real.
 *
 * | part           | unencrypted                                        | encrypted                          |
 * |----------------|----------------------------------------------------|------------------------------------|
 * | Status.plist   | sent in this run, reads, SnapshotState `finished`   | same                               |
 * | Manifest.plist | reads; its keybag reads                             | same                               |
 * | Manifest.db    | SQLite finds it sound; each file it names is there  | not empty, a whole number of blocks |
 * | Manifest.mbdb  | reads; each file it names is there                  | same (never encrypted itself)      |
 * | what arrived   | lies in `incoming/`, file by file                   | same                               |
 *
 * That the folder beneath is as ibk left it, the seal tells (seal.ts): once before the list of changes is written, and at the commit point again.
 */
import { IbkError } from '../errors.js';
import { parseKeybag } from './format/keybag.js';
import { isPlainDatabase, readFileIds } from './format/manifest-db.js';
import { type BackupManifest, parseManifestPlist } from './format/manifest-plist.js';
import { fileIdFor, isRegularFile } from './format/mbdb.js';
import { LARGE_PLIST_LIMIT, SMALL_PLIST_LIMIT } from './format/plist-limits.js';
import { type BackupStatus, parseStatusPlist } from './format/status-plist.js';
import { BLOCK_BYTES } from './format/stored-bytes.js';
import type { StoreLease } from './lease.js';
import { streamMbdb } from './reader/mbdb-manifest.js';
import { FILE_ID } from './records/names.js';

export interface CheckedBackup {
  readonly status: BackupStatus;
  readonly manifest: BackupManifest;
  /** `manifest`: every file that it names is there, but for `missing`. `received`: the manifest is encrypted; what was sent is in place. */
  readonly depth: 'received' | 'manifest';
  /** Files that the manifest names and that are there; undefined when it cannot be read. */
  readonly files: number | undefined;
  /** FileIDs that the manifest names and that are not there. At most `MISSING_KEPT` of them. */
  readonly missing: readonly string[];
  readonly missingCount: number;
  /** Of the asked-for fileIDs, those that the manifest names; undefined when it cannot be read. */
  readonly named: ReadonlySet<string> | undefined;
}

const MISSING_KEPT = 1000;

/**
 * @param asked fileIDs of which the caller wants to know whether the manifest names them
 * @throws IbkError `damaged` when what was received is no backup
 */
export async function checkReceived(lease: StoreLease, asked: ReadonlySet<string>): Promise<CheckedBackup> {
  const status = readStatus(lease);
  const manifest = readManifest(lease);
  checkArrived(lease);
  const findings = new Findings(asked);
  if (Number.parseFloat(manifest.version) >= 10 && lease.overlay.typeOf('Manifest.db') === 'file') {
    const depth = await checkDatabase(lease, manifest, findings);
    return { status, manifest, depth, ...findings.result(depth) };
  }
  if (lease.overlay.typeOf('Manifest.mbdb') !== 'file') {
    throw incomplete('it has no list of its files (Manifest.db)', 'no_manifest');
  }
  checkMbdb(lease, findings);
  return { status, manifest, depth: 'manifest', ...findings.result('manifest') };
}

function readStatus(lease: StoreLease): BackupStatus {
  if (!lease.wasReceived('Status.plist')) throw incomplete('no Status.plist came with it', 'no_status');
  const status = reading('Status.plist', () => parseStatusPlist(lease.readWhole('Status.plist', SMALL_PLIST_LIMIT)));
  if (!status.finished) {
    throw incomplete(`its Status.plist says "${status.snapshotState.slice(0, 40)}", not "finished"`, 'not_finished');
  }
  return status;
}

function readManifest(lease: StoreLease): BackupManifest {
  const manifest = reading('Manifest.plist', () =>
    parseManifestPlist(lease.readWhole('Manifest.plist', LARGE_PLIST_LIMIT)),
  );
  if (manifest.keybag !== undefined) parseKeybag(manifest.keybag);
  else if (manifest.encrypted) throw incomplete('it is encrypted and has no keybag', 'keybag');
  return manifest;
}

function reading<T>(name: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    const why = error instanceof IbkError ? error.message : 'it is not there or cannot be read.';
    throw new IbkError('damaged', `The backup that the iPhone sent is not complete: ${name}: ${why}`, {
      reason: 'unreadable_plist',
      cause: error,
    });
  }
}

/** Somebody who cleans up disks may have been at work meanwhile. */
function checkArrived(lease: StoreLease): void {
  const { lost, first } = lease.overlay.lostContent();
  if (lost === 0) return;
  throw new IbkError('damaged', 'What the iPhone sent is no longer on the disk: something else removed it.', {
    reason: 'received_lost',
    meaning: 'Nothing of it was put in place.',
    hint: 'Run the same command again.',
    details: { lost, first: first ?? null },
  });
}

async function checkDatabase(
  lease: StoreLease,
  manifest: BackupManifest,
  findings: Findings,
): Promise<'received' | 'manifest'> {
  // SQLite may want to put files beside a database; beside the user's finished backup it must not.
  const database = lease.privatePath('Manifest.db');
  if (manifest.databaseEncrypted || !(await isPlainDatabase(database))) {
    if (!manifest.encrypted) throw incomplete('its Manifest.db is not a database', 'manifest');
    const size = lease.sizeOf('Manifest.db');
    if (size === 0 || size % BLOCK_BYTES !== 0) {
      throw incomplete(`its Manifest.db is cut off at ${size} bytes`, 'manifest');
    }
    return 'received';
  }
  let prefix = '';
  let there = new Set<string>();
  for await (const fileIds of readFileIds(database)) {
    for (const fileId of fileIds) {
      if (!FILE_ID.test(fileId)) throw incomplete('its Manifest.db names a file that no iPhone would', 'manifest');
      if (prefix === '' || !fileId.startsWith(prefix)) {
        prefix = fileId.slice(0, 2);
        there = lease.overlay.fileNames(prefix);
      }
      findings.note(fileId, there);
    }
  }
  return 'manifest';
}

function checkMbdb(lease: StoreLease, findings: Findings): void {
  const there = lease.overlay.fileNames('');
  const file = lease.overlay.open('Manifest.mbdb');
  try {
    for (const record of streamMbdb(file)) {
      if (isRegularFile(record)) findings.note(fileIdFor(record.domain, record.relativePath), there);
    }
  } finally {
    file.close();
  }
}

class Findings {
  #files = 0;
  readonly #asked: ReadonlySet<string>;
  readonly #named = new Set<string>();
  readonly #missing: string[] = [];
  #missingCount = 0;

  constructor(asked: ReadonlySet<string>) {
    this.#asked = asked;
  }

  note(fileId: string, there: ReadonlySet<string>): void {
    if (this.#asked.has(fileId)) this.#named.add(fileId);
    if (there.has(fileId)) {
      this.#files++;
      return;
    }
    this.#missingCount++;
    if (this.#missing.length < MISSING_KEPT || this.#asked.has(fileId)) this.#missing.push(fileId);
  }

  result(depth: 'received' | 'manifest'): Omit<CheckedBackup, 'status' | 'manifest' | 'depth'> {
    const read = depth === 'manifest';
    return {
      files: read ? this.#files : undefined,
      missing: this.#missing,
      missingCount: this.#missingCount,
      named: read ? this.#named : undefined,
    };
  }
}

function incomplete(why: string, reason: string): IbkError {
  return new IbkError('damaged', `The backup that the iPhone sent is not complete: ${why}.`, { reason });
}

/**
 * What is looked at before a received backup takes the place of the earlier one, in the view that the commit would make real.
 *
 * | part           | unencrypted                                        | encrypted                          |
 * |----------------|----------------------------------------------------|------------------------------------|
 * | Status.plist   | sent in this run, reads, SnapshotState `finished`   | same                               |
 * | Manifest.plist | reads; its keybag reads                             | same                               |
 * | Manifest.db    | SQLite finds it sound; each file it names is there  | not empty, a whole number of blocks |
 * | Manifest.mbdb  | reads; each file it names is there                  | same (never encrypted itself)      |
 */
import { copyFile, constants, stat } from 'node:fs/promises';
import { IbkError } from '../errors.js';
import { type DevicePath, fileIdOf } from './device-path.js';
import type { IncomingBackup } from './incoming.js';
import { parseKeybagForm } from './keybag.js';
import { FILE_ID } from './layout.js';
import { isPlainDatabase, readManifestRows } from './manifest-db.js';
import { type BackupManifest, parseManifestPlist } from './manifest-plist.js';
import { fileIdFor, isRegularFile, readMbdb } from './mbdb.js';
import { type BackupStatus, parseStatusPlist, SMALL_PLIST_LIMIT } from './status-plist.js';

export interface CheckedBackup {
  readonly status: BackupStatus;
  readonly manifest: BackupManifest;
  /** `manifest`: every file that it names is there, but for `missing`. `received`: the manifest is encrypted; what was sent is in place. */
  readonly depth: 'received' | 'manifest';
  readonly files: number;
  /** FileIDs that the manifest names and that are not there. At most `MISSING_KEPT` of them. */
  readonly missing: readonly string[];
  readonly missingCount: number;
  /** Of the asked-for fileIDs, those that the manifest names; undefined when it cannot be read. */
  readonly named: ReadonlySet<string> | undefined;
}

const MISSING_KEPT = 1000;
const MBDB_LIMIT = 512 * 1024 * 1024;
const path = (name: string) => name as DevicePath;

/**
 * @param asked fileIDs of which the caller wants to know whether the manifest names them
 * @throws IbkError `damaged` when what was received is no backup
 */
export async function checkIncoming(incoming: IncomingBackup, asked: ReadonlySet<string>): Promise<CheckedBackup> {
  const status = await readStatus(incoming);
  const manifest = await readManifest(incoming);
  const database = await incoming.locate(path('Manifest.db'));
  const findings = new Findings(asked);
  if (database !== undefined && Number.parseFloat(manifest.version) >= 10) {
    const depth = await checkDatabase(incoming, database, manifest, findings);
    return { status, manifest, depth, ...findings.result(depth) };
  }
  const mbdb = await incoming.locate(path('Manifest.mbdb'));
  if (mbdb === undefined) throw incomplete('it has no list of its files (Manifest.db)', 'no_manifest');
  await checkMbdb(incoming, findings);
  return { status, manifest, depth: 'manifest', ...findings.result('manifest') };
}

async function readStatus(incoming: IncomingBackup): Promise<BackupStatus> {
  const found = incoming.overlay.find(path('Status.plist'));
  if (found.in !== 'overlay') throw incomplete('no Status.plist came with it', 'no_status');
  const status = await reading('Status.plist', async () =>
    parseStatusPlist(await incoming.readWhole(path('Status.plist'), SMALL_PLIST_LIMIT)),
  );
  if (!status.finished) {
    throw incomplete(`its Status.plist says "${status.snapshotState.slice(0, 40)}", not "finished"`, 'not_finished');
  }
  return status;
}

async function readManifest(incoming: IncomingBackup): Promise<BackupManifest> {
  const manifest = await reading('Manifest.plist', async () =>
    parseManifestPlist(await incoming.readWhole(path('Manifest.plist'), SMALL_PLIST_LIMIT * 64)),
  );
  if (manifest.keybag !== undefined) parseKeybagForm(manifest.keybag);
  else if (manifest.encrypted) throw incomplete('it is encrypted and has no keybag', 'keybag');
  return manifest;
}

async function reading<T>(name: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    const why = error instanceof IbkError ? error.message : 'it is not there or cannot be read.';
    throw new IbkError('damaged', `The backup that the iPhone sent is not complete: ${name}: ${why}`, {
      reason: 'unreadable_plist',
      cause: error,
    });
  }
}

async function checkDatabase(
  incoming: IncomingBackup,
  database: string,
  manifest: BackupManifest,
  findings: Findings,
): Promise<'received' | 'manifest'> {
  if (manifest.databaseEncrypted || !(await isPlainDatabase(database))) {
    if (!manifest.encrypted) throw incomplete('its Manifest.db is not a database', 'manifest');
    const { size } = await stat(database);
    if (size === 0 || size % 16 !== 0) throw incomplete(`its Manifest.db is cut off at ${size} bytes`, 'manifest');
    for (let index = 0; index < 256; index++) findings.files += (await payloads(incoming, hex(index))).size;
    return 'received';
  }
  let prefix = '';
  let there = new Set<string>();
  for await (const rows of readManifestRows(await ownCopy(incoming, database))) {
    for (const { fileId, flags } of rows) {
      if (flags !== 1) continue;
      if (!FILE_ID.test(fileId)) throw incomplete('its Manifest.db names a file that no iPhone would', 'manifest');
      if (!fileId.startsWith(prefix) || prefix === '') {
        prefix = fileId.slice(0, 2);
        there = await payloads(incoming, prefix);
      }
      findings.note(fileId, there);
    }
  }
  return 'manifest';
}

async function checkMbdb(incoming: IncomingBackup, findings: Findings): Promise<void> {
  const bytes = await incoming.readWhole(path('Manifest.mbdb'), MBDB_LIMIT);
  const there = await payloads(incoming, '');
  for (const record of readMbdb(bytes)) {
    if (isRegularFile(record)) findings.note(fileIdFor(record.domain, record.relativePath), there);
  }
}

/** SQLite may want to put files beside a database; beside the user's finished backup it must not. */
async function ownCopy(incoming: IncomingBackup, database: string): Promise<string> {
  const found = incoming.overlay.find(path('Manifest.db'));
  if (found.in === 'overlay' && found.node.kind === 'file' && found.node.blob !== undefined) return database;
  const { number } = await incoming.blobs.writer().finish();
  await copyFile(database, incoming.blobs.path(number), constants.COPYFILE_FICLONE);
  return incoming.blobs.path(number);
}

async function payloads(incoming: IncomingBackup, folder: string): Promise<Set<string>> {
  const names = await incoming.fileNames(path(folder));
  for (const name of names) if (fileIdOf(name) === undefined) names.delete(name);
  return names;
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, '0');
}

class Findings {
  files = 0;
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
      this.files++;
      return;
    }
    this.#missingCount++;
    if (this.#missing.length < MISSING_KEPT || this.#asked.has(fileId)) this.#missing.push(fileId);
  }

  result(depth: 'received' | 'manifest'): Omit<CheckedBackup, 'status' | 'manifest' | 'depth'> {
    return {
      files: this.files,
      missing: this.#missing,
      missingCount: this.#missingCount,
      named: depth === 'manifest' ? this.#named : undefined,
    };
  }
}

function incomplete(why: string, reason: string): IbkError {
  return new IbkError('damaged', `The backup that the iPhone sent is not complete: ${why}.`, { reason });
}

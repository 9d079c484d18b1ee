/**
 * Is a backup whole, and could it be restored? For a version of a store, and for any folder in Apple's layout.
 *
 * | part           | what is looked at |
 * |----------------|-------------------|
 * | Info.plist     | is there, reads; names the same device as Manifest.plist (else a warning) |
 * | Status.plist   | reads, SnapshotState `finished` |
 * | Manifest.plist | reads; its keybag reads |
 * | Manifest.db    | SQLite finds it sound, each file it names is there; encrypted, without the password: not empty, a whole number of blocks |
 * | Manifest.mbdb  | reads, each file it names is there |
 * | each file      | is there with its size; its record reads, its key unwraps; with `readData`, its checksum or digest, where there is one |
 * | what is left   | files that no row names, and the `Snapshot` of an interrupted run: warnings, since a restore does not look at them |
 */
import type { BackupSource } from '../reader/backup-source.js';
import { BackupKeys } from '../reader/keys.js';
import type { AskPassword, BackupName } from '../reader/password.js';
import { isMetadata } from '../records/names.js';
import { type ExaminedFile, isRead, type VerifyOptions } from '../versions/examine.js';
import { type ContentFinding, checkContent, readUnnamed } from './verify-content.js';
import { Expected } from './verify-expected.js';
import { type BackupFault, FileFindings, type FileSums } from './verify-findings.js';
import { type NamedFile, type NamedFiles, openNamedFiles } from './verify-manifest.js';
import { Parts, readDescription } from './verify-parts.js';

export type { BackupFault } from './verify-findings.js';

const PAYLOAD = /^(?:[0-9a-f]{2}\/)?([0-9a-f]{40})$/;

/** Harmless, and worth knowing. */
export interface BackupWarning {
  /** `extra`: no row names the file. `snapshot`: left by an interrupted run. `udid`: its parts name different devices. */
  readonly kind: 'extra' | 'snapshot' | 'udid';
  /** In the backup folder. */
  readonly path: string;
}

export interface VerifiedBackup extends FileSums {
  readonly encrypted: boolean;
  /** The password of an encrypted backup was known: keys and the ends of files were looked at. */
  readonly unlocked: boolean;
  /** `checked`: every file that it names was looked for. `encrypted`: it names files to nobody without the password. */
  readonly manifest: NamedFiles['state'];
  readonly faults: readonly BackupFault[];
  readonly warnings: readonly BackupWarning[];
}

export interface VerifyBackupOptions extends VerifyOptions {
  readonly onFile?: ((file: ExaminedFile) => void) | undefined;
  /** Asked for at the beginning, where the backup is encrypted. None, or no answer: what needs it is not checked. */
  readonly password?: AskPassword | undefined;
  /** For its question. */
  readonly name?: BackupName | undefined;
}

const UNNAMED: BackupName = { device: 'this device', madeAt: undefined, word: 'latest' };

/** @throws IbkError `password`: it is wrong; the signal's reason; system errors of the disk */
export async function verifyBackup(source: BackupSource, options: VerifyBackupOptions): Promise<VerifiedBackup> {
  const parts = new Parts(source);
  const { manifest, notSent, udids } = await readDescription(parts);
  const { password, name = UNNAMED, signal } = options;
  const keys = manifest?.encrypted === true ? new BackupKeys(manifest.keybag, password, () => name) : undefined;
  using named = await openNamedFiles({ source, manifest, keys, parts, signal });
  // A copy that another tool decrypted keeps the keys in its records, and has no use for them.
  const isDecryptedCopy = named.isPlain && manifest?.manifestKey !== undefined;
  const check = {
    source,
    keys: isDecryptedCopy ? undefined : keys,
    isOpen: named.isUnlocked,
    signal,
    onRead: options.onRead,
  };
  const findings = new FileFindings(notSent, named.state === 'checked');
  const contentOf = async (file: ExaminedFile, row: NamedFile | undefined): Promise<ContentFinding | undefined> => {
    const { path, sizeBytes } = file;
    if (row === undefined) return unnamedContent(source, file, options);
    if (file.fault !== undefined) return undefined;
    return checkContent(check, row, {
      path,
      sizeBytes,
      isReceived: !file.withoutChecksum,
      readData: isRead(path, options),
    });
  };
  await inStep(source, named, options, findings, contentOf);
  const warnings: BackupWarning[] = udids.length > 0 ? [{ kind: 'udid', path: 'Info.plist' }] : [];
  for await (const path of source.leftovers(signal))
    warnings.push({ kind: path === 'Snapshot' ? 'snapshot' : 'extra', path });
  for (const path of findings.extra) warnings.push({ kind: 'extra', path });
  return {
    encrypted: manifest?.encrypted ?? false,
    unlocked: named.isUnlocked,
    manifest: parts.failed.has(named.name) ? 'unreadable' : named.state,
    ...findings.sums(),
    faults: findings.faults(parts.failed),
    warnings,
  };
}

/** What lies there and what the manifest names, both in the order of their fileIDs. */
async function inStep(
  source: BackupSource,
  named: NamedFiles,
  options: VerifyBackupOptions,
  findings: FileFindings,
  contentOf: (file: ExaminedFile, row: NamedFile | undefined) => Promise<ContentFinding | undefined>,
): Promise<void> {
  const isFlat = named.isFlat === true;
  const wanted = new Expected(named.files());
  try {
    for await (const file of source.files(options)) {
      options.onFile?.(file);
      const id = PAYLOAD.exec(file.path)?.[1];
      const isElsewhere = named.isFlat !== undefined && named.isFlat === file.path.includes('/');
      let row: NamedFile | undefined;
      if (id !== undefined && !isElsewhere) {
        for await (const next of wanted.before(id)) findings.missing(next, isFlat);
        row = await wanted.take(id);
      }
      findings.add(file, row, await contentOf(file, row));
    }
    for await (const next of wanted.before(undefined)) findings.missing(next, isFlat);
  } finally {
    await wanted.close();
  }
}

/** Nothing tells what it should hold: it is read to see that the disk can. */
async function unnamedContent(
  source: BackupSource,
  file: ExaminedFile,
  options: VerifyBackupOptions,
): Promise<ContentFinding | undefined> {
  if (!file.withoutChecksum || file.fault !== undefined || isMetadata(file.path) || !isRead(file.path, options))
    return undefined;
  return readUnnamed(source, file.path, options);
}

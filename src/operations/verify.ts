/** `ibk verify`: is a backup complete, undamaged, restorable? Needs neither a device nor a lock, and changes nothing (but for `adopt`). */
import { join } from 'node:path';
import { folderSource, versionSource } from '../backup/reader/backup-source.js';
import { onDisk } from '../backup/disk/disk-errors.js';
import { isMetadata } from '../backup/records/names.js';
import type { AskPassword } from '../backup/reader/password.js';
import type { StoreContext } from '../backup/records/context.js';
import type { VersionReader } from '../backup/versions/resolve.js';
import { versionInFolder } from '../backup/verify/same-run.js';
import { BackupStore } from '../backup/store.js';
import { IbkError } from '../errors.js';
import { shortIdOf } from '../backup/records/version-id.js';
import { findIntact } from '../backup/versions/examine.js';
import {
  type BackupFault,
  type VerifiedBackup,
  verifyBackup,
  type VerifyBackupOptions,
} from '../backup/verify/verify-backup.js';
import type { ChosenBackup } from './choose-backups.js';
import type { ReadSubset } from './read-subset.js';
import type { IntactCopy, VerifyProblem, VerifyReport } from './verify-report.js';

export interface VerifyOptions {
  readonly root: string;
  /** Reads every file and compares its checksum, where one was taken. */
  readonly readData: boolean;
  /** With `readData`: only these files. */
  readonly subset?: ReadSubset | undefined;
  /** Keeps checksums of the files that have none, if nothing is damaged. */
  readonly adopt?: boolean;
  /** Asked for at the beginning, where the backup is encrypted. Without an answer, what needs it is not checked. */
  readonly password?: AskPassword | undefined;
  /** As it was typed, for hints. */
  readonly word?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** After each file, and while a large one is read. */
  readonly onProgress?: ((soFar: { readonly files: number; readonly bytesRead: number }) => void) | undefined;
}

/** Damaged files that other versions are searched for. */
const MOST_SEARCHED = 200;

/** Damage is an answer, not an error. @throws IbkError `not_found`, `in_use`, `destination`, the signal's reason */
export async function verify(chosen: ChosenBackup, options: VerifyOptions): Promise<VerifyReport> {
  const { backup, version } = chosen;
  const { signal, readData } = options;
  const soFar = { files: 0, bytesRead: 0 };
  if (options.adopt === true) mustBeAdoptable(chosen, options.root);
  const checks: VerifyBackupOptions = {
    readData,
    only: options.subset?.has,
    password: options.password,
    name: {
      device: backup.name,
      udid: backup.udid,
      madeAt: version.madeAt ?? undefined,
      word: options.word ?? 'latest',
    },
    signal,
    onFile: () => {
      soFar.files += 1;
      options.onProgress?.(soFar);
    },
    onRead: (bytes) => {
      soFar.bytesRead += bytes;
      options.onProgress?.(soFar);
    },
  };
  return onDisk(async () => {
    const { id } = version;
    const store = new BackupStore(options.root, backup.udid);
    const found =
      id === null && backup.state === 'unmanaged'
        ? await verifyFolder(chosen, options, checks)
        : await store.reading((ctx, reader) => {
            const known = id ?? versionInFolder(ctx, reader, backup.path);
            if (known === undefined) return verifyFolder(chosen, options, checks);
            return verifyStored(chosen, known, options, checks, ctx, reader);
          });
    if (options.adopt !== true || found.problems.length > 0) return found;
    using lease = await store.lease({ command: 'verify', signal });
    return { ...found, adopted: await lease.adoptChecksums({ signal, onRead: checks.onRead }) };
  });
}

async function verifyFolder(chosen: ChosenBackup, options: VerifyOptions, checks: VerifyBackupOptions) {
  const found = await verifyBackup(folderSource(chosen.backup.path), checks);
  return report(
    chosen,
    options,
    found,
    found.faults.map((fault) => problemOf(fault, [])),
  );
}

/** Damaged files are looked for in the other versions. */
async function verifyStored(
  chosen: ChosenBackup,
  id: string,
  options: VerifyOptions,
  checks: VerifyBackupOptions,
  ctx: StoreContext,
  reader: VersionReader,
): Promise<VerifyReport> {
  const found = await verifyBackup(versionSource(ctx, reader, id), checks);
  const others = chosen.backup.versions.filter((other) => other.id !== null && other.id !== id);
  const ids = others.flatMap((other) => (other.id === null ? [] : [other.id]));
  const problems: VerifyProblem[] = [];
  for (const [index, fault] of found.faults.entries()) {
    const intact: IntactCopy[] = [];
    const searched = index < MOST_SEARCHED && !isMetadata(fault.path);
    if (searched)
      for await (const where of findIntact(ctx, reader, ids, fault.path, { signal: options.signal }))
        intact.push({
          version: shortIdOf(where),
          madeAt: others.find((other) => other.id === where)?.madeAt ?? null,
        });
    problems.push(problemOf(fault, searched ? intact : null));
  }
  return report(chosen, options, found, problems);
}

/** @throws IbkError `usage` */
function mustBeAdoptable({ backup, version }: ChosenBackup, root: string): void {
  if (backup.path !== join(root, backup.udid))
    throw new IbkError(
      'usage',
      'Checksums are kept for backups under the backup root alone, and this one lies elsewhere.',
      {
        hint: 'If it is the folder of a device, give the one that holds it as the root: ibk verify --adopt -o DIR',
      },
    );
  if (version.latest) return;
  throw new IbkError('usage', 'Only the newest version can be given checksums.', { hint: 'ibk verify latest --adopt' });
}

function kindOf(kind: BackupFault['kind']): VerifyProblem['kind'] {
  switch (kind) {
    case 'content':
    case 'touched':
    case 'digest':
    case 'padding':
      return 'changed';
    default:
      return kind;
  }
}

function problemOf(
  { kind, path, domain, relativePath }: BackupFault,
  intactIn: VerifyProblem['intactIn'],
): VerifyProblem {
  return {
    kind: kindOf(kind),
    differs: kind === 'content' ? 'SHA-256' : kind === 'digest' ? 'SHA-1' : null,
    path,
    domain,
    relativePath,
    intactIn,
  };
}

function report(
  { backup, version }: ChosenBackup,
  { readData, subset }: VerifyOptions,
  found: VerifiedBackup,
  problems: readonly VerifyProblem[],
): VerifyReport {
  const damaged = problems.length > 0;
  return {
    udid: backup.udid,
    name: backup.name,
    productType: backup.productType,
    path: backup.path,
    version: version.version,
    latest: version.latest,
    madeAt: version.madeAt,
    foreign: version.foreign,
    lost: version.lost,
    code: damaged ? 'damaged' : 'ok',
    exit: damaged ? 13 : 0,
    readData,
    encrypted: found.encrypted,
    manifest: found.manifest,
    files: found.files,
    present: found.present,
    notSent: found.notSent,
    bytes: found.bytes,
    compared: found.compared,
    bytesCompared: found.bytesCompared,
    withoutChecksum: found.withoutChecksum,
    subset: subset?.words ?? null,
    unlocked: found.unlocked,
    adopted: null,
    warnings: found.warnings,
    problems,
  };
}

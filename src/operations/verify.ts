/** `ibk verify`: is a backup complete, undamaged, restorable? Needs neither a device nor a lock, and changes nothing. */
import { folderSource, versionSource } from '../backup/backup-source.js';
import { onDisk } from '../backup/disk-errors.js';
import { isMetadata } from '../backup/names.js';
import { BackupStore } from '../backup/store.js';
import { shortIdOf } from '../backup/version-id.js';
import { findIntact } from '../backup/verify.js';
import {
  type BackupFault,
  type VerifiedBackup,
  verifyBackup,
  type VerifyBackupOptions,
} from '../backup/verify-backup.js';
import type { ChosenBackup } from './choose-backups.js';
import type { IntactCopy, VerifyProblem, VerifyReport } from './results.js';

export interface VerifyOptions {
  readonly root: string;
  /** Reads every file and compares its checksum, where one was taken. */
  readonly readData: boolean;
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
  const checks: VerifyBackupOptions = {
    readData,
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
    if (id === null) {
      const found = await verifyBackup(folderSource(backup.path), checks);
      return report(
        chosen,
        options,
        found,
        found.faults.map((fault) => problemOf(fault, [])),
      );
    }
    return new BackupStore(options.root, backup.udid).reading(async (ctx, reader) => {
      const found = await verifyBackup(versionSource(ctx, reader, id), checks);
      const others = backup.versions.filter((other) => other.id !== null && other.id !== id);
      const ids = others.flatMap((other) => (other.id === null ? [] : [other.id]));
      const problems: VerifyProblem[] = [];
      for (const [index, fault] of found.faults.entries()) {
        const intact: IntactCopy[] = [];
        const searched = index < MOST_SEARCHED && !isMetadata(fault.path);
        if (searched)
          for await (const where of findIntact(ctx, reader, ids, fault.path, { signal }))
            intact.push({
              version: shortIdOf(where),
              madeAt: others.find((other) => other.id === where)?.madeAt ?? null,
            });
        problems.push(problemOf(fault, searched ? intact : null));
      }
      return report(chosen, options, found, problems);
    });
  });
}

function problemOf(
  { kind, path, domain, relativePath }: BackupFault,
  intactIn: VerifyProblem['intactIn'],
): VerifyProblem {
  return {
    kind: kind === 'content' || kind === 'touched' ? 'changed' : kind,
    hashed: kind === 'content',
    path,
    domain,
    relativePath,
    intactIn,
  };
}

function report(
  { backup, version }: ChosenBackup,
  { readData }: VerifyOptions,
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
    problems,
  };
}

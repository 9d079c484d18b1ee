/**
 * What other programs left in a backup folder, and what can be done about it. Looks only.
 *
 * | found                                             | done |
 * |---------------------------------------------------|------|
 * | `Snapshot/`, state uploading, removing, finished   | set aside: the backup itself was not begun, or is complete |
 * | `Snapshot/`, state moving                          | the rest is moved up, if the backup is whole then |
 * | an unfinished state of a backup that is whole      | Status.plist says finished |
 * | property lists and manifests of no bytes           | set aside: the next backup is a full one |
 * | payloads that no row of the manifest names         | set aside, where the manifest can be read |
 *
 * What the states of a Snapshot mean is told in snapshot.ts; what a device thinks of a completed move is not known.
 */
import { basename, dirname } from 'node:path';
import { IbkError } from '../../errors.js';
import { buildBinaryPlist, buildXmlPlist, parsePlist } from '../../plist/codec.js';
import { asDict } from '../../plist/fields.js';
import { plistDict } from '../../plist/value.js';
import { DiskFileSystem } from '../disk/disk-file-system.js';
import { SMALL_PLIST_LIMIT } from '../format/plist-limits.js';
import { parseStatusPlist } from '../format/status-plist.js';
import { folderSource, readPart } from '../reader/backup-source.js';
import { LEFTOVER_FOLDER, METADATA_NAMES, STATUS_PLIST } from '../records/names.js';
import { type VerifiedBackup, type VerifyBackupOptions, verifyBackup } from '../verify/verify-backup.js';
import { completedSource, filesOfBackup, filesToMoveUp } from './snapshot.js';

export interface FoundFiles {
  /** In the backup folder. */
  readonly paths: readonly string[];
  readonly bytes: number;
}

export interface RepairPlan {
  /** SnapshotState of Status.plist; null where it cannot be read. */
  readonly state: string | null;
  /** `left`: the move cannot be completed to a whole backup. Null: there is none. */
  readonly snapshot: (FoundFiles & { readonly action: 'complete' | 'set_aside' | 'left' }) | null;
  /** Status.plist as it will be; null: it stays. */
  readonly status: Buffer | null;
  /** The date of that Status.plist. */
  readonly date: Date | null;
  readonly empty: FoundFiles;
  readonly orphans: FoundFiles;
  /** Links and the like in the place of files. */
  readonly links: readonly string[];
  /** What verify finds, with the move completed where that is to be done. */
  readonly verified: VerifiedBackup;
}

export type RepairPlanOptions = Pick<VerifyBackupOptions, 'password' | 'name' | 'signal'>;

const INTERRUPTED: ReadonlySet<string> = new Set(['uploading', 'moving', 'removing']);

/** @throws IbkError `password`: it is wrong, or needed to tell whether an interrupted run can be completed; system errors of the disk */
export async function planRepair(path: string, options: RepairPlanOptions): Promise<RepairPlan> {
  const fs = new DiskFileSystem(dirname(path));
  const folder = basename(path);
  const source = folderSource(path);
  const sized = (paths: readonly string[]): FoundFiles => {
    const sizes = paths.map((name) => fs.stat(`${folder}/${name}`)?.sizeBytes ?? 0);
    return { paths, bytes: sizes.reduce((sum, size) => sum + size, 0) };
  };
  const bytes = readPart(source, STATUS_PLIST, SMALL_PLIST_LIMIT);
  const status = readState(bytes);
  const state = status?.snapshotState ?? null;
  const isInterrupted = state !== null && INTERRUPTED.has(state);
  const moving = state === 'moving' ? filesToMoveUp(fs, folder) : [];
  const view = moving.length === 0 ? source : completedSource(fs, folder, source);
  const verified = await verifyBackup(view, options);
  if (isInterrupted && verified.manifest === 'encrypted') throw needsPassword();
  const isWhole = verified.manifest === 'checked' && verified.faults.every(({ kind }) => kind === 'unfinished');
  const isMixture = moving.length > 0 && !isWhole;
  const extra = verified.warnings.flatMap(({ kind, path: name }) => (kind === 'extra' ? [name] : []));
  const { files, links } = filesOfBackup(fs, folder);
  const left = fs.stat(`${folder}/${LEFTOVER_FOLDER}`)?.kind === 'directory' ? filesBelow(fs, folder) : undefined;
  const action = isMixture ? 'left' : moving.length > 0 ? 'complete' : 'set_aside';
  const finished = isInterrupted && isWhole && bytes !== undefined ? finishedStatus(bytes) : null;
  const described: readonly string[] = METADATA_NAMES;
  const isEmpty = (name: string) => described.includes(name) && !/-(?:wal|shm)$/.test(name);
  return {
    state,
    snapshot: left === undefined ? null : { ...sized(action === 'complete' ? moving.map(inSnapshot) : left), action },
    status: finished,
    date: status?.date ?? null,
    empty: sized(files.filter((name) => isEmpty(name) && fs.stat(`${folder}/${name}`)?.sizeBytes === 0)),
    orphans: sized(verified.manifest === 'checked' && !isMixture ? extra : []),
    links,
    verified,
  };
}

export const inSnapshot = (path: string): string => `${LEFTOVER_FOLDER}/${path}`;

/** Is there anything to do? */
export function isNothing({ snapshot, status, empty, orphans, links }: RepairPlan): boolean {
  const isLeft = snapshot === null || snapshot.action === 'left';
  return isLeft && status === null && [empty.paths, orphans.paths, links].every((found) => found.length === 0);
}

function readState(bytes: Buffer | undefined): ReturnType<typeof parseStatusPlist> | undefined {
  try {
    return bytes === undefined ? undefined : parseStatusPlist(bytes);
  } catch (error) {
    if (error instanceof IbkError) return undefined;
    throw error;
  }
}

function finishedStatus(bytes: Buffer): Buffer {
  const dict = asDict(parsePlist(bytes, STATUS_PLIST, { maxBytes: SMALL_PLIST_LIMIT }), STATUS_PLIST);
  const finished = plistDict({ ...dict, SnapshotState: 'finished' });
  const isBinary = bytes.subarray(0, 8).toString('latin1') === 'bplist00';
  return isBinary ? buildBinaryPlist(finished) : buildXmlPlist(finished);
}

/** All that lies in Snapshot, of whatever name. */
function filesBelow(fs: DiskFileSystem, folder: string, inside: string = LEFTOVER_FOLDER): string[] {
  return (fs.list(`${folder}/${inside}`) ?? []).flatMap(({ name, kind }) => {
    const path = `${inside}/${name}`;
    return kind === 'directory' ? filesBelow(fs, folder, path) : [path];
  });
}

function needsPassword(): IbkError {
  return new IbkError('password', 'Whether the interrupted run can be completed cannot be told without the password.', {
    reason: 'no_password',
    hint: 'Run it at a terminal, or give the password: ibk repair --password-file FILE',
  });
}

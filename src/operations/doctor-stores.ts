/** What `ibk doctor` finds in a backup root: interrupted work, what other programs did, records that cannot be read, leftovers. Changes nothing, but for a lost record that is to be made anew. */
import { join } from 'node:path';
import { diskFailure } from '../backup/disk/disk-errors.js';
import { DiskFileSystem } from '../backup/disk/disk-file-system.js';
import type { FolderEntry } from '../backup/disk/file-system.js';
import { LEFTOVER_FOLDER, METADATA_NAMES } from '../backup/records/names.js';
import { StoreLayout } from '../backup/records/layout.js';
import type { RebuiltHead } from '../backup/commit/rebuild.js';
import { BackupStore } from '../backup/store.js';
import { inspectLock } from '../backup/lock/unlock.js';
import { abandonedFolders } from '../backup/lock/unpacked.js';
import { IbkError } from '../errors.js';
import { countOf, formatAgo, formatBytes, formatDate } from '../figures.js';
import { choosingOption } from './device-names.js';
import { listBackups, storeNames } from './list-backups.js';
import type { DoctorCheck, ListedBackup } from './results.js';

interface Finding {
  readonly message: string;
  readonly hint: string | null;
  /** Set where it is a failure, not advice. */
  readonly code?: DoctorCheck['code'] | undefined;
}

/**
 * Nothing where there is no root yet.
 * @param rebuild makes a record of the versions where none can be read: the one thing that is changed here
 */
export async function storeChecks(root: string, nowMs: number, rebuild: boolean): Promise<DoctorCheck[]> {
  const names = await storeNames(root);
  const rebuilt = rebuild ? await rebuildRecords(root, names) : [];
  return [...rebuilt.map(checkOf), ...(await findings(root, names, nowMs))];
}

async function rebuildRecords(root: string, names: readonly string[]): Promise<Finding[]> {
  const found: Finding[] = [];
  for (const udid of names) {
    const store = new BackupStore(root, udid);
    if (!isRecordLost(store)) continue;
    try {
      const rebuilt = await store.rebuild('ibk doctor --rebuild');
      if (rebuilt !== undefined) found.push(rebuiltWords(root, udid, rebuilt));
    } catch (error) {
      if (!(error instanceof IbkError)) throw error;
      const { message, hint, code } = error;
      found.push({ message: `the record of ${udid} was not made anew: ${message}`, hint, code });
    }
  }
  return found;
}

function isRecordLost(store: BackupStore): boolean {
  try {
    store.history();
    return false;
  } catch (error) {
    return error instanceof IbkError && error.code === 'damaged';
  }
}

function rebuiltWords(root: string, udid: string, { versions, left }: RebuiltHead): Finding {
  const made = `the record of ${udid} was made anew, with ${countOf(versions, 'version')}`;
  if (left.length === 0) return { message: made, hint: 'ibk list' };
  const [lie, they] = left.length === 1 ? ['lies', 'it'] : ['lie', 'they'];
  const rest = `${countOf(left.length, 'version')} could not be fitted in and ${lie} where ${they} did: ${left.join(', ')}`;
  return { message: `${made}; ${rest}`, hint: join(root, new StoreLayout(udid).inOwn('versions')) };
}

async function findings(root: string, names: readonly string[], nowMs: number): Promise<DoctorCheck[]> {
  let backups: readonly ListedBackup[];
  try {
    ({ backups } = await listBackups({ root }));
  } catch (error) {
    if (!(error instanceof IbkError)) throw error;
    if (error.code === 'not_found') return [];
    return [checkOf({ message: error.message, hint: error.hint, code: error.code })];
  }
  const found = [...names.flatMap((udid) => lookSafely(root, udid, backups, nowMs)), ...(await unpackedWords(root))];
  if (found.length > 0) return found.map(checkOf);
  if (backups.length === 0) return [];
  const versions = backups.reduce((sum, backup) => sum + backup.versions.length, 0);
  const message = `${countOf(versions, 'version')} of ${countOf(backups.length, 'device')}, nothing to repair`;
  return [{ check: 'store', state: 'ok', code: null, message, hint: null }];
}

async function unpackedWords(root: string): Promise<Finding[]> {
  const { count, bytes } = await abandonedFolders(root);
  if (count === 0) return [];
  const message = `${formatBytes(bytes)} that an interrupted import had unpacked; the next backup or import removes them`;
  return [{ message, hint: 'ibk prune' }];
}

function checkOf({ message, hint, code = null }: Finding): DoctorCheck {
  return { check: 'store', state: code === null ? 'warn' : 'fail', code, message: message.replace(/\.$/, ''), hint };
}

/** What cannot be looked at is a finding too. */
function lookSafely(root: string, udid: string, backups: readonly ListedBackup[], nowMs: number): Finding[] {
  try {
    return lookAt(root, udid, backups, nowMs);
  } catch (error) {
    const failure = error instanceof IbkError ? error : diskFailure(error);
    if (failure === undefined) throw error;
    if (failure instanceof IbkError) return [failure];
    return [
      { message: `${failure.words} (${failure.errno}): ${join(root, '.ibk', udid)}`, hint: null, code: 'destination' },
    ];
  }
}

function lookAt(root: string, udid: string, backups: readonly ListedBackup[], nowMs: number): Finding[] {
  const backup = backups.find(({ path }) => path === join(root, udid));
  const name = backup?.name ?? udid;
  const choose = backups.length > 1 ? choosingOption(name) : '';
  const lock = inspectLock(root, udid, nowMs);
  if (lock.state === 'in_use') return [];
  if (backup?.problem != null) return [unreadable(root, udid, name, backup.problem)];
  const found: Finding[] = [];
  if (lock.state === 'elsewhere') {
    const sign = lock.renewedAt === undefined ? '' : `, last sign of life ${formatAgo(lock.renewedAt, nowMs)}`;
    const message = `the backup of ${name} is locked by host ${lock.holder?.host ?? '?'}${sign}`;
    found.push({ message, hint: `If that computer has crashed: ibk unlock${choose}` });
  }
  const interrupted = backup?.state === 'changing';
  if (interrupted) {
    const message = `a backup of ${name} was interrupted while it was put in place; the next start completes it`;
    found.push({ message, hint: `ibk backup${choose}` });
  }
  found.push(...otherPrograms(backup, name, choose));
  found.push(...leftovers(root, udid, name, interrupted));
  return found;
}

function unreadable(root: string, udid: string, name: string, problem: IbkError): Finding {
  const own = join(root, new StoreLayout(udid).own);
  const { code, message, reason } = problem;
  if (code !== 'damaged' || reason === 'head_lost') return { message: `${name}: ${message}`, hint: problem.hint, code };
  const hint = `The newest backup is as it was. To go on with it, put ${own} out of the way, and keep it: it holds the earlier versions.`;
  return { message: `${name}: ${message}`, hint, code };
}

function otherPrograms(backup: ListedBackup | undefined, name: string, choose: string): Finding[] {
  if (backup === undefined) return [];
  const found: Finding[] = [];
  if (backup.state === 'replaced') {
    const message = `another program changed the backup of ${name}; the next backup takes that in as a version`;
    found.push({ message, hint: `ibk backup${choose}` });
  }
  if (backup.state === 'touched') {
    found.push({ message: `another program wrote into the backup of ${name}`, hint: `ibk verify${choose}` });
  }
  for (const { version, lost, unreadable: isUnreadable } of backup.versions) {
    if (lost === null) continue;
    const what = isUnreadable ? 'the manifest' : countOf(lost.files, 'file');
    if (!isUnreadable && lost.files === 0) continue;
    const message = `${what} of version ${version ?? ''} of ${name} ${lost.files === 1 || isUnreadable ? 'was' : 'were'} overwritten by another program on ${formatDate(lost.at)}`;
    found.push({ message, hint: `What is left of it: ibk verify ${version ?? ''}` });
  }
  return found;
}

function leftovers(root: string, udid: string, name: string, interrupted: boolean): Finding[] {
  const layout = new StoreLayout(udid);
  const files = new DiskFileSystem(root);
  const found: Finding[] = [];
  const incoming = interrupted ? 0 : bytesBelow(files, layout.inOwn('incoming'));
  if (incoming > 0) {
    const message = `${formatBytes(incoming)} that an interrupted backup of ${name} had received; the next backup removes them`;
    found.push({ message, hint: null });
  }
  const foreign = (files.list(layout.folder) ?? []).filter((entry) =>
    isLeftover(files, layout.inFolder(entry.name), entry),
  );
  if (foreign.length > 0) {
    const names = foreign.map((entry) => entry.name).join(', ');
    const message = `another tool left ${names} in the backup of ${name}; the next backup sets that aside`;
    found.push({ message, hint: null });
  }
  const kept = bytesBelow(files, layout.inOwn('aside'));
  if (kept > 0) {
    const message = `${formatBytes(kept)} of leftovers of other tools were set aside`;
    found.push({ message, hint: `When nobody misses them, delete ${join(root, layout.inOwn('aside'))}` });
  }
  return found;
}

function isLeftover(files: DiskFileSystem, path: string, { name, kind }: FolderEntry): boolean {
  if (name === LEFTOVER_FOLDER) return kind === 'directory';
  const names: readonly string[] = METADATA_NAMES;
  return names.includes(name) && files.stat(path)?.sizeBytes === 0;
}

function bytesBelow(files: DiskFileSystem, folder: string): number {
  let bytes = 0;
  for (const { name, kind } of files.list(folder) ?? []) {
    const path = `${folder}/${name}`;
    if (kind === 'directory') bytes += bytesBelow(files, path);
    else if (kind === 'file') bytes += files.stat(path)?.sizeBytes ?? 0;
  }
  return bytes;
}

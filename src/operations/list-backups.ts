/** The backups under a root, one entry a device, each with its versions. Read-only: needs neither a device nor a lock, and looks at no payload that ibk keeps. */
import { lstat, readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import {
  type BackupDescription,
  describeBackup,
  describeParts,
  readDescribingPart,
} from '../backup/reader/describe.js';
import { udidOfFolder } from '../backup/records/layout.js';
import { isLitter } from '../backup/records/names.js';
import type { StoredVersion, StoreHistory } from '../backup/versions/history.js';
import type { SpaceShares } from '../backup/versions/space.js';
import { BackupStore } from '../backup/store.js';
import { shortIdOf } from '../backup/records/version-id.js';
import { IbkError } from '../errors.js';
import { codeOf } from '../io/system-code.js';
import { modelName } from '../models.js';
import type { BackupListing, ListedBackup, ListedVersion } from './results.js';

export interface ListBackupsOptions {
  readonly root: string;
  /** Count the files of folders that ibk has not taken in, one by one? Default: true. Else their sizes are null. */
  readonly measure?: boolean | undefined;
  /** Tell what each version alone takes? Default: false. */
  readonly space?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** @throws IbkError `not_found` when there is no root; `destination` when it cannot be read */
export async function listBackups({
  root,
  measure = true,
  space = false,
  signal,
}: ListBackupsOptions): Promise<BackupListing> {
  const backups: ListedBackup[] = [];
  for (const name of await backupNames(root)) {
    signal?.throwIfAborted();
    const found = await listOne(root, name, measure, space);
    if (found !== undefined) backups.push(found);
  }
  backups.sort((a, b) => newest(b) - newest(a) || compareNames(a.name, b.name));
  return { root, backups, bytes: backups.reduce((sum, { bytes }) => sum + (bytes ?? 0), 0) };
}

/** A collator would take longer to load than all else here; it matters for backups of one moment alone. */
const compareNames = (a: string, b: string): number => Number(a > b) - Number(a < b);

const newest = ({ versions }: ListedBackup): number => versions[0]?.madeAt?.getTime() ?? 0;

/** Folders of backups, and of devices that have only earlier versions left. */
async function backupNames(root: string): Promise<string[]> {
  const names = new Set(await folderNames(root));
  for (const name of await storeNames(root)) names.add(name);
  return [...names].filter((name) => udidOfFolder(name) !== undefined);
}

/** UDIDs of the devices that ibk keeps a store of. */
export async function storeNames(root: string): Promise<string[]> {
  const names = await readdir(join(root, '.ibk')).catch(() => []);
  return names.filter((name) => udidOfFolder(name) === name).sort();
}

async function listOne(
  root: string,
  name: string,
  measure: boolean,
  space: boolean,
): Promise<ListedBackup | undefined> {
  const folder = join(root, name);
  const store = udidOfFolder(name) === name ? new BackupStore(root, name) : undefined;
  let problem: IbkError | null = null;
  let history: StoreHistory | undefined;
  try {
    history = store?.history();
  } catch (error) {
    if (!(error instanceof IbkError)) throw error;
    problem = error;
  }
  if (store === undefined || history === undefined || history.versions.length === 0)
    return listFolder(folder, { problem, measure });
  // What only a damaged record could tell is not known; that it is damaged is told elsewhere.
  const shares = space ? await store.space().catch(unlessDamaged) : undefined;
  return listHistory(store, history, folder, name, shares);
}

function unlessDamaged(error: unknown): undefined {
  if (error instanceof IbkError) return undefined;
  throw error;
}

/** A folder of which ibk knows no more than what is in it; undefined when that is no backup. @throws IbkError `destination` */
export async function listFolder(
  folder: string,
  { problem = null, measure = true }: { readonly problem?: IbkError | null; readonly measure?: boolean } = {},
): Promise<ListedBackup | undefined> {
  const name = basename(folder);
  const read = await readFolder(folder, name, measure);
  if (read === undefined) return undefined;
  const { found, bytes, files } = read;
  const version = { ...versionInFolder(found), bytes, files, latest: found.complete };
  return {
    ...headingOf(found, folder, name),
    bytes,
    versions: [version],
    state: 'unmanaged',
    problem,
  };
}

async function readFolder(folder: string, name: string, measure: boolean) {
  try {
    const found = await describeBackup(folder, name);
    return found === undefined
      ? undefined
      : { found, ...(measure ? await measureBackup(folder) : { bytes: null, files: null }) };
  } catch (error) {
    throw unreadable(`The backup in ${folder}`, error, 'It may belong to another user: look at its permissions.');
  }
}

async function listHistory(
  store: BackupStore,
  history: StoreHistory,
  folder: string,
  name: string,
  shares: SpaceShares | undefined,
): Promise<ListedBackup> {
  const [current] = history.versions;
  const there = history.folder === 'replaced' ? await describeBackup(folder, name).catch(() => undefined) : undefined;
  const described = there ?? (await describeStored(store, current, name));
  const versions = byDate(history.versions).map((version) => storedRow(version, described?.madeBy, shares));
  if (there !== undefined) versions.unshift({ ...versionInFolder(there), foreign: true, madeBy: null });
  const latest = versions.findIndex(
    ({ complete, unreadable, editedFrom }) => complete && !unreadable && editedFrom === null,
  );
  return {
    ...headingOf(described, folder, name),
    bytes: history.bytes,
    versions: versions.map((version, index) => ({ ...version, latest: index === latest })),
    state: history.folder,
    problem: null,
  };
}

/** What lies in the folder is the newest, whatever clock the phone had; the order of the others is that of their dates, not that in which they are stored. */
function byDate(versions: readonly StoredVersion[]): readonly StoredVersion[] {
  return [...versions].sort((a, b) => Number(b.current) - Number(a.current) || b.date - a.date);
}

/** By way of the store, so that a commit under way does not show. */
async function describeStored(
  store: BackupStore,
  version: StoredVersion | undefined,
  name: string,
): Promise<BackupDescription | undefined> {
  if (version === undefined) return undefined;
  return describeParts(name, async (part, mostBytes) => {
    const file = store.open(version.id, part);
    try {
      const read = (target: Buffer, position: number) => file.read(target, position);
      return await readDescribingPart(part, read, file.stat().sizeBytes, mostBytes);
    } finally {
      file.close();
    }
  });
}

function headingOf(
  found: BackupDescription | undefined,
  folder: string,
  name: string,
): Pick<ListedBackup, 'udid' | 'name' | 'model' | 'productType' | 'path'> {
  const productType = found?.productType ?? null;
  return {
    udid: found?.udid ?? udidOfFolder(name) ?? name,
    name: found?.name ?? name,
    model: productType === null ? null : modelName(productType),
    productType,
    path: folder,
  };
}

function storedRow(version: StoredVersion, madeBy: string | undefined, shares: SpaceShares | undefined): ListedVersion {
  const { id, date, facts, since, lost, origin, current } = version;
  const foreign = origin === 'foreign';
  return {
    version: shortIdOf(id),
    id,
    madeAt: new Date(date),
    latest: false,
    ios: facts.ios,
    encrypted: facts.encrypted,
    complete: version.complete,
    pinned: version.pinned,
    tags: version.tags,
    files: facts.files,
    bytes: facts.bytes,
    filesAdded: since?.payload.added ?? null,
    filesChanged: since?.payload.replaced ?? null,
    filesRemoved: since?.payload.removed ?? null,
    bytesAdded: since?.payload.bytes?.added ?? null,
    bytesChanged: since?.payload.bytes?.replaced ?? null,
    bytesRemoved: since?.payload.bytes?.removed ?? null,
    first: since === undefined,
    onlyHereBytes: shares?.freedBy([id]) ?? null,
    note: version.note,
    foreign,
    editedFrom: version.base === null ? null : shortIdOf(version.base),
    madeBy: foreign ? null : ((current ? madeBy : undefined) ?? 'ibk'),
    tookSeconds: version.tookMs === null ? null : version.tookMs / 1000,
    lost: lost === null ? null : { files: lost.files, at: new Date(lost.at) },
    unreadable: version.unreadable,
    damaged: version.damaged,
  };
}

/** What the folder says of itself, not taken in by ibk. */
function versionInFolder({ madeAt, ios, encrypted, complete, madeBy }: BackupDescription): ListedVersion {
  return {
    version: null,
    id: null,
    madeAt: madeAt ?? null,
    latest: false,
    ios: ios ?? null,
    encrypted: encrypted ?? null,
    complete,
    pinned: false,
    tags: [],
    files: null,
    bytes: null,
    filesAdded: null,
    filesChanged: null,
    filesRemoved: null,
    bytesAdded: null,
    bytesChanged: null,
    bytesRemoved: null,
    first: false,
    onlyHereBytes: null,
    note: '',
    foreign: madeBy === undefined,
    editedFrom: null,
    madeBy: madeBy ?? null,
    tookSeconds: null,
    lost: null,
    unreadable: false,
    damaged: 0,
  };
}

function unreadable(what: string, cause: unknown, hint?: string): IbkError {
  const why = codeOf(cause) ?? 'unknown reason';
  return new IbkError('destination', `${what} cannot be read: ${why}.`, {
    reason: 'unreadable',
    cause,
    ...(hint === undefined ? {} : { hint }),
  });
}

async function folderNames(root: string): Promise<string[]> {
  try {
    return await readdir(root);
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      throw new IbkError('not_found', `There is no backup root at ${root}.`, {
        reason: 'no_root',
        hint: 'Make the first backup: ibk backup, or name another root: -o DIR',
      });
    }
    throw unreadable(`The backup root ${root}`, error);
  }
}

/**
 * How many files of the device a folder holds, and their bytes. No link is followed; what a running backup takes away meanwhile does not count.
 * @throws a system error such as EACCES
 */
export async function measureBackup(folder: string): Promise<{ bytes: number; files: number }> {
  let bytes = 0;
  let files = 0;
  for (const entry of (await unlessGone(readdir(folder, { withFileTypes: true }))) ?? []) {
    const path = join(folder, entry.name);
    if (isLitter(entry.name)) continue;
    if (entry.isDirectory()) {
      const inner = await measureBackup(path);
      bytes += inner.bytes;
      files += inner.files;
    } else if (entry.isFile() && /^[0-9a-f]{40}(\.[a-z]+)?$/.test(entry.name)) {
      bytes += (await unlessGone(lstat(path)))?.size ?? 0;
      files++;
    }
  }
  return { bytes, files };
}

function unlessGone<T>(looking: Promise<T>): Promise<T | undefined> {
  return looking.catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  });
}

/** What a backup folder tells about itself, of whatever tool: read without a lock, and never trusted to be whole. */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parsePlist } from '../../plist/codec.js';
import { asDict, field, optionalString } from '../../plist/fields.js';
import type { PlistDict } from '../../plist/value.js';
import { type ReadAt, readWithoutXmlDict, withoutXmlDict } from '../../plist/xml-skip.js';
import { isMissing } from '../disk/disk-calls.js';
import { MADE_BY_KEY } from '../format/info-plist.js';
import { type BackupManifest, parseManifestPlist } from '../format/manifest-plist.js';
import { LARGE_PLIST_LIMIT } from '../format/plist-limits.js';
import { type BackupStatus, parseStatusPlist } from '../format/status-plist.js';
import { udidOfFolder } from '../records/layout.js';

export interface BackupDescription {
  readonly udid: string;
  readonly name: string | undefined;
  readonly productType: string | undefined;
  readonly ios: string | undefined;
  readonly encrypted: boolean | undefined;
  /** Status.plist says `finished`, and the manifest is there. */
  readonly complete: boolean;
  /** When it was finished. */
  readonly madeAt: Date | undefined;
  readonly madeBy: string | undefined;
}

/** Undefined when the folder is not there or holds nothing of a backup. @throws a system error such as EACCES */
export async function describeBackup(folder: string, udid: string): Promise<BackupDescription | undefined> {
  let names: Set<string>;
  try {
    names = new Set(await readdir(folder));
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  if (
    !['Info.plist', 'Status.plist', 'Manifest.plist', 'Manifest.db', 'Manifest.mbdb', 'Snapshot'].some((n) =>
      names.has(n),
    )
  )
    return undefined;
  const described = await describeParts(udid, (name, mostBytes) => readFile(join(folder, name), name, mostBytes));
  return { ...described, complete: described.complete && (names.has('Manifest.db') || names.has('Manifest.mbdb')) };
}

/**
 * The same for parts that lie elsewhere. A part that is missing or damaged tells nothing; that the whole is then incomplete is seen from the others.
 * @param read gives undefined, or throws, where there is no such file, or a larger one
 */
export async function describeParts(
  udid: string,
  read: (name: string, mostBytes: number) => Promise<Buffer | undefined>,
): Promise<BackupDescription> {
  const part = async <T>(name: string, parse: (bytes: Buffer) => T): Promise<T | undefined> => {
    try {
      const bytes = await read(name, LARGE_PLIST_LIMIT);
      return bytes === undefined ? undefined : parse(bytes);
    } catch {
      return undefined;
    }
  };
  const info = await part('Info.plist', infoOf);
  const status: BackupStatus | undefined = await part('Status.plist', parseStatusPlist);
  const manifest: BackupManifest | undefined = await part('Manifest.plist', parseManifestPlist);
  const lastBackupDate = info && field(info, 'Last Backup Date');
  const infoDate = lastBackupDate instanceof Date ? lastBackupDate : undefined;
  return {
    udid: (info && optionalString(info, 'Target Identifier')) ?? manifest?.udid ?? udidOfFolder(udid) ?? udid,
    name:
      (info && (optionalString(info, 'Display Name') ?? optionalString(info, 'Device Name'))) ?? manifest?.deviceName,
    productType: (info && optionalString(info, 'Product Type')) ?? manifest?.productType,
    ios: manifest?.productVersion ?? (info && optionalString(info, 'Product Version')),
    encrypted: manifest?.encrypted,
    complete: status?.finished === true && manifest !== undefined,
    madeAt: status?.date ?? infoDate,
    madeBy: info && optionalString(info, MADE_BY_KEY),
  };
}

/** The icons of the apps are nearly all of it, and say nothing here. */
function infoOf(bytes: Buffer): PlistDict {
  const rest = withoutXmlDict(bytes, 'Applications');
  return asDict(parsePlist(rest, 'Info.plist', { maxBytes: LARGE_PLIST_LIMIT }), 'Info.plist');
}

/** At once: ten megabytes of icons are read in pieces, and a way to the pool of threads and back takes as long as a piece. */
async function readFile(path: string, name: string, mostBytes: number): Promise<Buffer | undefined> {
  const fd = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) return undefined;
    const read: ReadAt = (target, position) => readSync(fd, target, 0, target.length, position);
    return await readDescribingPart(name, read, stat.size, mostBytes);
  } finally {
    closeSync(fd);
  }
}

/** From where an ordinary Info.plist has icons. */
const LARGE_INFO = 256 * 1024;

/** A part for `describeParts`: of a large Info.plist what matters here. Undefined where it is larger than `mostBytes`. */
export async function readDescribingPart(
  name: string,
  read: ReadAt,
  sizeBytes: number,
  mostBytes: number,
): Promise<Buffer | undefined> {
  if (sizeBytes > mostBytes) return undefined;
  const isLargeInfo = name === 'Info.plist' && sizeBytes > LARGE_INFO;
  const rest = isLargeInfo ? await readWithoutXmlDict(read, sizeBytes, 'Applications') : undefined;
  if (rest !== undefined) return rest;
  const bytes = Buffer.allocUnsafe(sizeBytes);
  return bytes.subarray(0, await read(bytes, 0));
}

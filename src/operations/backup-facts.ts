/** `ibk info BACKUP`: what its property lists and its manifest tell. Never asks; what cannot be read is left out. */
import { folderSource, versionSource, type BackupSource } from '../backup/reader/backup-source.js';
import { onDisk } from '../backup/disk/disk-errors.js';
import { NOT_SENT_KEY } from '../backup/format/info-plist.js';
import { openBackup } from '../backup/reader/open-backup.js';
import type { AskPassword } from '../backup/reader/password.js';
import { BackupPlists } from '../backup/reader/plists.js';
import type { OpenedBackup } from '../backup/reader/types.js';
import { BackupStore } from '../backup/store.js';
import { IbkError } from '../errors.js';
import { modelName } from '../models.js';
import { field, optionalString } from '../plist/fields.js';
import type { ChosenBackup } from './choose-backups.js';
import { measureBackup } from './list-backups.js';
import { sumDomains } from './list-files.js';
import { AppIndex } from './selection/apps.js';
import { select } from './selection/selection.js';

/** What iOS puts into encrypted backups alone. */
export const LEFT_OUT = ['passwords', 'health', 'wifi_networks', 'homekit', 'safari_tabs'] as const;

export interface BackupFacts {
  readonly chosen: ChosenBackup;
  readonly udid: string;
  readonly name: string;
  /** `iPhone 15`, and `iPhone15,4`. */
  readonly model: string | null;
  readonly productType: string | null;
  readonly ios: string | null;
  readonly build: string | null;
  readonly serial: string | null;
  readonly phoneNumbers: readonly string[];
  readonly imeis: readonly string[];
  readonly meid: string | null;
  readonly iccids: readonly string[];
  readonly encrypted: boolean | null;
  readonly passcodeSet: boolean | null;
  /** Of the manifest; where that is encrypted and there is no password, of the folder. */
  readonly files: number | null;
  readonly bytes: number | null;
  /** Null: the manifest could not be read. */
  readonly domains: number | null;
  /** Why it could not: `password`, `damaged`. */
  readonly unread: IbkError | null;
  readonly apps: number | null;
  readonly leftOut: readonly (typeof LEFT_OUT)[number][];
  readonly iTunesVersion: string | null;
  readonly macOsVersion: string | null;
  /** Asked for with `missing`. */
  readonly missing: readonly MissingFile[] | null;
}

export interface MissingFile {
  readonly domain: string;
  readonly path: string;
  /** `not_sent`: the device could not send it; `no_content`: the manifest names it, and it is not in the backup; `lost`: another program overwrote it. */
  readonly why: 'not_sent' | 'no_content' | 'lost';
}

export interface BackupFactsOptions {
  readonly root: string;
  /** Only where one is at hand: nobody is asked. */
  readonly password?: AskPassword | undefined;
  readonly word?: string | undefined;
  /** Look for each file that the manifest names. @throws then IbkError `password` where it cannot be read */
  readonly missing?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** @throws IbkError `password`: the one at hand is wrong; `in_use`, `destination`, the signal's reason */
export function backupFacts(chosen: ChosenBackup, options: BackupFactsOptions): Promise<BackupFacts> {
  const { backup, version } = chosen;
  const { id } = version;
  if (id === null) return onDisk(() => readFacts(chosen, folderSource(backup.path), options));
  return onDisk(() =>
    new BackupStore(options.root, backup.udid).reading((ctx, reader) =>
      readFacts(chosen, versionSource(ctx, reader, id), options),
    ),
  );
}

async function readFacts(
  chosen: ChosenBackup,
  source: BackupSource,
  options: BackupFactsOptions,
): Promise<BackupFacts> {
  const { backup, version } = chosen;
  const { info, manifest } = new BackupPlists(source);
  const text = (key: string): string | null => (info === undefined ? null : (optionalString(info, key) ?? null));
  const texts = (...keys: string[]): string[] => keys.flatMap((key) => text(key) ?? []);
  const contents = await readContents(chosen, source, options);
  const productType = manifest?.productType ?? text('Product Type') ?? backup.productType;
  const encrypted = manifest?.encrypted ?? version.encrypted;
  const lockdown = manifest?.lockdown;
  const installed = info && field(info, 'Installed Applications');
  return {
    chosen,
    udid: backup.udid,
    name: text('Display Name') ?? text('Device Name') ?? manifest?.deviceName ?? backup.name,
    model: productType === null ? null : modelName(productType),
    productType,
    ios: manifest?.productVersion ?? text('Product Version') ?? version.ios,
    build: text('Build Version') ?? (lockdown && optionalString(lockdown, 'BuildVersion')) ?? null,
    serial: text('Serial Number') ?? (lockdown && optionalString(lockdown, 'SerialNumber')) ?? null,
    phoneNumbers: texts('Phone Number', 'Phone Number 2'),
    imeis: texts('IMEI', 'IMEI 2', 'IMEI2'),
    meid: text('MEID'),
    iccids: texts('ICCID', 'ICCID 2'),
    encrypted,
    passcodeSet: manifest?.passcodeSet ?? null,
    ...contents,
    apps: Array.isArray(installed) ? installed.length : new AppIndex(info, manifest?.applications).all().length || null,
    leftOut: encrypted === false ? LEFT_OUT : [],
    iTunesVersion: text('iTunes Version'),
    macOsVersion: text('macOS Version'),
  };
}

type Contents = Pick<BackupFacts, 'files' | 'bytes' | 'domains' | 'unread' | 'missing'>;

async function readContents(
  { backup, version }: ChosenBackup,
  source: BackupSource,
  options: BackupFactsOptions,
): Promise<Contents> {
  const { password, word, signal } = options;
  try {
    await using opened = await openBackup(source, { password, word, signal });
    const sums = await sumDomains(opened, select({}, new AppIndex(undefined, undefined)), signal);
    const missing = options.missing === true ? await missingFiles(opened, signal) : null;
    const total = (key: 'files' | 'bytes') => sums.reduce((sum, each) => sum + each[key], 0);
    return { files: total('files'), bytes: total('bytes'), domains: sums.length, unread: null, missing };
  } catch (error) {
    const isExpected = error instanceof IbkError && ['password', 'damaged', 'not_found'].includes(error.code);
    const isWrong = error instanceof IbkError && error.code === 'password' && password !== undefined;
    if (!isExpected || isWrong || options.missing === true) throw error;
    const measured = version.files === null ? await measureBackup(backup.path).catch(() => undefined) : version;
    return {
      files: measured?.files ?? null,
      bytes: measured?.bytes ?? null,
      domains: null,
      unread: error,
      missing: null,
    };
  }
}

/** By looking for each file, without reading it. */
async function missingFiles(opened: OpenedBackup, signal: AbortSignal | undefined): Promise<MissingFile[]> {
  const named = opened.info && field(opened.info, NOT_SENT_KEY);
  const notSent = new Set(Array.isArray(named) ? named.filter((id) => typeof id === 'string') : []);
  const missing: MissingFile[] = [];
  for await (const page of opened.records({}, signal)) {
    for (const record of page) {
      if (record.kind !== 'file') continue;
      const there = isThere(opened, record);
      if (there === true) continue;
      const why = notSent.has(record.fileId) && there === false ? 'not_sent' : there === 'lost' ? 'lost' : 'no_content';
      missing.push({ domain: record.domain, path: record.relativePath, why });
    }
  }
  return missing;
}

function isThere(opened: OpenedBackup, record: Parameters<OpenedBackup['stored']>[0]): boolean | 'lost' {
  try {
    const stored = opened.stored(record);
    stored?.file.close();
    return stored !== undefined;
  } catch (error) {
    if (error instanceof IbkError && error.code === 'damaged') return 'lost';
    // A pipe or a folder in its place is no content.
    if (error instanceof IbkError && error.code === 'unsafe') return false;
    throw error;
  }
}

/** The backup that is to be restored: looked through once, and shown to each phone through a view of its own. The backup is only read. */
import type { BackupSource } from '../../backup/reader/backup-source.js';
import { type OpenedBackup, SMALL_CONTENT_BYTES } from '../../backup/reader/types.js';
import { type VerifiedBackup, verifyBackup } from '../../backup/verify/verify-backup.js';
import { asIbkError, IbkError } from '../../errors.js';
import { Secret } from '../../io/secret.js';
import { parsePlist } from '../../plist/codec.js';
import { field, optionalBoolean } from '../../plist/fields.js';
import { isPlistDict, type PlistDict } from '../../plist/value.js';
import type { ChosenBackup } from '../choose-backups.js';
import type { AskPassword } from '../../backup/reader/password.js';
import type { RestoreSourceFacts } from './results.js';
import type { RestoreView } from './view.js';

export interface InspectOptions {
  /** Reads every file against its checksum, too. */
  readonly full: boolean;
  /** That opened the backup, once it did. */
  readonly password: KeptPassword;
  /** One a phone: each is told of every file. */
  readonly views: readonly RestoreView[];
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((soFar: { readonly files: number; readonly bytesRead: number }) => void) | undefined;
}

export interface InspectedBackup {
  readonly verified: VerifiedBackup;
  readonly facts: RestoreSourceFacts;
  /** `Applications` of Info.plist: what the App Store is to send again. */
  readonly applications: PlistDict | undefined;
  /** Why the backup did not open. */
  readonly passwordProblem: IbkError | undefined;
}

/** @throws IbkError the signal's reason; system errors of the disk */
export async function inspectSource(
  chosen: ChosenBackup,
  opened: OpenedBackup,
  source: BackupSource,
  options: InspectOptions,
): Promise<InspectedBackup> {
  const { views, signal, onProgress } = options;
  const modifiedMs = opened.status?.date?.getTime() ?? 0;
  const soFar = { files: 0, bytesRead: 0 };
  let bytes = 0;
  const passwordProblem = await problemOf(() => opened.unlock());
  const verified = await verifyBackup(source, {
    readData: options.full,
    // Which files there should be, an encrypted manifest alone tells.
    password: passwordProblem === undefined ? async () => options.password.accepted() : undefined,
    signal,
    onFile: ({ path, fault, sizeBytes }) => {
      soFar.files += 1;
      onProgress?.(soFar);
      if (fault === 'missing' || fault === 'unreadable') return;
      bytes += sizeBytes;
      for (const view of views) view.add(path, sizeBytes, modifiedMs);
    },
    onRead: (count) => {
      soFar.bytesRead += count;
      onProgress?.(soFar);
    },
  });
  for (const view of views) view.ready();
  const photoBytes = passwordProblem === undefined ? await photosIn(opened, signal) : null;
  const { info } = opened;
  const applications = info === undefined ? undefined : dictIn(info, 'Applications');
  const { backup, version } = chosen;
  return {
    verified,
    applications,
    passwordProblem,
    facts: {
      version: version.id,
      madeAt: version.madeAt,
      udid: backup.udid,
      name: backup.name,
      ios: opened.manifest?.productVersion ?? (info && optionalText(info, 'Product Version')) ?? null,
      encrypted: opened.encrypted,
      path: backup.path,
      files: verified.present,
      bytes,
      photoBytes,
      apps: info === undefined ? null : appsIn(info),
      supervised: passwordProblem === undefined ? await isSupervised(opened) : null,
    },
  };
}

/** The password that opened the backup, kept for the phone: asked for once. The caller wipes what `accepted` gives. */
export class KeptPassword {
  #last: Secret | undefined;

  /** @param ask undefined: there is none to be had */
  constructor(private readonly ask: AskPassword | undefined) {}

  readonly asked: AskPassword = Object.assign(
    async (question: string, udid?: string) => {
      const given = await this.ask?.(question, udid);
      this.#keep(given?.copy());
      return given;
    },
    // The phone tries no other form than the one that it is given.
    { opened: (form: Buffer) => this.#keep(new Secret(Buffer.from(form))) },
  );

  accepted(): Secret | undefined {
    return this.#last?.copy();
  }

  wipe(): void {
    this.#last?.wipe();
  }

  #keep(secret: Secret | undefined): void {
    this.#last?.wipe();
    this.#last = secret;
  }
}

async function problemOf(unlock: () => Promise<void>): Promise<IbkError | undefined> {
  try {
    await unlock();
    return undefined;
  } catch (error) {
    const known = asIbkError(error);
    // What is damaged is found by the check of the whole.
    if (known.code === 'password') return known;
    if (known.code === 'damaged') return undefined;
    throw error;
  }
}

async function photosIn(opened: OpenedBackup, signal: AbortSignal | undefined): Promise<number | null> {
  let bytes = 0;
  try {
    for await (const page of opened.records({ domains: ['CameraRollDomain'] }, signal))
      for (const record of page) if (record.kind === 'file') bytes += record.details().sizeBytes;
    return bytes;
  } catch (error) {
    if (error instanceof IbkError && error.code === 'damaged') return null;
    throw error;
  }
}

/** Where iOS keeps what its organization has set up (the place that public tools read and write). */
const CLOUD_CONFIGURATION = {
  domain: 'SysSharedContainerDomain-systemgroup.com.apple.configurationprofiles',
  path: 'Library/ConfigurationProfiles/CloudConfigurationDetails.plist',
} as const;

/** Null also where the file is damaged: that is told elsewhere. */
async function isSupervised(opened: OpenedBackup): Promise<boolean | null> {
  try {
    const record = await opened.find(CLOUD_CONFIGURATION.domain, CLOUD_CONFIGURATION.path);
    const content = record === undefined ? undefined : opened.content(record);
    if (content === undefined) return null;
    try {
      if (content.storedBytes > SMALL_CONTENT_BYTES) return null;
      const details = parsePlist(content.readWhole(), 'CloudConfigurationDetails.plist');
      return isPlistDict(details) ? (optionalBoolean(details, 'IsSupervised') ?? false) : null;
    } finally {
      content.close();
    }
  } catch (error) {
    if (error instanceof IbkError) return null;
    throw error;
  }
}

function appsIn(info: PlistDict): number | null {
  const installed = field(info, 'Installed Applications');
  return Array.isArray(installed) ? installed.length : null;
}

function dictIn(info: PlistDict, key: string): PlistDict | undefined {
  const value = field(info, key);
  return isPlistDict(value) ? value : undefined;
}

function optionalText(info: PlistDict, key: string): string | undefined {
  const value = field(info, key);
  return typeof value === 'string' ? value : undefined;
}

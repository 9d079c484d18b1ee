/**
 * A part of a backup for a phone: the files that were asked for, and a manifest that names no others. What is left out the phone does not see, and with
 * RemoveItemsNotRestored false it does not touch what it has of it (inferred from the names of the options; docs/protocol.md). The backup is only read.
 */
import { fileIdFor } from '../../backup/format/mbdb.js';
import { matchesQuery } from '../../backup/reader/manifest.js';
import type { ManifestEdit } from '../../backup/reader/manifest-edit.js';
import { payloadPaths } from '../../backup/reader/payload.js';
import type { FileRecord, OpenedBackup } from '../../backup/reader/types.js';
import { IbkError } from '../../errors.js';
import type { PlistDict } from '../../plist/value.js';
import { plistDict } from '../../plist/value.js';
import { appsOf, nothingSelected } from '../selection/records.js';
import { select, type Selection } from '../selection/selection.js';
import type { RestoreTarget } from './target.js';

/** SEL words: `app:com.example.app`, `type:messages`, `HomeDomain/Library/SMS/*`. */
export interface RestorePart {
  /** None: everything. */
  readonly only: readonly string[];
  readonly skip: readonly string[];
}

export interface PartFacts {
  readonly files: number;
  readonly bytes: number;
  /** Of the apps of the backup, those of which something comes back. */
  readonly applications: PlistDict | undefined;
}

const MOST_FOLDERS = 2_000_000;

/** @throws IbkError `not_found`: nothing matches; `usage`; `incompatible`: of iOS 4 and before; as `records` */
export async function restrictTo(
  part: RestorePart,
  opened: OpenedBackup,
  targets: readonly RestoreTarget[],
  applications: PlistDict | undefined,
  signal: AbortSignal | undefined,
): Promise<PartFacts> {
  const wanted = new Wanted(part, opened);
  const folders = await wanted.foldersOfFiles(opened, signal);
  using manifest = await opened.editManifest(signal);
  const sum = { files: 0, bytes: 0 };
  for await (const page of opened.records({}, signal))
    for (const record of page) {
      const { fileId, kind } = record;
      if (kind === 'directory' ? folders.has(fileId) : wanted.has(record)) {
        if (kind !== 'file') continue;
        sum.files += 1;
        sum.bytes += sizeIn(targets, fileId);
        continue;
      }
      manifest.remove(fileId);
      if (kind === 'file')
        for (const { view } of targets) for (const path of payloadPaths(fileId, false)) view.remove(path);
    }
  if (sum.files === 0) throw await nothingSelected(opened, wanted.only, signal);
  await giveManifest(manifest, targets);
  return { ...sum, applications: applications === undefined ? undefined : wanted.applications(applications) };
}

function sizeIn([first]: readonly RestoreTarget[], fileId: string): number {
  for (const path of payloadPaths(fileId, false)) {
    const size = first?.view.sizeOf(path);
    if (size !== undefined) return size;
  }
  return 0;
}

/** In the scratch folder of each phone: nothing of it lies in the backup. */
async function giveManifest(manifest: ManifestEdit, targets: readonly RestoreTarget[]): Promise<void> {
  const files = await Promise.all(targets.map((target) => target.writeOwn(manifest.name)));
  try {
    for await (const piece of manifest.pieces()) for (const file of files) file.write(piece);
    for (const file of files) file.commit();
  } catch (error) {
    for (const file of files) file.discard();
    throw error;
  }
}

class Wanted {
  readonly only: Selection;
  readonly #hasOnly: boolean;
  readonly #skip: Selection | undefined;

  constructor({ only, skip }: RestorePart, opened: OpenedBackup) {
    this.only = select({ words: only }, appsOf(opened));
    this.#hasOnly = only.length > 0;
    this.#skip = skip.length === 0 ? undefined : select({ words: skip }, appsOf(opened));
  }

  has(record: FileRecord): boolean {
    if (this.#hasOnly && !matchesQuery(this.only.query, record)) return false;
    return this.#skip === undefined || !matchesQuery(this.#skip.query, record);
  }

  /** FileIDs of the folders that a wanted file lies in, and of those that are wanted themselves. */
  async foldersOfFiles(opened: OpenedBackup, signal: AbortSignal | undefined): Promise<ReadonlySet<string>> {
    const folders = new Set<string>();
    const seen = new Set<string>();
    for await (const page of opened.records({}, signal))
      for (const record of page) {
        if (!this.has(record)) continue;
        const { domain, relativePath, kind, fileId } = record;
        if (kind === 'directory') folders.add(fileId);
        for (let path = relativePath; path !== ''; ) {
          path = path.slice(0, Math.max(0, path.lastIndexOf('/')));
          const key = `${domain}/${path}`;
          if (seen.has(key)) break;
          seen.add(key);
          folders.add(fileIdFor(domain, path));
        }
        if (folders.size > MOST_FOLDERS) throw tooMany();
      }
    return folders;
  }

  applications(all: PlistDict): PlistDict {
    const isIn = (app: string): boolean => {
      const home = { domain: `AppDomain-${app}`, relativePath: '' };
      const isWanted = (selection: Selection) => matchesQuery(selection.query, home);
      return (!this.#hasOnly || isWanted(this.only)) && (this.#skip === undefined || !isWanted(this.#skip));
    };
    return plistDict(Object.fromEntries(Object.entries(all).filter(([app]) => isIn(app))));
  }
}

function tooMany(): IbkError {
  return new IbkError('unsafe', 'Refused: the manifest names more folders than any iPhone has.', { reason: 'limit' });
}

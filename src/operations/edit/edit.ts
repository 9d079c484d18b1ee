/** `ibk edit`: a changed copy of a version. What is not changed is shared with it; the version itself stays as it is, byte for byte. */
import { join } from 'node:path';
import { IbkError } from '../../errors.js';
import type { Clock } from '../../io/clock.js';
import { buildXmlPlist } from '../../plist/codec.js';
import { field } from '../../plist/fields.js';
import { isPlistDict, type PlistDict, plistDict } from '../../plist/value.js';
import { EDITED_FROM_KEY } from '../../backup/format/info-plist.js';
import type { ManifestEdit } from '../../backup/reader/manifest-edit.js';
import { payloadPaths } from '../../backup/reader/payload.js';
import type { OpenedBackup } from '../../backup/reader/types.js';
import type { StoreLease } from '../../backup/lease.js';
import { BackupStore, type StoreOptions } from '../../backup/store.js';
import { shortIdOf } from '../../backup/records/version-id.js';
import type { ChosenBackup } from '../choose-backups.js';
import { withBackup, type WithBackupOptions } from '../open-backup.js';
import { appsOf, nothingSelected, selectedRecords } from '../selection/records.js';
import { select, type SelectionOptions } from '../selection/selection.js';
import { placeFile, type PlacedFile, type PutFile } from './put-file.js';

export interface EditOptions extends WithBackupOptions, Pick<StoreOptions, 'beforeChange'> {
  readonly put: readonly PutFile[];
  /** What goes; undefined: nothing. */
  readonly remove: SelectionOptions | undefined;
  readonly clock: Clock;
  readonly dryRun: boolean;
}

export interface Edited {
  /** The short id of the copy; null for a rehearsal. */
  readonly version: string | null;
  readonly put: number;
  readonly removed: number;
  /** Of what was put. */
  readonly bytes: number;
}

/** @throws IbkError `usage`: no version of a root; `not_found`: nothing matches; `incompatible`: of iOS 4 and before; `password`; as `lease` */
export async function editBackup(picked: ChosenBackup, options: EditOptions): Promise<Edited> {
  const { backup } = picked;
  const id = picked.version.id ?? (await idInRoot(picked, options));
  const chosen = { backup, version: { ...picked.version, id } };
  return withBackup(chosen, { ...options, unlock: true }, async (opened) => {
    using manifest = await opened.editManifest(options.signal);
    const changes = new Map<string, AsyncIterable<Buffer> | null>();
    const removed = await remove(opened, manifest, changes, options);
    const placed: PlacedFile[] = [];
    try {
      for (const file of options.put) {
        const found = await placeFile(opened, manifest, file, Math.floor(options.clock.now() / 1000));
        placed.push(found);
        for (const fileId of [...found.removed, found.fileId]) drop(changes, fileId);
        const [place = ''] = payloadPaths(found.fileId, manifest.isFlat);
        changes.set(place, contentOf(found));
      }
      const bytes = placed.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
      const counts = { put: placed.length, removed, bytes };
      if (options.dryRun || id === null) return { version: null, ...counts };
      // After all content: only then is known what its records hold.
      changes.set(manifest.name, manifest.pieces());
      const { info } = opened;
      if (info !== undefined) changes.set('Info.plist', once(editedInfo(info, id, options.remove)));
      const { root, beforeChange } = options;
      const store = new BackupStore(root, backup.udid, { clock: options.clock, beforeChange });
      using lease: StoreLease = await store.lease({ command: 'ibk edit', signal: options.signal });
      const made = await lease.edit(id, changes);
      return { version: shortIdOf(made.id), ...counts };
    } finally {
      for (const file of placed) await file.close();
    }
  });
}

/**
 * What lies in its folder of the root is a version once a run that writes has looked through it: another program made it, or the root was copied and the times are
 * other ones. Null for a rehearsal, which takes nothing in.
 */
async function idInRoot({ backup }: ChosenBackup, options: EditOptions): Promise<string | null> {
  const { root, clock, beforeChange, signal } = options;
  if (backup.path !== join(root, backup.udid))
    throw new IbkError('usage', 'Only a version under a backup root can be edited: the copy shares its files.', {
      hint: 'Take the folder in first: ibk import PATH',
    });
  if (options.dryRun) return null;
  const store = new BackupStore(root, backup.udid, { clock, beforeChange });
  using lease: StoreLease = await store.lease({ command: 'ibk edit', signal });
  return lease.current?.id ?? null;
}

async function remove(
  opened: OpenedBackup,
  manifest: ManifestEdit,
  changes: Map<string, AsyncIterable<Buffer> | null>,
  { remove: wanted, signal }: EditOptions,
): Promise<number> {
  if (wanted === undefined) return 0;
  const selection = select(wanted, appsOf(opened));
  let files = 0;
  for await (const page of selectedRecords(opened, selection, signal))
    for (const { fileId, kind } of page) {
      manifest.remove(fileId);
      if (kind !== 'directory') files += 1;
      if (kind === 'file') drop(changes, fileId);
    }
  if (files === 0) throw await nothingSelected(opened, selection, signal);
  return files;
}

function drop(changes: Map<string, AsyncIterable<Buffer> | null>, fileId: string): void {
  for (const path of payloadPaths(fileId, false)) changes.set(path, null);
}

async function* contentOf(placed: PlacedFile): AsyncGenerator<Buffer, void> {
  yield* placed.content;
  placed.finish();
}

async function* once(bytes: Buffer): AsyncGenerator<Buffer, void> {
  yield bytes;
}

/** Marked, and without the apps that went: the App Store is not asked for them. */
function editedInfo(info: PlistDict, id: string, removed: SelectionOptions | undefined): Buffer {
  const gone = new Set(appWords(removed));
  const edited = plistDict({ ...info, [EDITED_FROM_KEY]: shortIdOf(id) });
  const applications = field(info, 'Applications');
  if (gone.size > 0 && isPlistDict(applications))
    edited['Applications'] = plistDict(
      Object.fromEntries(Object.entries(applications).filter(([app]) => !gone.has(app))),
    );
  const installed = field(info, 'Installed Applications');
  if (gone.size > 0 && Array.isArray(installed))
    edited['Installed Applications'] = installed.filter((app) => typeof app !== 'string' || !gone.has(app));
  return buildXmlPlist(edited);
}

function appWords(removed: SelectionOptions | undefined): string[] {
  const words = (removed?.words ?? []).flatMap((word) => (word.startsWith('app:') ? [word.slice(4)] : []));
  return [...words, ...(removed?.apps ?? [])];
}

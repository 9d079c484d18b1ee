/** The files that describe a backup, as verify reads them: each may be missing or damaged, which is noted and does not stop the rest. */
import { IbkError } from '../../errors.js';
import { codeOf } from '../../io/system-code.js';
import { parsePlist } from '../../plist/codec.js';
import { asDict, optionalString } from '../../plist/fields.js';
import { filesNotSentIn } from '../format/info-plist.js';
import { parseKeybag } from '../format/keybag.js';
import { type BackupManifest, parseManifestPlist } from '../format/manifest-plist.js';
import { LARGE_PLIST_LIMIT, SMALL_PLIST_LIMIT } from '../format/plist-limits.js';
import { parseStatusPlist } from '../format/status-plist.js';
import { type BackupSource, readPart } from '../reader/backup-source.js';

export type PartFault = 'unreadable' | 'unfinished';

/** Faults of what describes the backup. */
export class Parts {
  readonly failed = new Map<string, PartFault>();
  readonly #source: BackupSource;

  constructor(source: BackupSource) {
    this.#source = source;
  }

  note(name: string, kind: PartFault): void {
    this.failed.set(name, kind);
  }

  /** Undefined where the part is missing or damaged, which is noted. */
  async read<T>(name: string, read: () => T | Promise<T>): Promise<T | undefined> {
    try {
      return await read();
    } catch (error) {
      const tooLarge = codeOf(error) === 'EFBIG';
      const isOfPart = error instanceof IbkError && (error.code === 'damaged' || error.code === 'device_error');
      if (!tooLarge && !isOfPart) throw error;
      this.note(name, 'unreadable');
      return undefined;
    }
  }

  /** @throws IbkError `damaged`: it is not there; EFBIG */
  needed(name: string, mostBytes = LARGE_PLIST_LIMIT): Buffer {
    const bytes = readPart(this.#source, name, mostBytes);
    if (bytes === undefined) throw new IbkError('damaged', `There is no ${name}.`, { reason: 'no_part' });
    return bytes;
  }
}

export interface Description {
  readonly manifest: BackupManifest | undefined;
  /** FileIDs that the device could not send when the backup was made. */
  readonly notSent: ReadonlySet<string>;
  /** UDIDs by the part that names them, where they are not the same one. */
  readonly udids: readonly string[];
}

/** Info.plist, Status.plist and Manifest.plist. */
export async function readDescription(parts: Parts): Promise<Description> {
  const info = await parts.read('Info.plist', () => {
    const bytes = parts.needed('Info.plist');
    const dict = asDict(parsePlist(bytes, 'Info.plist', { maxBytes: bytes.length }), 'Info.plist');
    return { notSent: filesNotSentIn(dict), udid: optionalString(dict, 'Target Identifier') };
  });
  await parts.read('Status.plist', () => {
    if (!parseStatusPlist(parts.needed('Status.plist', SMALL_PLIST_LIMIT)).finished)
      parts.note('Status.plist', 'unfinished');
  });
  const manifest = await parts.read('Manifest.plist', () => readManifest(parts));
  const udids = [info?.udid, manifest?.udid].filter((udid) => udid !== undefined);
  const differ = new Set(udids.map((udid) => udid.replace('-', '').toLowerCase())).size > 1;
  return { manifest, notSent: info?.notSent ?? new Set(), udids: differ ? udids : [] };
}

function readManifest(parts: Parts): BackupManifest {
  const manifest = parseManifestPlist(parts.needed('Manifest.plist'));
  if (manifest.keybag !== undefined) parseKeybag(manifest.keybag);
  else if (manifest.encrypted) throw new IbkError('damaged', 'The backup is encrypted and has no keybag.');
  return manifest;
}

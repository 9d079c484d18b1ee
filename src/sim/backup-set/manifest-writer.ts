/** The manifest that a phone writes while it backs up: Manifest.db, or Manifest.mbdb up to iOS 9. Rows go in, a file comes out. */
import { writeFile } from 'node:fs/promises';
import type { IosProfile } from '../profile.js';
import { ManifestDbWriter } from './manifest-db.js';
import { encodeMbdbRecord, MBDB_MAGIC } from './mbdb.js';
import type { ManifestRecord } from './record.js';

export interface ManifestWriter {
  add(record: ManifestRecord): void;
  /** Completes the file at the path that the writer was made with. `padBytes`: make it larger by about this much (Manifest.db only). */
  finish(padBytes: number): Promise<void>;
  /** Gives up; harmless after `finish`. */
  abandon(): void;
}

/** Name of the manifest in the backup folder. */
export function manifestName(profile: IosProfile): 'Manifest.db' | 'Manifest.mbdb' {
  return profile.manifest === 'db' ? 'Manifest.db' : 'Manifest.mbdb';
}

/** `path` must not exist. */
export function openManifestWriter(profile: IosProfile, path: string): ManifestWriter {
  return profile.manifest === 'db' ? databaseWriter(path) : mbdbWriter(path);
}

function databaseWriter(path: string): ManifestWriter {
  const db = new ManifestDbWriter(path);
  return {
    add: (record) => db.add(record),
    finish: async (padBytes) => {
      db.pad(padBytes);
      db.finish();
    },
    abandon: () => db.abandon(),
  };
}

function mbdbWriter(path: string): ManifestWriter {
  const records: Buffer[] = [MBDB_MAGIC];
  return {
    add: (record) => records.push(encodeMbdbRecord(record)),
    finish: () => writeFile(path, Buffer.concat(records)),
    abandon: () => undefined,
  };
}

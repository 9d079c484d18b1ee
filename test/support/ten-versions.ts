/**
 * Ten backups of a phone that changes (files added, changed, removed, moved and renamed; its backups encrypted later; another iOS), made once, and what it held
 * at each. The reference is the phone's own list of its files, with SHA-256.
 */
import { createHash } from 'node:crypto';
import { cpSync, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { BackupStore } from '../../src/backup/store.js';
import { Secret } from '../../src/io/secret.js';
import { listBackups } from '../../src/operations/list-backups.js';
import { withBackup } from '../../src/operations/open-backup.js';
import type { OpenedBackup } from '../../src/backup/reader/types.js';
import { controlSimulator, type Simulator, type SimulatorOptions, startSimulator } from '../../src/sim/index.js';
import { tryBackup } from './ibk-backup.js';
import { type PhoneState, stateOf } from './phone-history.js';

export const PASSWORD = 'right';
const OPTIONS: SimulatorOptions = { files: 40, bytes: 400_000, scenarios: ['paired'] };

export interface TenVersions {
  readonly root: string;
  readonly udid: string;
  /** What the phone held, oldest first. */
  readonly states: ReadonlyMap<string, PhoneState>;
}

/** As its last two backups are made: encrypted, of another iOS. */
export const LAST_PHONE = {
  ...OPTIONS,
  encryption: { password: PASSWORD },
  scenarios: ['paired', 'product-version=17.7.1'],
} as const satisfies SimulatorOptions;

/** The phone as it is in the end. @param folder what it keeps between runs */
export function lastPhone(folder: string): Promise<Simulator> {
  return startSimulator({ ...LAST_PHONE, stateFolder: folder });
}

export async function makeTenVersions(place: string): Promise<TenVersions> {
  const root = join(place, 'root');
  const stateFolder = join(place, 'phone');
  const states = new Map<string, PhoneState>();
  let udid = '';
  const backups = async (sim: Simulator, count: number) => {
    for (let made = 0; made < count; made++) {
      if (states.size > 0)
        await controlSimulator(sim.listen, 'mutate', {
          ...{ Add: 2 + (states.size % 3), Change: 3, Remove: states.size % 4, Rename: 1 + (states.size % 2) },
        });
      const state = await stateOf(sim);
      const { summary } = await tryBackup({ listen: sim.listen, root });
      ({ udid } = summary);
      states.set(summary.version, state);
    }
    await sim.close();
  };
  await backups(await startSimulator({ ...OPTIONS, stateFolder }), 5);
  await backups(await startSimulator({ ...OPTIONS, stateFolder, encryption: { password: PASSWORD } }), 3);
  await backups(await lastPhone(stateFolder), 2);
  return { root, udid, states };
}

export function copyRoot(from: string, to: string): void {
  cpSync(from, to, { recursive: true, preserveTimestamps: true });
}

/** Every file of the version by the manifest, with the SHA-256 of its plain content. */
export async function contentOf(root: string, udid: string, id: string): Promise<PhoneState> {
  const { backups } = await listBackups({ root });
  const backup = backups.find((each) => each.udid === udid);
  const version = backup?.versions.find((each) => each.id === id);
  if (backup === undefined || version === undefined) throw new Error(`${id} is not listed`);
  const found = new Map<string, string>();
  const password = () => Promise.resolve(Secret.of(PASSWORD));
  await withBackup({ backup, version }, { root, password, unlock: true }, async (opened) => {
    for await (const page of opened.records())
      for (const record of page)
        if (record.kind === 'file')
          found.set(`${record.domain}/${record.relativePath}`, await sha256Of(opened, record));
  });
  return found;
}

async function sha256Of(opened: OpenedBackup, record: Parameters<OpenedBackup['content']>[0]): Promise<string> {
  const content = opened.content(record);
  if (content === undefined) return 'missing';
  const hash = createHash('sha256');
  try {
    for await (const piece of content.pieces()) hash.update(piece);
  } finally {
    content.close();
  }
  return hash.digest('hex');
}

/** SHA-256 by path of what is stored for a version, metadata too. */
export function storedFiles(root: string, udid: string, id: string): Promise<Stored> {
  return new BackupStore(root, udid).reading(async (_ctx, reader) => {
    const found = new Map<string, StoredContent>();
    for (const path of candidates(root, udid)) {
      const reading = reader.open(id, path);
      if (reading.state !== 'found') continue;
      const bytes = Buffer.alloc(reading.file.stat().sizeBytes);
      reading.file.read(bytes, 0);
      reading.file.close();
      found.set(path, { bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') });
    }
    return found;
  });
}

export type Stored = ReadonlyMap<string, StoredContent>;

/** What is stored of each version, while all are there. */
export async function storedOfAll({ root, udid, states }: TenVersions): Promise<ReadonlyMap<string, Stored>> {
  const found = new Map<string, Stored>();
  for (const id of states.keys()) found.set(id, await storedFiles(root, udid, id));
  return found;
}

/** Of the newest everything, and of each older one what the next newer one has not, or has otherwise. @param left oldest first */
export function idealBytes(stored: ReadonlyMap<string, Stored>, left: readonly string[]): number {
  let bytes = 0;
  for (const [at, id] of left.entries()) {
    const newer = stored.get(left[at + 1] ?? '');
    // Status.plist always goes out.
    for (const [path, content] of stored.get(id) ?? [])
      if (newer?.get(path)?.sha256 !== content.sha256 || path === 'Status.plist') bytes += content.bytes;
  }
  return bytes;
}

interface StoredContent {
  readonly bytes: number;
  readonly sha256: string;
}

/** Paths that any version may have. */
function candidates(root: string, udid: string): Set<string> {
  const found = new Set(filesBelow(join(root, udid)));
  const versions = join(root, '.ibk', udid, 'versions');
  for (const path of filesBelow(versions)) {
    const inner = /^[^/]+\/files\/(.*)$/.exec(path)?.[1];
    if (inner !== undefined) found.add(inner);
  }
  return found;
}

/** Bytes of the folder and of what versions keep, without records, lists and catalog. A packed manifest counts as what comes out of it. */
export function contentBytes(root: string, udid: string): number {
  const sizeOf = (folder: string, only: RegExp) =>
    filesBelow(folder)
      .filter((path) => only.test(path))
      .reduce((sum, path) => sum + lstatSync(join(folder, path)).size, 0);
  const versions = join(root, '.ibk', udid, 'versions');
  const packed = filesBelow(versions).filter((path) => path.endsWith('/manifest.gz'));
  const unpacked = packed.reduce((sum, path) => sum + gunzipSync(readFileSync(join(versions, path))).length, 0);
  return sizeOf(join(root, udid), /./) + sizeOf(versions, /^[^/]+\/(?:files|flat)\//) + unpacked;
}

function filesBelow(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
  } catch {
    return [];
  }
}

/**
 * Another backup becomes one of this store: the newest, by an ordinary commit of what differs, or the oldest, at the bottom of the chain. The chain's order is
 * that of storage: an older backup between two others would need copies of the files that those share.
 */
import { IbkError } from '../errors.js';
import { newVersion } from './commit/adopt.js';
import { VersionBuilder } from './commit/build-version.js';
import type { FileIdentity } from './disk/file-identity.js';
import type { ReadableFile } from './disk/file-system.js';
import { storedPieces } from './format/stored-bytes.js';
import type { TakeInFacts } from './lease.js';
import type { BackupSource } from './reader/backup-source.js';
import type { Overlay } from './receive/overlay.js';
import { receiveFile } from './receive/receive-file.js';
import type { Catalog } from './records/catalog.js';
import { applyLines } from './records/catalog-sync.js';
import type { StoreContext } from './records/context.js';
import { nextDelta, putHead } from './records/head.js';
import type { ChainEntry, Head, VersionRecord } from './records/head-record.js';
import { sha256OfOpen } from './records/identity.js';
import { comparePaths, isMetadata, STATUS_PLIST } from './records/names.js';
import { packManifests } from './versions/pack-manifests.js';

const PAGE = 1000;

export interface TakeInOptions {
  readonly signal?: AbortSignal | undefined;
  /** A file that was copied, or (`kept`) that the store has already. */
  readonly onFile?: ((bytes: number, kept: boolean) => void) | undefined;
}

/** Lays the backup over the folder: what a commit then makes is that backup. @throws IbkError `damaged`: a file cannot be read */
export async function layOver(
  ctx: StoreContext,
  catalog: Catalog,
  overlay: Overlay,
  source: BackupSource,
  { signal, onFile }: TakeInOptions,
): Promise<void> {
  const ours = pathsOf((after) => catalog.pathsAfter('', after, PAGE));
  for await (const [path, isOurs] of bothInOrder(source, ours, signal)) {
    const turn = ctx.pause();
    if (turn !== undefined) await turn;
    if (isOurs === 'alone') {
      await overlay.settle();
      overlay.remove(path);
      continue;
    }
    const file = openOf(source, path);
    try {
      const { sizeBytes } = file.stat();
      const known = path === STATUS_PLIST ? undefined : catalog.file(path);
      if (await isKnown(ctx, source, path, file, known, signal)) onFile?.(sizeBytes, true);
      else {
        await receiveFile(overlay, path, storedPieces(file, signal));
        onFile?.(sizeBytes, false);
      }
    } finally {
      file.close();
    }
  }
  await overlay.settle();
}

/**
 * The backup becomes the oldest version. Nothing that was there changes.
 * @throws IbkError `damaged`: a file cannot be read
 */
export async function takeInBelow(
  ctx: StoreContext,
  catalog: Catalog,
  head: Head,
  source: BackupSource,
  told: TakeInFacts,
  { signal, onFile }: TakeInOptions,
): Promise<Head> {
  const { ios, encrypted } = told;
  const empty = { ios, encrypted, files: 0, bytes: 0, metadataBytes: 0 };
  const record: VersionRecord = newVersion(ctx, head, told.date, empty, told.record);
  const [oldest] = [...head.chain, head.current];
  if (oldest === undefined || oldest === null) throw new TypeError('the first backup is no older one');
  const from = catalog.version(oldest.id)?.seq ?? Number.MAX_SAFE_INTEGER;
  const to = catalog.versions().at(-1)?.seq ?? 0;
  const identityThere = (path: string): FileIdentity | null => {
    const line = catalog.line(path, from, to);
    return line === undefined ? (catalog.file(path) ?? null) : line.old;
  };
  const builder = await VersionBuilder.begin(ctx, record.id, nextDelta(head), oldest.id);
  const facts = { files: 0, bytes: 0, metadataBytes: 0 };
  let entry: ChainEntry;
  try {
    const theirs = pathsOf((after) => catalog.pathsOfVersion(from, after, PAGE));
    for await (const [path, isTheirs] of bothInOrder(source, theirs, signal)) {
      const there = isTheirs === undefined ? null : identityThere(path);
      if (isTheirs === 'alone') {
        if (there !== null) builder.add(path, null, there);
        continue;
      }
      const file = openOf(source, path);
      try {
        const { sizeBytes } = file.stat();
        addTo(facts, path, sizeBytes);
        const isSame = await isKnown(ctx, source, path, file, there ?? undefined, signal);
        if (!isSame) builder.add(path, await builder.put(path, storedPieces(file, signal)), there);
        onFile?.(sizeBytes, isSame);
      } finally {
        file.close();
      }
    }
    const described = { ...record, facts: { ...record.facts, ...facts } };
    entry = { ...described, ...(await builder.finish(described, oldest.id)) };
  } catch (error) {
    await builder.abandon();
    throw error;
  }
  const named = await putHead(ctx, head, { chain: [entry, ...head.chain] });
  await builder.named();
  await applyLines(ctx, catalog, (catalog.versions()[0]?.seq ?? 1) - 1, entry);
  await packManifests(ctx, catalog, named);
  return named;
}

function addTo(facts: { files: number; bytes: number; metadataBytes: number }, path: string, sizeBytes: number): void {
  if (isMetadata(path)) facts.metadataBytes += sizeBytes;
  else {
    facts.files += 1;
    facts.bytes += sizeBytes;
  }
}

/** What was recorded, or what is read now, is what the store has. Where it has no checksum nobody can tell. */
async function isKnown(
  ctx: StoreContext,
  source: BackupSource,
  path: string,
  file: ReadableFile,
  known: FileIdentity | undefined,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  if (known === undefined || known.sha256 === null || known.size !== file.stat().sizeBytes) return false;
  const recorded = source.identity?.(path);
  const sha256 = recorded?.sha256 ?? (await sha256OfOpen(file, { pause: ctx.pause, signal }));
  return sha256 === known.sha256;
}

function openOf(source: BackupSource, path: string): ReadableFile {
  const file = source.open(path);
  if (file !== undefined) return file;
  throw new IbkError('damaged', 'A file of the backup is missing or cannot be read.', {
    reason: 'missing_files',
    meaning: 'Nothing was taken in.',
    hint: 'ibk verify',
    details: { path },
  });
}

type Side = 'both' | 'alone' | undefined;

/** Every path of the backup and of the store, in order. `alone`: only the store has it; undefined: only the backup. */
async function* bothInOrder(
  source: BackupSource,
  ours: Generator<string, void>,
  signal: AbortSignal | undefined,
): AsyncGenerator<readonly [path: string, isOurs: Side], void> {
  let our = ours.next();
  for await (const { path } of source.files({ signal })) {
    for (; our.done !== true && comparePaths(our.value, path) < 0; our = ours.next()) yield [our.value, 'alone'];
    if (our.done !== true && our.value === path) {
      our = ours.next();
      yield [path, 'both'];
    } else yield [path, undefined];
  }
  for (; our.done !== true; our = ours.next()) yield [our.value, 'alone'];
}

function* pathsOf(pageAfter: (path: string) => readonly string[]): Generator<string, void> {
  for (let after = ''; ; ) {
    const page = pageAfter(after);
    yield* page;
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) return;
    after = last;
  }
}

/**
 * Who shares which bytes: what forgetting a version, or several, frees. No file is looked at but those of versions that lost some.
 *
 * A file that a list names serves the version of that list and the older ones down to the next list that names its path; what lies in the folder serves
 * the newest, down to the newest list that names it. So each content serves a run of versions, and goes when all of these are forgotten.
 */
import type { StoreContext } from '../records/context.js';
import type { Head } from '../records/head-record.js';
import { isManifestFile, MANIFEST_FILES } from '../records/names.js';
import { openCatalogForReading } from './catalog-read.js';
import { holdsContent, keptBytes, savedBytes } from './kept-content.js';
import type { VersionReader } from './resolve.js';

interface Run {
  /** Places in the order of storage, oldest 0; the newest is `chain.length`. */
  readonly from: number;
  readonly to: number;
  bytes: number;
}

export class SpaceShares {
  readonly #order: ReadonlyMap<string, number>;
  readonly #runs: readonly Run[];
  /** What an edited copy keeps for itself. */
  readonly #edits: ReadonlyMap<string, number>;
  /** By how much the packed manifests of versions grow where one of these becomes the newest. */
  readonly #packed: readonly Run[];
  /** Bytes of the manifests of all versions. */
  readonly manifestBytes: number;

  constructor(
    ids: readonly string[],
    runs: readonly Run[],
    manifestBytes: number,
    edits: ReadonlyMap<string, number> = new Map(),
    packed: readonly Run[] = [],
  ) {
    this.#order = new Map(ids.map((id, at) => [id, at]));
    this.#runs = runs;
    this.#edits = edits;
    this.#packed = packed;
    this.manifestBytes = manifestBytes;
  }

  /** Bytes that go when all of these versions are forgotten, and no other. */
  freedBy(versions: Iterable<string>): number {
    const forgotten = [...versions];
    const going = new Set(forgotten.map((id) => this.#order.get(id)));
    const ofEdits = forgotten.reduce((sum, id) => sum + (this.#edits.get(id) ?? 0), 0);
    const all = (from: number, to: number): boolean => {
      for (let at = from; at <= to; at++) if (!going.has(at)) return false;
      return true;
    };
    const freed = this.#runs.reduce((sum, { from, to, bytes }) => sum + (all(from, to) ? bytes : 0), ofEdits);
    return Math.max(0, freed - this.#comesOut(going));
  }

  /** Of the version that will be the newest, where another is now. */
  #comesOut(going: ReadonlySet<number | undefined>): number {
    let newest = this.#order.size - 1;
    if (!going.has(newest)) return 0;
    while (going.has(newest)) newest -= 1;
    return this.#packed.find(({ from, to }) => from <= newest && newest <= to)?.bytes ?? 0;
  }
}

/** @throws IbkError `not_found`: there is no store; `damaged`, `incompatible` */
export async function readSpace(ctx: StoreContext, reader: VersionReader): Promise<SpaceShares> {
  const catalog = await openCatalogForReading(ctx, reader);
  try {
    const head = reader.head();
    if (head === undefined) return new SpaceShares([], [], 0);
    const places = new Map(head.chain.map(({ id }, at) => [catalog.version(id)?.seq ?? -1, at]));
    const newest = head.chain.length;
    const [tally, packed] = [new RunTally(), new RunTally()];
    let shared = 0;
    let manifestBytes = catalog.sizes(MANIFEST_FILES);
    let last: { readonly path: string; readonly at: number; readonly here: number } | undefined;
    const endPath = () => {
      if (last === undefined) return;
      tally.add(last.at + 1, newest, last.here);
      shared += last.here;
    };
    for (const { path, seq, kind, at: where, size, here } of catalog.lines()) {
      const at = places.get(seq);
      if (at === undefined) continue;
      if (last?.path !== path) {
        endPath();
        last = undefined;
      }
      const isThere = kind === 1 && where !== null && !isLost(ctx, head, at, where, path);
      const bytes = isThere ? keptBytes(ctx, where, path, Math.max(0, size ?? 0)) : 0;
      tally.add((last?.at ?? -1) + 1, at, bytes);
      if (isThere) packed.add((last?.at ?? -1) + 1, at, Math.max(0, (size ?? 0) - bytes));
      if (isManifestFile(path)) manifestBytes += bytes;
      last = { path, at, here: Math.max(0, here ?? 0) };
    }
    endPath();
    const { current } = head;
    if (current !== null) tally.add(0, newest, Math.max(0, current.facts.bytes + current.facts.metadataBytes - shared));
    const ids = [...head.chain.map(({ id }) => id), ...(current === null ? [] : [current.id])];
    const edits = new Map(
      head.edits.map(({ id, counts }) => [id, Math.max(0, counts.storedBytes - savedBytes(ctx, id))]),
    );
    return new SpaceShares(ids, tally.runs(), manifestBytes, edits, packed.runs());
  } finally {
    catalog.close();
  }
}

function isLost(ctx: StoreContext, { chain }: Head, at: number, where: string, path: string): boolean {
  return chain[at]?.counts.lost !== null && !holdsContent(ctx, where, path);
}

class RunTally {
  readonly #runs = new Map<string, Run>();

  add(from: number, to: number, bytes: number): void {
    if (bytes === 0) return;
    const key = `${from} ${to}`;
    const run = this.#runs.get(key) ?? { from, to, bytes: 0 };
    run.bytes += bytes;
    this.#runs.set(key, run);
  }

  runs(): readonly Run[] {
    return [...this.#runs.values()];
  }
}

/**
 * Adoption: another program changed the folder. The last known version becomes a version of the chain, the folder as found becomes current.
 *
 * What was overwritten is lost in the versions that need it, and said to be: wrong bytes are never returned for a version. A received file of
 * a commit that found its place taken is still there and is put away as the content it was.
 */
import type { FileIdentity } from '../disk/file-identity.js';
import { needDirectories, parentOf, readUpTo, removeTree } from '../disk/file-system.js';
import type { Catalog } from '../records/catalog.js';
import { applyToCatalog } from '../records/catalog-change.js';
import { type ChangeLine, ChangeListWriter, readChangeList, verifyChangeList } from '../records/change-list.js';
import type { StateDescription, StoreContext, StoreWarning } from '../records/context.js';
import { findList } from '../records/find-list.js';
import { nextDelta, putHead } from '../records/head.js';
import {
  type AdoptOperation,
  type ChangeCounts,
  type Head,
  UNDESCRIBED,
  type VersionFacts,
  type VersionRecord,
} from '../records/head-record.js';
import { isExactly, isSame, sha256OfPath } from '../records/identity.js';
import { type ScanFinding, scanFolder } from '../records/scan.js';
import { fromShadow } from '../records/shadow.js';
import { ChangeTally } from '../records/tally.js';
import { versionId } from '../records/version-id.js';
import { DamageTally } from '../versions/damage.js';
import { putListAway } from './run-commit.js';

/**
 * Compares the folder with the catalog. Nothing differs: the head without an operation. Else the head with the adoption to be run.
 * @param folders which folders can have changed
 * @param cause of changes; what a power cut left is not complete, whatever its Status.plist says
 */
export async function settleFolder(
  ctx: StoreContext,
  catalog: Catalog,
  head: Head,
  folders: 'all' | ReadonlySet<string>,
  cause: 'foreign_change' | 'power_cut' = 'foreign_change',
): Promise<Head> {
  if (head.current === null) return acceptFirst(ctx, catalog, head);
  const { id } = head.current;
  const list = new AdoptionList(ctx, head, id);
  const renewed: [string, FileIdentity][] = [];
  try {
    for await (const finding of scanFolder(ctx, catalog, folders)) {
      if (finding.kind === 'renewed') renewed.push([finding.path, finding.is]);
      else list.add(finding);
    }
  } catch (error) {
    list.abandon();
    throw error;
  }
  catalog.setFiles(renewed);
  if (list.damaged > 0 && folders !== 'all') {
    // What was overwritten in place no folder's time tells.
    list.abandon();
    return settleFolder(ctx, catalog, head, 'all', cause);
  }
  const described = describeFolder(ctx);
  const written = list.finish(visitOf(ctx, head.current, described.date));
  const retire = head.op?.t === 'rescan' ? head.op.retire : undefined;
  if (written === undefined) return head.op === null ? head : putHead(ctx, head, { op: retire ?? null });
  await ctx.fs.syncDirectories([ctx.layout.own]);
  const { counts, delta, sha256 } = written;
  const found = foreignVersion(ctx, head, described, sizesAfter(head.current.facts, counts));
  const next = cause === 'power_cut' || list.damaged > 0 ? { ...found, complete: false } : found;
  ctx.warn(warningOf(cause, list.damaged, counts.added + counts.replaced + counts.removed));
  const op: AdoptOperation = { t: 'adopt', out: id, list: delta, listSha256: sha256, counts, next };
  return putHead(ctx, head, { op: retire === undefined ? op : { ...op, retire } });
}

function warningOf(kind: 'foreign_change' | 'power_cut', damaged: number, changed: number): StoreWarning {
  const count = kind === 'foreign_change' && damaged > 0 ? damaged : changed;
  const files = `${count} ${count === 1 ? 'file' : 'files'}`;
  if (kind === 'power_cut') {
    const how = 'which was made with less than full durability';
    const message = `A power cut damaged ${files} of the last backup, ${how}. The iPhone sends everything again; earlier versions are whole.`;
    return { kind, message };
  }
  if (damaged === 0) return { kind, message: `Another program changed ${files} of the backup folder.` };
  const message = `Something changed or removed ${files} of the last backup; ibk verify names them. The next backup has everything sent again.`;
  return { kind, message };
}

/** A folder that ibk meets for the first time: everything in it is taken as it is, without checksums. */
async function acceptFirst(ctx: StoreContext, catalog: Catalog, head: Head): Promise<Head> {
  const next = await catalog.transaction(async () => {
    catalog.clear();
    const found: [string, FileIdentity][] = [];
    for await (const { path, is } of scanFolder(ctx, catalog, 'all')) if (is !== null) found.push([path, is]);
    for (const [path, is] of found) catalog.setFile(path, is);
    if (found.length === 0) return null;
    const tally = new ChangeTally();
    for (const [p, is] of found) tally.add({ p, old: null, new: is });
    const first = foreignVersion(ctx, head, describeFolder(ctx), sizesAfter(NOTHING, tally.counts()));
    catalog.setMeta('cur', first.id);
    return first;
  });
  if (next === null && head.op === null) return head;
  return putHead(ctx, head, { op: null, current: next });
}

/** Moves what was rescued to its place, and makes the folder as found the current version. */
export async function runAdopt(
  ctx: StoreContext,
  catalog: Catalog,
  head: Head,
  op: AdoptOperation,
  recovery: boolean,
): Promise<Head> {
  const { fs, layout } = ctx;
  const path = findList(ctx, op);
  if (recovery) verifyChangeList(fs, path, op.listSha256);
  const rescued: ChangeLine[] = [];
  for (const line of readChangeList(fs, path, op.listSha256)) if (line.src !== null) rescued.push(line);
  const folders = new Set(rescued.map(({ p }) => parentOf(layout.slot(op.out, p))));
  await needDirectories(fs, folders);
  for (const line of rescued) {
    const source = layout.inOwn(line.src ?? '');
    const target = layout.slot(op.out, line.p);
    if (fs.stat(source) !== undefined && fs.stat(target) === undefined) fs.rename(source, target);
  }
  await fs.syncDirectories([...folders]);
  await applyToCatalog(ctx, catalog, op, path);
  const chain = await putListAway(ctx, head, op, path);
  // Once more: the other program may have gone on meanwhile.
  const { retire } = op;
  return putHead(ctx, head, {
    op: retire === undefined ? { t: 'rescan' } : { t: 'rescan', retire },
    chain,
    current: op.next,
  });
}

/** The list of what another program changed, begun with the first change. */
class AdoptionList {
  readonly #ctx: StoreContext;
  readonly #head: Head;
  readonly #id: string;
  readonly #delta: string;
  readonly #leftovers: ReadonlyMap<string, string[]>;
  readonly #tally = new ChangeTally();
  readonly #damage = new DamageTally();
  #writer: ChangeListWriter | undefined;

  constructor(ctx: StoreContext, head: Head, id: string) {
    this.#ctx = ctx;
    this.#head = head;
    this.#id = id;
    this.#delta = nextDelta(head);
    this.#leftovers = leftoverBlobs(ctx);
  }

  add(finding: Extract<ScanFinding, { kind: 'changed' }>): void {
    const { was, is, path } = finding;
    this.#damage.add(path, was, is);
    const src = was === null ? null : (this.#rescue(was) ?? fromShadow(this.#ctx, path, was));
    const isLost = was !== null && src === null && !this.#isKept(path, was);
    this.#tally.add({ p: path, old: was, new: is }, isLost);
    this.#writer ??= this.#begin();
    this.#writer.add({ p: path, k: was === null ? 'absent' : 'stored', at: this.#id, src, old: was, new: is });
  }

  /** Files of the backup that were spoilt, and not by another backup. */
  get damaged(): number {
    return this.#damage.files;
  }

  /** @param lostAt when the other program was here, milliseconds since 1970 */
  finish(
    lostAt: number,
  ): { readonly delta: string; readonly sha256: string; readonly counts: ChangeCounts } | undefined {
    if (this.#writer === undefined) return undefined;
    return { delta: this.#delta, sha256: this.#writer.finish().sha256, counts: this.#tally.counts(lostAt) };
  }

  abandon(): void {
    this.#writer?.abandon();
  }

  #begin(): ChangeListWriter {
    const { fs, layout } = this.#ctx;
    const path = layout.inOwn(this.#delta);
    fs.unlink(path);
    return new ChangeListWriter(fs, path, { udid: this.#head.udid, from: this.#id, to: 'foreign' });
  }

  /** What a promotion could not put back since another program had taken the place. */
  #isKept(path: string, was: FileIdentity): boolean {
    const { fs, layout } = this.#ctx;
    const kept = layout.slot(this.#id, path);
    if (!isSame(fs, kept, fs.stat(kept), was)) return false;
    fs.syncFile(kept);
    return true;
  }

  /** A received file whose place another program had taken: durable before the list names it. */
  #rescue(was: FileIdentity): string | null {
    const { fs, layout } = this.#ctx;
    for (const name of this.#leftovers.get(`${was.size}`) ?? []) {
      const path = layout.inOwn(name);
      const same = isExactly(fs.stat(path), was) && (was.sha256 === null || sha256OfPath(fs, path) === was.sha256);
      if (!same) continue;
      fs.syncFile(path);
      return name;
    }
    return null;
  }
}

/** Received files that an interrupted commit could not place, by size. Empty but after a crash that met another program. */
function leftoverBlobs(ctx: StoreContext): Map<string, string[]> {
  const { fs, layout } = ctx;
  const found = new Map<string, string[]>();
  for (const folder of fs.list(layout.inOwn('incoming')) ?? []) {
    if (folder.kind !== 'directory') continue;
    for (const { name, kind } of fs.list(layout.inOwn(`incoming/${folder.name}`)) ?? []) {
      const blob = `incoming/${folder.name}/${name}`;
      const stat = kind === 'file' ? fs.stat(layout.inOwn(blob)) : undefined;
      if (stat === undefined) continue;
      const key = `${stat.sizeBytes}`;
      const others = found.get(key);
      if (others === undefined) found.set(key, [blob]);
      else others.push(blob);
    }
  }
  return found;
}

/** When another program was here: the date of its backup, where it made one; else now, when it was noticed. */
function visitOf(ctx: StoreContext, before: VersionRecord, date: number | undefined): number {
  const now = ctx.now();
  return date !== undefined && date > before.date && date <= now ? date : now;
}

/** What the folder says of itself. */
export function describeFolder(ctx: StoreContext): StateDescription {
  const { fs, layout } = ctx;
  return ctx.describe((name, limitBytes) => readUpTo(fs, layout.inFolder(name), limitBytes));
}

function foreignVersion(ctx: StoreContext, head: Head, described: StateDescription, sizes: Sizes): VersionRecord {
  const { date = ctx.now(), complete, ios = null, encrypted = null } = described;
  return { ...newVersion(ctx, head, date, { ios, encrypted, ...sizes }), complete, origin: 'foreign' };
}

type Sizes = Pick<VersionFacts, 'files' | 'bytes' | 'metadataBytes'>;

const NOTHING: Sizes = { files: 0, bytes: 0, metadataBytes: 0 };

/** What a version holds, from what the one before it held and the list between them. */
export function sizesAfter(before: Sizes | undefined, { payload, metadataGrown }: ChangeCounts): Sizes {
  const { files, bytes, metadataBytes } = before ?? NOTHING;
  return {
    files: files + payload.added - payload.removed,
    bytes: bytes + payload.bytesGrown,
    metadataBytes: metadataBytes + metadataGrown,
  };
}

/**
 * A version of this store that no other has the id of.
 * @param told what is known of it; its id counts where it is free
 */
export function newVersion(
  ctx: StoreContext,
  head: Head,
  date: number,
  facts: VersionFacts,
  told: Partial<VersionRecord> = {},
): VersionRecord {
  const taken = new Set([...head.chain, ...head.edits, head.current].map((kept) => kept?.id));
  const remnants = new Set((ctx.fs.list(ctx.layout.inOwn('versions')) ?? []).map(({ name }) => name));
  let id = told.id ?? versionId(date, ctx.newShortId());
  while (taken.has(id) || remnants.has(id)) id = versionId(date, ctx.newShortId());
  return { ...UNDESCRIBED, ...told, id, date, facts };
}

/** Drops what an interrupted run had received. */
export function dropIncoming(ctx: StoreContext): void {
  removeTree(ctx.fs, ctx.layout.inOwn('incoming'));
}

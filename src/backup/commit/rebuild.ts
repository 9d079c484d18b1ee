/**
 * A head record made anew, where none is left that can be read (docs/store.md 8): from the version.json and the lists of the versions, and from what lies in the
 * backup folder. Nothing is deleted: heads that cannot be read are moved to `aside/`. What is then different from the records, the next backup takes in.
 *
 * Each list says which version comes after its own; the newest leads to the one that was current. A version whose list is gone or damaged hides those before
 * it: what they shared with it cannot be told from what came later, so they are left where they are, and told. A changed copy leads to what it is a copy of.
 */
import { IbkError } from '../../errors.js';
import { codeOf } from '../../io/system-code.js';
import { needDirectories, readWhole } from '../disk/file-system.js';
import { readChangeList } from '../records/change-list.js';
import type { StoreContext } from '../records/context.js';
import { headGenerations, headPath, putHead, readHead } from '../records/head.js';
import {
  type ChainEntry,
  checkedVersion,
  type EditEntry,
  UNDESCRIBED,
  type VersionRecord,
} from '../records/head-record.js';
import { deltaGeneration } from '../records/layout.js';
import { ChangeTally } from '../records/tally.js';
import { isVersionId } from '../records/version-id.js';
import { holdsContent } from '../versions/kept-content.js';
import { describeFolder, sizesAfter } from './adopt.js';
import { timeName } from './aside.js';

const MOST_JSON_BYTES = 1024 * 1024;

export interface RebuiltHead {
  /** How many versions the new record names, the current one too. */
  readonly versions: number;
  /** Ids of those that it could not take in. */
  readonly left: readonly string[];
}

/** A version by one of its lists. After a crash it may have two. */
interface Candidate {
  readonly record: VersionRecord;
  readonly delta: string;
  readonly sha256: string;
  /** The version that comes after it, or of which it is a copy. */
  readonly next: string;
  readonly isCopy: boolean;
}

/** Undefined: there is a record, and nothing to be done. @throws IbkError `incompatible`: a newer ibk wrote it */
export async function rebuildHead(ctx: StoreContext): Promise<RebuiltHead | undefined> {
  if (hasHead(ctx)) return undefined;
  const { fs, layout } = ctx;
  const folders = (fs.list(layout.inOwn('versions')) ?? []).map(({ name }) => name).filter(isVersionId);
  const found = folders.flatMap((id) => candidatesOf(ctx, id));
  const best = longestChain(found.filter(({ isCopy }) => !isCopy));
  const copies = found.filter(({ isCopy }) => isCopy);
  const chain: ChainEntry[] = [];
  for (const candidate of best) chain.push(await entryOf(ctx, candidate));
  const edits: EditEntry[] = [];
  for (const copy of copies) edits.push({ ...(await entryOf(ctx, copy)), base: copy.next });
  // Where it is the only backup, its copies alone know of it.
  const newest = best.at(-1) ?? copies.at(-1);
  const before = chain.at(-1) ?? edits.at(-1);
  const current = newest === undefined ? null : currentOf(ctx, newest.next, before);
  const bases = new Set([...chain, current].map((kept) => kept?.id));
  const kept = edits.filter(({ base }) => bases.has(base));
  const least = 1 + Math.max(0, ...headGenerations(fs, layout), ...numbersOfLists(ctx, folders));
  await putHeadsAside(ctx);
  await putHead(ctx, undefined, { chain, edits: kept, current, op: current === null ? null : { t: 'rescan' } }, least);
  const taken = new Set([...chain, ...kept].map(({ id }) => id));
  const left = folders.filter((id) => !taken.has(id) && hasLists(ctx, id));
  return { versions: taken.size + (current === null ? 0 : 1), left };
}

function hasHead({ fs, layout }: StoreContext): boolean {
  try {
    return readHead(fs, layout) !== undefined;
  } catch (error) {
    if (error instanceof IbkError && error.code === 'damaged') return false;
    throw error;
  }
}

function candidatesOf(ctx: StoreContext, id: string): Candidate[] {
  const { fs, layout } = ctx;
  const folder = layout.version(id);
  const described = unlessDamaged(() => describedVersion(ctx, id));
  if (described === undefined) return [];
  return (fs.list(folder) ?? []).flatMap(({ name }) => {
    if (deltaGeneration(name) === undefined) return [];
    const list = unlessDamaged(() => readThrough(ctx, `${folder}/${name}`));
    if (list === undefined || list.udid !== layout.udid || list.from !== id) return [];
    const next = isVersionId(list.to) ? list.to : described.next;
    if (next === undefined) return [];
    return [{ record: described.record, delta: name, sha256: list.sha256, next, isCopy: described.next === undefined }];
  });
}

/** Without `next` it is no part of the chain, but a copy. */
function describedVersion(
  { fs, layout }: StoreContext,
  id: string,
): { record: VersionRecord; next: string | undefined } | undefined {
  const text = readWhole(fs, `${layout.version(id)}/version.json`, MOST_JSON_BYTES)?.toString('utf8');
  const value: unknown = text === undefined ? undefined : JSON.parse(text);
  if (typeof value !== 'object' || value === null || !('udid' in value)) return undefined;
  const record = checkedVersion(value);
  const { udid, next = undefined }: { udid: unknown; next?: unknown } = value;
  if (record.id !== id || udid !== layout.udid) return undefined;
  if (next === undefined) return record.origin === 'edit' ? { record, next } : undefined;
  if (typeof next !== 'string' || !isVersionId(next)) return undefined;
  return { record, next };
}

function readThrough({ fs }: StoreContext, path: string) {
  const lines = readChangeList(fs, path);
  for (;;) {
    const step = lines.next();
    if (step.done === true) return step.value;
  }
}

/** What a crash or a person damaged is no error here: it is left out. */
function unlessDamaged<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    const isDamage = error instanceof SyntaxError || (error instanceof IbkError && error.code !== 'unsafe');
    const isTooLarge = codeOf(error) === 'EFBIG';
    if (isDamage || isTooLarge) return undefined;
    throw error;
  }
}

/** Oldest first. The newest of all is the one that leads to a version which is none of them; of several, that of the latest date. */
function longestChain(candidates: readonly Candidate[]): Candidate[] {
  const ids = new Set(candidates.map(({ record }) => record.id));
  const before = new Map<string, Candidate[]>();
  for (const candidate of candidates) {
    const others = before.get(candidate.next);
    if (others === undefined) before.set(candidate.next, [candidate]);
    else others.push(candidate);
  }
  const known = new Map<string, Candidate[]>();
  const until = (id: string): Candidate[] => {
    const done = known.get(id);
    if (done !== undefined) return done;
    // A ring of forged records ends here.
    known.set(id, []);
    let best: Candidate[] = [];
    for (const candidate of before.get(id) ?? []) {
      const chain = [...until(candidate.record.id), candidate];
      if (chain.length > best.length) best = chain;
    }
    known.set(id, best);
    return best;
  };
  const ends = [...before.keys()].filter((id) => !ids.has(id)).sort();
  const latest = ends.at(-1);
  return latest === undefined ? [] : until(latest);
}

async function entryOf(ctx: StoreContext, { record, delta, sha256 }: Candidate): Promise<ChainEntry> {
  const { fs, layout } = ctx;
  const tally = new ChangeTally();
  for (const line of readChangeList(fs, `${layout.version(record.id)}/${delta}`, sha256)) {
    const isLost = line.k === 'stored' && !holdsContent(ctx, line.at ?? record.id, line.p);
    tally.add(line, isLost);
    const turn = ctx.pause();
    if (turn !== undefined) await turn;
  }
  return { ...record, delta, listSha256: sha256, counts: tally.counts(ctx.now()) };
}

/** As the folder says; the scan that comes next finds what is different. */
function currentOf(ctx: StoreContext, id: string, before: ChainEntry | undefined): VersionRecord {
  const { date = ctx.now(), complete, ios = null, encrypted = null } = describeFolder(ctx);
  const sizes =
    before === undefined ? { files: 0, bytes: 0, metadataBytes: 0 } : sizesAfter(before.facts, before.counts);
  const facts = { ios, encrypted, ...sizes };
  return { ...UNDESCRIBED, id, date, complete, facts };
}

/** A list's name carries a number that no later list may have again. */
function numbersOfLists({ fs, layout }: StoreContext, folders: readonly string[]): number[] {
  const places = [layout.own, ...folders.map((id) => layout.version(id))];
  return places.flatMap((place) => (fs.list(place) ?? []).map(({ name }) => deltaGeneration(name) ?? 0));
}

function hasLists({ fs, layout }: StoreContext, id: string): boolean {
  return (fs.list(layout.version(id)) ?? []).some(({ name }) => deltaGeneration(name) !== undefined);
}

async function putHeadsAside(ctx: StoreContext): Promise<void> {
  const { fs, layout } = ctx;
  const generations = headGenerations(fs, layout);
  if (generations.length === 0) return;
  const target = timeName(ctx);
  await needDirectories(fs, [target]);
  for (const gen of generations) fs.rename(headPath(layout, gen), `${target}/head.${gen}`);
  await fs.syncDirectories([target, layout.own]);
}

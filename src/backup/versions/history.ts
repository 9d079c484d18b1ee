/** What a store holds, for lists: every version, what other programs overwrote of it, and whether the folder is as ibk left it. Takes no lock, looks at no payload. */
import { listPath } from '../records/catalog-sync.js';
import { readChangeList } from '../records/change-list.js';
import type { StoreContext } from '../records/context.js';
import { headGenerations, readHead, refuseLostHead } from '../records/head.js';
import type { ChangeCounts, Head, LostFiles, Operation, VersionRecord } from '../records/head-record.js';
import { isMetadata } from '../records/names.js';
import { compareSeals, takeSeal } from '../records/seal.js';
import { damageOf } from './damage.js';
import { holdsContent, savedBytes } from './kept-content.js';

const MOST_TRIES = 10;

export interface StoredVersion extends VersionRecord {
  /** The version that this one is a changed copy of. */
  readonly base: string | null;
  /** It lies in `<root>/<UDID>/` as an ordinary backup. */
  readonly current: boolean;
  /** What this version changed in the one before it; undefined for the oldest. */
  readonly since: ChangeCounts | undefined;
  readonly lost: LostFiles | null;
  /** What describes it was overwritten: it cannot be opened as a backup. */
  readonly unreadable: boolean;
  /** Files that it should have and has not, or that were changed, where it was found so (damage.ts). */
  readonly damaged: number;
}

/**
 * Since ibk last looked. `touched`: another program wrote into some folder of the backup. `replaced`: it made its own backup there, or
 * changed what describes it; the next writing command takes that in as a version. `changing`: an operation of our own is under way.
 */
export type FolderState = 'as_left' | 'touched' | 'replaced' | 'changing';

export interface StoreHistory {
  /** The newest first, edited copies among them. Without those that were forgotten and that a copy still needs. */
  readonly versions: readonly StoredVersion[];
  /** Of the newest backup and of what the earlier ones keep for themselves. */
  readonly bytes: number;
  /** What a crash left to be completed, or what is under way now. */
  readonly pending: Operation['t'] | null;
  readonly folder: FolderState;
}

/** Undefined where ibk has not written yet. @throws IbkError `damaged`, `incompatible` */
export function readHistory(ctx: StoreContext): StoreHistory | undefined {
  for (let tries = 1; ; tries++) {
    const head = readHead(ctx.fs, ctx.layout);
    if (head === undefined) {
      refuseLostHead(ctx);
      return undefined;
    }
    try {
      const history = historyOf(ctx, head);
      if (headGenerations(ctx.fs, ctx.layout)[0] === head.gen || tries >= MOST_TRIES) return history;
    } catch (error) {
      // A list that was moved or forgotten between two looks.
      if (headGenerations(ctx.fs, ctx.layout)[0] === head.gen || tries >= MOST_TRIES) throw error;
    }
  }
}

function historyOf(ctx: StoreContext, head: Head): StoreHistory {
  const { chain, current, edits } = head;
  const lost = lostOf(ctx, head);
  const versions: StoredVersion[] = chain.map((entry, at) => ({
    ...entry,
    base: null,
    current: false,
    since: chain[at - 1]?.counts,
    lost: lost.get(entry.id)?.lost ?? null,
    unreadable: lost.get(entry.id)?.unreadable ?? false,
    damaged: damageOf(ctx, head, entry.id).size,
  }));
  if (current !== null) {
    const damaged = damageOf(ctx, head, current.id).size;
    versions.push({
      ...current,
      base: null,
      current: true,
      since: chain.at(-1)?.counts,
      lost: null,
      unreadable: false,
      damaged,
    });
  }
  for (const edit of edits) {
    const base = versions.find(({ id }) => id === edit.base);
    const { lost = null, unreadable = false } = base ?? {};
    versions.push({ ...edit, current: false, since: undefined, lost, unreadable, damaged: 0 });
  }
  const newest = current === null ? 0 : current.facts.bytes + current.facts.metadataBytes;
  const recorded = [...chain, ...edits].reduce((sum, { counts }) => sum + counts.storedBytes, 0);
  const bytes = newest + Math.max(0, recorded - savedBytes(ctx));
  return { versions: inOrder(versions), bytes, pending: head.op?.t ?? null, folder: folderState(ctx, head) };
}

/** What lies in the folder first, then by their dates: the order of storage is another where an old backup was taken in. */
function inOrder(versions: readonly StoredVersion[]): StoredVersion[] {
  const shown = versions.filter(({ hidden }) => !hidden).reverse();
  return shown.sort((a, b) => Number(b.current) - Number(a.current) || b.date - a.date);
}

function folderState(ctx: StoreContext, head: Head): FolderState {
  if (head.op !== null || head.seal === null) return head.current === null ? 'as_left' : 'changing';
  const difference = compareSeals(head.seal, takeSeal(ctx));
  if (difference === 'none' || difference === 'numbers') return 'as_left';
  return difference === 'all' ? 'replaced' : 'touched';
}

/** Without these nobody can tell which file is which. */
const MANIFESTS: ReadonlySet<string> = new Set(['Manifest.plist', 'Manifest.db', 'Manifest.mbdb']);

interface Loss {
  readonly lost: LostFiles;
  readonly unreadable: boolean;
}

/** The versions that lack files: that of which they were overwritten, and the older ones whose lists do not name them. */
function lostOf(ctx: StoreContext, { chain }: Head): Map<string, Loss> {
  const found = new Map<string, Loss>();
  /** Lost further up, and not named by any list since. */
  const missing = new Map<string, number>();
  for (const entry of [...chain].reverse()) {
    const { lost } = entry.counts;
    if (lost === null && missing.size === 0) continue;
    for (const { p, k, at } of readChangeList(ctx.fs, listPath(ctx, entry), entry.listSha256)) {
      missing.delete(p);
      if (lost === null || k === 'absent') continue;
      if (!holdsContent(ctx, at ?? entry.id, p)) missing.set(p, lost.at);
    }
    if (missing.size === 0) continue;
    const at = Math.min(...new Set(missing.values()));
    const describing = [...missing.keys()].filter(isMetadata);
    const files = missing.size - describing.length;
    found.set(entry.id, { lost: { files, at }, unreadable: describing.some((path) => MANIFESTS.has(path)) });
  }
  return found;
}

/**
 * Damage of the current backup: files that it had are missing or hold other bytes, and what describes it (Status.plist, Manifest.*) is as ibk left it. So nobody made
 * a backup there; a person, a sync program or the disk took something away. What was found is adopted like any change (adopt.ts), as a version that is not
 * complete: the device sends everything with the next backup, which takes its place. Until then its list, beside the one before it, says what is damaged.
 */
import type { FileIdentity } from '../disk/file-identity.js';
import { listPath } from '../records/catalog-sync.js';
import { readChangeList } from '../records/change-list.js';
import type { StoreContext } from '../records/context.js';
import type { Head } from '../records/head-record.js';
import { DESCRIBING_NAMES } from '../records/names.js';

export type Damage = 'missing' | 'size' | 'content';

const DESCRIBING: ReadonlySet<string> = new Set(DESCRIBING_NAMES);

/** Undefined: as it was, or new, or under another time with no checksum to tell more. */
function damageOfFile(was: FileIdentity | null, is: FileIdentity | null): Damage | undefined {
  if (was === null) return undefined;
  if (is === null) return 'missing';
  if (is.size !== was.size) return 'size';
  return was.sha256 !== null && is.sha256 !== was.sha256 ? 'content' : undefined;
}

/** Goes through the changes that were found, and tells whether they are damage and nothing else. */
export class DamageTally {
  #files = 0;
  #described = true;

  add(path: string, was: FileIdentity | null, is: FileIdentity | null): void {
    if (DESCRIBING.has(path)) this.#described = false;
    else if (damageOfFile(was, is) !== undefined) this.#files += 1;
  }

  /** Damaged files; 0 where another program made a backup of its own. */
  get files(): number {
    return this.#described ? this.#files : 0;
  }
}

/** What is damaged of a version that was found so, by path; empty for every other. @throws IbkError `damaged`: its list cannot be read */
export function damageOf(
  ctx: StoreContext,
  { chain, current }: Pick<Head, 'chain' | 'current'>,
  version: string,
): ReadonlyMap<string, Damage> {
  const found = new Map<string, Damage>();
  const all = current === null ? chain : [...chain, current];
  const at = all.findIndex(({ id }) => id === version);
  const before = chain[at - 1];
  const { complete, origin } = all[at] ?? { complete: true, origin: 'ibk' };
  if (before === undefined || complete || origin !== 'foreign') return found;
  for (const { p, old, new: is } of readChangeList(ctx.fs, listPath(ctx, before), before.listSha256)) {
    if (DESCRIBING.has(p)) return new Map();
    const damage = damageOfFile(old, is);
    if (damage !== undefined) found.set(p, damage);
  }
  // Somebody went on with it.
  return new Map([...damageOf(ctx, { chain, current }, before.id), ...found]);
}

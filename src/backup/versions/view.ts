/** What the records of a store say at one generation, and which of them decides over a file of a version. */
import type { FileIdentity } from '../disk/file-identity.js';
import type { Catalog, CatalogLine } from '../records/catalog.js';
import type { Head } from '../records/head-record.js';

/** What the records say at one generation. */
export interface View {
  readonly head: Head;
  /** Holds the lines of all lists: the store's catalog, or one made from the lists for this time. */
  readonly lines: Catalog;
  /** The store's catalog, when it knows all that the folder should hold. Else `lines` knows what a list names. */
  readonly folder: Catalog | undefined;
  /** What a commit, an adoption or a promotion under way changes: by path, what the version holds that goes out of the folder, or comes back to it. */
  readonly pending: ReadonlyMap<string, PendingFile>;
}

export interface PendingFile {
  /** Null: nothing. */
  readonly old: FileIdentity | null;
  /** The version under which it lies while it is not in the folder. */
  readonly at: string | null;
}

export function isKept({ current, chain, edits }: Head, version: string): boolean {
  return [current, ...chain, ...edits].some((kept) => kept?.id === version);
}

/** The version of the chain that it is a copy of, or that it is. */
export const baseOf = ({ head }: View, version: string): string =>
  head.edits.find(({ id }) => id === version)?.base ?? version;

export function identityIn(view: View, version: string, path: string): FileIdentity | null | 'unknown' {
  const line = decidingLine(view, version, path);
  return line === undefined ? expectedInFolder(view, path) : line.old;
}

/** Of an edited copy its own list comes first, then what decides over its base. */
export function decidingLine(view: View, version: string, path: string): CatalogLine | undefined {
  const edit = view.head.edits.find(({ id }) => id === version);
  if (edit === undefined) return lineOfChain(view, version, path);
  const own = view.lines.version(version);
  if (own === undefined) throw new Error('a version has no lines');
  return view.lines.line(path, own.seq, own.seq) ?? lineOfChain(view, edit.base, path);
}

function lineOfChain(view: View, version: string, path: string): CatalogLine | undefined {
  const { lines, head } = view;
  const newest = head.chain.at(-1);
  if (version === head.current?.id || newest === undefined) return undefined;
  const [from, to] = [lines.version(version), lines.version(newest.id)];
  if (from === undefined || to === undefined) throw new Error('a version has no lines');
  return lines.line(path, from.seq, to.seq);
}

/** What the folder should hold at `path`: null for nothing, `unknown` where only the lists are there to tell. */
export function expectedInFolder(view: View, path: string): FileIdentity | null | 'unknown' {
  const changing = view.pending.get(path);
  if (changing !== undefined) return changing.old;
  const { head, folder, lines } = view;
  if (folder !== undefined && describesFolder(folder, head)) return folder.file(path) ?? null;
  return (folder === lines ? undefined : lines.file(path)) ?? 'unknown';
}

/** The state of the current version, or that which a running operation makes of it. */
export function describesFolder(catalog: Catalog, head: Head): boolean {
  const { op, current } = head;
  const next = op?.t === 'commit' || op?.t === 'adopt' ? op.next.id : op?.t === 'promote' ? op.out : undefined;
  const cur = catalog.current;
  return cur !== undefined && (cur === current?.id || cur === next);
}

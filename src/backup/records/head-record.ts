/**
 * The head record: what a store holds, which operation is under way. Its fields, and the check of what was read.
 *
 * On disk: two lines, one JSON object and the SHA-256 of that line in hex (head.ts).
 */
import { checkedVersionId, isDeltaName } from './layout.js';
import { array, bad, count, finite, newer, object, sha256, time } from './record-fields.js';

export const HEAD_FORMAT = 1;

export interface LostFiles {
  /** At most, and metadata too: forgetting the version between two such lists adds up what both name. */
  readonly files: number;
  /** When that happened, as far as is known: the date of the other program's backup, else when it was noticed. Milliseconds since 1970. */
  readonly at: number;
}

/** What a list holds: from an older version to the next newer one. */
export interface ChangeCounts {
  /** Lines, metadata and all. */
  readonly added: number;
  readonly replaced: number;
  readonly removed: number;
  /** Files of the device alone, which is what people are told; and by how many bytes those grew. */
  readonly payload: {
    readonly added: number;
    readonly replaced: number;
    readonly removed: number;
    readonly bytesGrown: number;
    /** Bytes of what was added, of what is there instead of what was replaced, and of what was removed. Missing in records of the first ibk. */
    readonly bytes?: { readonly added: number; readonly replaced: number; readonly removed: number };
  };
  readonly metadataGrown: number;
  /** Bytes that the older version keeps for itself. */
  readonly storedBytes: number;
  /** What another program overwrote or removed of the older version. */
  readonly lost: LostFiles | null;
}

/** What a version is and holds, as it was when it came into being. Unknown is null. */
export interface VersionFacts {
  readonly ios: string | null;
  readonly encrypted: boolean | null;
  /** Files of the device, their bytes, and those of what describes them (Manifest.db …). */
  readonly files: number;
  readonly bytes: number;
  readonly metadataBytes: number;
}

/** A version as people see it. */
export interface VersionRecord {
  readonly id: string;
  /** Milliseconds since 1970: Status.plist's date, else that of the commit. */
  readonly date: number;
  /** The device had finished. */
  readonly complete: boolean;
  /** `foreign`: found in the folder, or taken in from elsewhere, made by another program. `edit`: changed by a person. */
  readonly origin: 'ibk' | 'foreign' | 'edit';
  readonly pinned: boolean;
  readonly hidden: boolean;
  readonly tags: readonly string[];
  readonly note: string;
  /** From the start of the backup to the decision that put it in place, milliseconds. Null: no backup of this computer's ibk made it, or one that did not note it. */
  readonly tookMs: number | null;
  readonly facts: VersionFacts;
}

/** What a version is before anything else is known of it. */
export const UNDESCRIBED = {
  complete: true,
  origin: 'ibk',
  pinned: false,
  hidden: false,
  tags: [],
  note: '',
  tookMs: null,
} as const satisfies Partial<VersionRecord>;

/** An earlier version: what it differs in from the next newer one stands in its list. */
export interface ChainEntry extends VersionRecord {
  readonly delta: string;
  readonly listSha256: string;
  readonly counts: ChangeCounts;
}

/** A changed copy of a version: its list says what it differs in from `base`, which stays as long as the copy does. Never part of the chain. */
export interface EditEntry extends ChainEntry {
  readonly base: string;
}

interface ListedOperation {
  readonly list: string;
  readonly listSha256: string;
  readonly counts: ChangeCounts;
  /** The version that is current when the operation ends. */
  readonly next: VersionRecord;
}

/** An operation that has been decided, and that recovery completes (docs/store.md 4, 6, 7). */
export type Operation =
  | ({ readonly t: 'commit'; readonly out: string | null; readonly phase: 1 | 2 } & ListedOperation)
  | ({ readonly t: 'adopt'; readonly out: string; readonly retire?: RetireOperation } & ListedOperation)
  | { readonly t: 'rescan'; readonly retire?: RetireOperation }
  /** `out` was the newest and is forgotten: what the list of the version before it, the current one now, names is put back. */
  | {
      readonly t: 'promote';
      readonly out: string;
      readonly phase: 1 | 2;
      readonly list: string;
      readonly listSha256: string;
    }
  /** The only version is forgotten: the folder goes away. */
  | { readonly t: 'drop' }
  /** `v` is no longer in the chain: its list and what only that names go away. `u`'s superseded list `du` too. */
  | RetireOperation;

export type CommitOperation = Extract<Operation, { t: 'commit' }>;
export type AdoptOperation = Extract<Operation, { t: 'adopt' }>;
export type PromoteOperation = Extract<Operation, { t: 'promote' }>;
export interface RetireOperation {
  readonly t: 'rm';
  readonly v: string;
  readonly delta: string;
  readonly u: string | null;
  readonly du: string | null;
}

/** What of the backup folder tells at a glance that another program wrote into it (seal.ts). */
export interface Seal {
  /** mtime in microseconds of the folder (`''`) and of each folder in it. */
  readonly folders: Readonly<Record<string, number>>;
  /** size, mtime and inode of each metadata file. */
  readonly metadata: Readonly<Record<string, readonly [number, number, number]>>;
}

/** The content of the newest backup may not be on the disk yet (unsynced.ts). */
export interface Unsynced {
  /** The start of the computer that it was made in; empty where the system does not tell. */
  readonly boot: string;
}

export interface Head {
  readonly gen: number;
  readonly udid: string;
  readonly current: VersionRecord | null;
  /** Oldest first. */
  readonly chain: readonly ChainEntry[];
  readonly edits: readonly EditEntry[];
  readonly op: Operation | null;
  readonly seal: Seal | null;
  /** When the seal was taken, milliseconds since 1970. */
  readonly sealedAt: number;
  readonly unsynced: Unsynced | null;
}

/** @throws IbkError `incompatible` when a newer ibk wrote it, `damaged` when it holds what no ibk writes */
export function checkedHead(value: unknown, gen: number, udid: string): Head {
  const head = object(value, 'the head record');
  if (head['format'] !== HEAD_FORMAT) throw newer('the head record');
  if (head['udid'] !== udid || head['gen'] !== gen) throw bad('the head record is that of another store');
  const chain = array(head['chain'], 'chain').map(chainEntry);
  const edits = array(head['edits'], 'edits').map(editEntry);
  const current = head['current'] === null ? null : checkedVersion(head['current']);
  const ids = [...chain.map(({ id }) => id), ...(current === null ? [] : [current.id])];
  for (const { base } of edits) if (!ids.includes(base)) throw bad('an edited copy has no base');
  ids.push(...edits.map(({ id }) => id));
  const op = head['op'] === null ? null : operation(head['op']);
  const isListed = op?.t === 'commit' || op?.t === 'adopt';
  if (isListed) ids.push(op.next.id);
  if (new Set(ids).size !== ids.length) throw bad('the head record names a version twice');
  if (isListed && op.out !== (current?.id ?? null)) throw bad('the pending operation is not that of this state');
  if (op?.t === 'promote' && (current === null || ids.includes(op.out)))
    throw bad('the pending operation is not that of this state');
  if (op?.t === 'drop' && (current !== null || chain.length > 0))
    throw bad('the pending operation is not that of this state');
  return {
    gen,
    udid,
    current,
    chain,
    edits,
    op,
    seal: head['seal'] === null ? null : seal(head['seal']),
    sealedAt: time(head['sealedAt'], 'sealedAt'),
    unsynced: head['unsynced'] == null ? null : unsynced(head['unsynced']),
  };
}

function operation(value: unknown): Operation {
  const op = object(value, 'op');
  switch (op['t']) {
    case 'commit': {
      if (op['phase'] !== 1 && op['phase'] !== 2) throw newer('the pending operation');
      const out = op['out'] === null ? null : checkedVersionId(op['out'], 'op.out');
      return { t: 'commit', out, phase: op['phase'], ...listed(op) };
    }
    case 'adopt':
      return { t: 'adopt', out: checkedVersionId(op['out'], 'op.out'), ...listed(op), ...followed(op) };
    case 'rescan':
      return { t: 'rescan', ...followed(op) };
    case 'promote':
      if (op['phase'] !== 1 && op['phase'] !== 2) throw newer('the pending operation');
      return {
        t: 'promote',
        out: checkedVersionId(op['out'], 'op.out'),
        phase: op['phase'],
        list: delta(op['list']),
        listSha256: sha256(op['listSha256']),
      };
    case 'drop':
      return { t: 'drop' };
    case 'rm':
      return retireOperation(op);
    default:
      throw newer('the pending operation');
  }
}

function retireOperation(op: Record<string, unknown>): RetireOperation {
  if (op['t'] !== 'rm' || op['trash'] !== undefined) throw newer('the pending operation');
  return {
    t: 'rm',
    v: checkedVersionId(op['v'], 'op.v'),
    delta: delta(op['delta']),
    u: op['u'] === null ? null : checkedVersionId(op['u'], 'op.u'),
    du: op['du'] === null ? null : delta(op['du']),
  };
}

/** What comes after it. */
function followed(op: Record<string, unknown>): { readonly retire?: RetireOperation } {
  return op['retire'] === undefined ? {} : { retire: retireOperation(object(op['retire'], 'op.retire')) };
}

function listed(op: Record<string, unknown>): ListedOperation {
  return {
    list: delta(op['list']),
    listSha256: sha256(op['listSha256']),
    counts: changeCounts(op['counts']),
    next: checkedVersion(op['next']),
  };
}

function chainEntry(value: unknown): ChainEntry {
  const entry = object(value, 'a version');
  return {
    ...checkedVersion(value),
    delta: delta(entry['delta']),
    listSha256: sha256(entry['listSha256']),
    counts: changeCounts(entry['counts']),
  };
}

function editEntry(value: unknown): EditEntry {
  return { ...chainEntry(value), base: checkedVersionId(object(value, 'an edited copy')['base'], 'An edited copy') };
}

/** As it stands in a head and in version.json. @throws IbkError `damaged`, `incompatible` */
export function checkedVersion(value: unknown): VersionRecord {
  const entry = object(value, 'a version');
  const { complete, origin, pinned, hidden, note } = entry;
  if (typeof complete !== 'boolean' || typeof pinned !== 'boolean' || typeof hidden !== 'boolean')
    throw bad('a version lacks a flag');
  if (origin !== 'ibk' && origin !== 'foreign' && origin !== 'edit') throw newer('a version');
  const tags = array(entry['tags'], 'tags').map((tag) => {
    if (typeof tag !== 'string') throw bad('a tag is not text');
    return tag;
  });
  if (typeof note !== 'string') throw bad('a note is not text');
  const id = checkedVersionId(entry['id'], 'A version of the head record');
  const date = time(entry['date'], 'date');
  // The first ibk did not note it.
  const tookMs = entry['tookMs'] == null ? null : count(entry['tookMs'], 'tookMs');
  return { id, date, complete, origin, pinned, hidden, tags, note, tookMs, facts: versionFacts(entry['facts']) };
}

function versionFacts(value: unknown): VersionFacts {
  const facts = object(value, 'facts');
  const { ios, encrypted } = facts;
  if (ios !== null && typeof ios !== 'string') throw bad('the iOS of a version is not text');
  if (encrypted !== null && typeof encrypted !== 'boolean') throw bad('a version lacks a flag');
  return {
    ios,
    encrypted,
    files: count(facts['files'], 'files'),
    bytes: count(facts['bytes'], 'bytes'),
    metadataBytes: count(facts['metadataBytes'], 'metadataBytes'),
  };
}

function unsynced(value: unknown): Unsynced {
  const { boot } = object(value, 'unsynced');
  if (typeof boot !== 'string') throw bad('the start of the computer is not text');
  return { boot };
}

function seal(value: unknown): Seal {
  const record = object(value, 'seal');
  const folders: Record<string, number> = Object.create(null);
  const metadata: Record<string, readonly [number, number, number]> = Object.create(null);
  for (const [name, mtime] of Object.entries(object(record['folders'], 'seal.folders')))
    folders[name] = finite(mtime, 'seal');
  for (const [name, facts] of Object.entries(object(record['metadata'], 'seal.metadata'))) {
    const [size, mtime, inode] = array(facts, 'seal').map((fact) => finite(fact, 'seal'));
    if (size === undefined || mtime === undefined || inode === undefined) throw bad('the seal lacks a number');
    metadata[name] = [size, mtime, inode];
  }
  return { folders, metadata };
}

function changeCounts(value: unknown): ChangeCounts {
  const counts = object(value, 'counts');
  const payload = object(counts['payload'], 'counts.payload');
  return {
    added: count(counts['added'], 'added'),
    replaced: count(counts['replaced'], 'replaced'),
    removed: count(counts['removed'], 'removed'),
    payload: {
      added: count(payload['added'], 'added'),
      replaced: count(payload['replaced'], 'replaced'),
      removed: count(payload['removed'], 'removed'),
      bytesGrown: count(payload['bytesGrown'], 'bytesGrown'),
      ...(payload['bytes'] === undefined ? {} : { bytes: changedBytes(payload['bytes']) }),
    },
    metadataGrown: count(counts['metadataGrown'], 'metadataGrown'),
    storedBytes: count(counts['storedBytes'], 'storedBytes'),
    lost: counts['lost'] === null ? null : lostFiles(counts['lost']),
  };
}

function changedBytes(value: unknown): { added: number; replaced: number; removed: number } {
  const bytes = object(value, 'counts.payload.bytes');
  return {
    added: count(bytes['added'], 'added'),
    replaced: count(bytes['replaced'], 'replaced'),
    removed: count(bytes['removed'], 'removed'),
  };
}

function lostFiles(value: unknown): LostFiles {
  const lost = object(value, 'lost');
  return { files: count(lost['files'], 'lost'), at: time(lost['at'], 'lost') };
}

function delta(value: unknown): string {
  if (typeof value !== 'string' || !isDeltaName(value)) throw bad('a list has a wrong name');
  return value;
}

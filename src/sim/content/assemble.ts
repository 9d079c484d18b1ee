/** Turns plans into items: numbers, dates and the directories above every file, all following from the seed. */
import type { ContentItem, ContentSource, FileItem } from './item.js';
import { seededBytes } from './random.js';
import type { FilePlan, LinkPlan } from './seeded.js';

/** Dates of a fresh phone lie in the two years before this moment (14 November 2023, Unix seconds). */
const FIRST_DAY = 1_700_000_000;
const TWO_YEARS = 63_072_000;

const HEADS: Readonly<Record<string, Buffer>> = {
  JPG: Buffer.from('ffd8ffe000104a46494600010100000100010000', 'hex'),
  MOV: Buffer.from('00000014667479707174202000000000717420200000000877696465', 'hex'),
  HEIC: Buffer.from('00000018667479706865696300000000686569636d696631', 'hex'),
};

export function itemKey(item: { readonly domain: string; readonly relativePath: string }): string {
  return `${item.domain}/${item.relativePath}`;
}

/** First bytes of a noise file, by the ending of its name, so that photos look like photos. */
export function headFor(relativePath: string): Buffer {
  return HEADS[relativePath.slice(relativePath.lastIndexOf('.') + 1).toUpperCase()] ?? Buffer.alloc(0);
}

/** A file of a phone that nothing has happened to yet. */
export function freshFile(seed: number, plan: FilePlan, inode: number): FileItem {
  const key = itemKey(plan);
  const facts = seededBytes(`${seed}/${key}`, 16);
  const modified = FIRST_DAY - (facts.readUInt32LE(0) % TWO_YEARS);
  const id = `${seed}/${key}`;
  const source: ContentSource =
    plan.make === undefined
      ? { kind: 'noise', id, revision: '0', head: headFor(plan.relativePath) }
      : { kind: 'made', id, revision: '0', bytes: plan.make(id, 0) };
  return {
    kind: 'file',
    domain: plan.domain,
    relativePath: plan.relativePath,
    mode: 0o100000 | (plan.permissions ?? 0o644),
    userId: 501,
    groupId: 501,
    inode,
    modified,
    changed: modified + (facts.readUInt8(4) % 4),
    born: modified - (facts.readUInt32LE(5) % 86_400),
    protectionClass: plan.protectionClass ?? 3,
    extendedAttributes: plan.extendedAttributes,
    sizeBytes: source.kind === 'made' ? source.bytes.length : (plan.sizeBytes ?? 0),
    source,
  };
}

export function freshLink(seed: number, plan: LinkPlan, inode: number): ContentItem {
  const modified = FIRST_DAY - (seededBytes(`${seed}/${itemKey(plan)}`, 4).readUInt32LE(0) % TWO_YEARS);
  const dates = { modified, changed: modified, born: modified };
  const owner = { userId: 501, groupId: 501, inode, extendedAttributes: undefined };
  return { kind: 'symlink', ...plan, ...owner, ...dates, mode: 0o120755, protectionClass: 0 };
}

/** The directories above `item`, nearest last, from the root of its domain (relative path "") down. */
export function ancestorPaths(relativePath: string): string[] {
  const parts = relativePath.split('/');
  return parts.map((_, i) => parts.slice(0, i).join('/'));
}

/** A directory that follows from its path: the same whichever file needed it first. */
export function directoryItem(seed: number, domain: string, relativePath: string): ContentItem {
  const facts = seededBytes(`${seed}/${domain}/${relativePath}/`, 16);
  const modified = FIRST_DAY - TWO_YEARS - (facts.readUInt32LE(0) % TWO_YEARS);
  return {
    kind: 'directory',
    domain,
    relativePath,
    mode: 0o040000 | (facts.readUInt8(4) % 8 === 0 ? 0o700 : 0o755),
    userId: 501,
    groupId: 501,
    inode: 0x4000_0000 + facts.readUIntBE(5, 3),
    modified,
    changed: modified,
    born: modified,
    protectionClass: 0,
    extendedAttributes: undefined,
  };
}

/** Adds the directories that are missing and sorts: domains together, parents before children. */
export function completeTree(seed: number, items: Iterable<ContentItem>): ContentItem[] {
  const all = new Map<string, ContentItem>();
  for (const item of items) all.set(itemKey(item), item);
  for (const item of [...all.values()]) {
    for (const path of item.relativePath === '' ? [] : ancestorPaths(item.relativePath)) {
      const key = `${item.domain}/${path}`;
      if (!all.has(key)) all.set(key, directoryItem(seed, item.domain, path));
    }
  }
  return [...all.values()].sort(
    (a, b) => compareText(a.domain, b.domain) || compareText(a.relativePath, b.relativePath),
  );
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** What happens to a phone between two backups: files come, change, go and are renamed, all following from seed and number. */
import { freshFile, headFor, itemKey } from './assemble.js';
import type { ContentItem, FileItem } from './item.js';
import { makeSmsDatabase } from './made-files.js';
import { SeededRandom } from './random.js';

export interface Mutation {
  readonly add: number;
  readonly change: number;
  readonly remove: number;
  readonly rename: number;
}

/** What a mutation did, as `domain/relativePath`; a rename as [old, new]. */
export interface MutationReport {
  readonly added: readonly string[];
  readonly changed: readonly string[];
  readonly removed: readonly string[];
  readonly renamed: readonly (readonly [from: string, to: string])[];
}

/** The first mutation happens at this moment (Unix seconds), each further one a day later. */
const FIRST_MUTATION = 1_760_000_000;
const DAY = 86_400;

/**
 * Applies mutation `number` (from 1) to `items` (by key). Picks without repetition among the regular files; does less where there are
 * too few. The message database, where there is one, is always the first file to change, as on a phone in use.
 */
export function applyMutation(
  items: Map<string, ContentItem>,
  seed: number,
  number: number,
  mutation: Mutation,
): MutationReport {
  const random = new SeededRandom(`mutation/${seed}/${number}`);
  const now = FIRST_MUTATION + number * DAY;
  const free = [...items.values()]
    .filter((item): item is FileItem => item.kind === 'file')
    .map(itemKey)
    .sort();
  const take = (): FileItem | undefined => {
    const at = random.below(free.length);
    const key = free[at];
    const last = free.pop();
    if (key === undefined || last === undefined) return undefined;
    if (key !== last) free[at] = last;
    const item = items.get(key);
    return item?.kind === 'file' ? item : undefined;
  };
  const changed: string[] = [];
  const messages = items.get('HomeDomain/Library/SMS/sms.db');
  if (mutation.change > 0 && messages?.kind === 'file') {
    free.splice(free.indexOf(itemKey(messages)), 1);
    change(items, messages, number, now, random);
    changed.push(itemKey(messages));
  }
  while (changed.length < mutation.change) {
    const file = take();
    if (file === undefined) break;
    change(items, file, number, now + changed.length, random);
    changed.push(itemKey(file));
  }
  const removed: string[] = [];
  while (removed.length < mutation.remove) {
    const file = take();
    if (file === undefined) break;
    items.delete(itemKey(file));
    removed.push(itemKey(file));
  }
  const renamed: [string, string][] = [];
  while (renamed.length < mutation.rename) {
    const file = take();
    if (file === undefined) break;
    const moved: FileItem = { ...file, relativePath: newName(file.relativePath, number), changed: now };
    items.delete(itemKey(file));
    items.set(itemKey(moved), moved);
    renamed.push([itemKey(file), itemKey(moved)]);
  }
  const added: string[] = [];
  for (let i = 0; i < mutation.add; i += 1) {
    const file = newFile(seed, number, i, now, random);
    items.set(itemKey(file), file);
    added.push(itemKey(file));
  }
  return { added, changed, removed, renamed };
}

function change(items: Map<string, ContentItem>, file: FileItem, number: number, now: number, random: SeededRandom) {
  const revision = String(number);
  const { id } = file.source;
  const facts = { ...file, modified: now, changed: now + 1 };
  if (itemKey(file) === 'HomeDomain/Library/SMS/sms.db') {
    const bytes = makeSmsDatabase(id, number);
    items.set(itemKey(file), { ...facts, sizeBytes: bytes.length, source: { kind: 'made', id, revision, bytes } });
    return;
  }
  // A quarter smaller to a quarter larger, sometimes of the same size; never empty, or nothing would have changed.
  const factor = random.below(4) === 0 ? 1 : 0.75 + random.unit() / 2;
  const sizeBytes = Math.max(1, Math.round(file.sizeBytes * factor));
  items.set(itemKey(file), {
    ...facts,
    sizeBytes,
    source: { kind: 'noise', id, revision, head: headFor(file.relativePath) },
  });
}

function newName(relativePath: string, number: number): string {
  const dot = relativePath.lastIndexOf('.');
  const at = dot > relativePath.lastIndexOf('/') + 1 ? dot : relativePath.length;
  return `${relativePath.slice(0, at)}~${number}${relativePath.slice(at)}`;
}

function newFile(seed: number, number: number, index: number, now: number, random: SeededRandom): FileItem {
  const photo = index % 2 === 0;
  const plan = photo
    ? { domain: 'CameraRollDomain', relativePath: `Media/DCIM/900APPLE/IMG_${number}_${index}.JPG` }
    : { domain: 'AppDomain-com.example.notes', relativePath: `Documents/New/note ${number}-${index}.bin` };
  const sizeBytes = index % 5 === 4 ? 0 : 100 + random.below(photo ? 60_000 : 4_000);
  const file = freshFile(seed, { ...plan, sizeBytes }, 0x2000_0000 + number * 0x1_0000 + index);
  return { ...file, modified: now, changed: now, born: now };
}

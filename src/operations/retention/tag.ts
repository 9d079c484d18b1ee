/** Tags, notes and pins: what people know a version by. */
import { onDisk } from '../../backup/disk/disk-errors.js';
import { BackupStore } from '../../backup/store.js';
import { shortIdOf } from '../../backup/records/version-id.js';
import { IbkError } from '../../errors.js';
import type { ChosenBackup } from '../choose-backups.js';

export interface TagChange {
  readonly add: readonly string[];
  readonly remove: readonly string[];
  readonly note?: string | undefined;
  readonly pinned?: boolean | undefined;
}

export interface TaggedVersion {
  readonly udid: string;
  readonly name: string;
  readonly version: string;
  readonly madeAt: Date | null;
  readonly pinned: boolean;
  readonly tags: readonly string[];
  readonly note: string;
}

const MOST_TAGS = 50;
const MOST_NOTE = 500;

/** A tag as it is kept: `#pre-26.1` and `pre-26.1` are one. @throws IbkError `usage` */
export function checkedTag(text: string): string {
  const tag = text.trim().replace(/^#/, '').normalize('NFC');
  if (/^[\p{L}\p{N}][\p{L}\p{N}._+-]{0,39}$/u.test(tag)) return tag;
  throw new IbkError('usage', `"${text}" is no tag.`, {
    hint: 'Letters, digits and . _ + -, at most 40, such as pre-26.1',
  });
}

/** @throws IbkError `usage`, `in_use`, `damaged`, `destination` */
export async function tagVersion(
  root: string,
  { backup, version }: ChosenBackup,
  change: TagChange,
  signal?: AbortSignal,
): Promise<TaggedVersion> {
  const { id } = version;
  const { udid, name } = backup;
  if (id === null)
    throw new IbkError('usage', 'Only what lies under a backup root and was taken in by ibk has tags.', {
      hint: 'ibk backup takes it in as a version.',
    });
  const add = change.add.map(checkedTag);
  const remove = new Set(change.remove.map((tag) => tag.trim().replace(/^#/, '').normalize('NFC')));
  const tags = [...new Set([...version.tags, ...add])].filter((tag) => !remove.has(tag));
  if (tags.length > MOST_TAGS) throw new IbkError('usage', `A version has at most ${MOST_TAGS} tags.`);
  const { note = version.note, pinned = version.pinned } = change;
  if (note.length > MOST_NOTE) throw new IbkError('usage', `A note has at most ${MOST_NOTE} characters.`);
  const isChanged = note !== version.note || pinned !== version.pinned || tags.join('\n') !== version.tags.join('\n');
  if (isChanged)
    await onDisk(async () => {
      using lease = await new BackupStore(root, udid).lease({ command: 'tag', signal });
      await lease.describe(id, { tags, note, pinned });
    });
  return { udid, name, version: shortIdOf(id), madeAt: version.madeAt, pinned, tags, note };
}

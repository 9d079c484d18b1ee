/** `ibk unlock`: who holds the lock of a backup, in words. */
import { formatAgo, formatDate } from '../figures.js';
import type { ListedLock } from '../operations/results.js';
import { hanging } from './errors.js';
import type { Screen } from './terminal.js';
import { printable } from './text.js';

export const NOTHING_LOCKED =
  'Nothing is locked. A lock on a disk of this computer ends with its process: none can be left behind.';

export function lockLines(lock: ListedLock, screen: Screen, nowMs: number): string[] {
  const width = screen.width();
  const lines = hanging(screen.glyphs.attention, headline(lock), width).map((line) => screen.style.attention(line));
  return [...lines, ...hanging('', meaning(lock, nowMs), width)];
}

function headline({ name, host, pid, since, state }: ListedLock): string {
  const process = pid === null ? 'an ibk' : `process ${pid}`;
  const when = since === null ? '' : `, since ${formatDate(since)}`;
  const who =
    state === 'elsewhere'
      ? `${process} on host ${printable(host ?? '?')}`
      : `${process} on this computer, which has ended`;
  return `The backup of ${printable(name)} is locked by ${who}${when}.`;
}

function meaning({ state, renewedAt }: ListedLock, nowMs: number): string {
  if (state === 'left_behind') return 'The next backup removes that by itself.';
  const sign = renewedAt === null ? '' : ` Its last sign of life was ${formatAgo(renewedAt, nowMs)}.`;
  return `Nobody here can tell whether it still runs there; while it does, it renews its lock every 20 s.${sign}`;
}

export function unlockQuestion({ name, state, host }: ListedLock): string {
  if (state === 'left_behind') return `Remove the lock of ${printable(name)}?`;
  return `Break the lock of ${printable(name)}? If ibk still runs on ${printable(host ?? 'that computer')}, its backup fails.`;
}

export function unlockedWords({ name }: ListedLock): string {
  return `The backup of ${printable(name)} is no longer locked. Next: ibk backup`;
}

/** The errors of a backup in words: who stopped it, who holds it. */
import { expect, test } from 'vitest';
import { IbkError } from '../../src/errors.js';
import { formatDate } from '../../src/figures.js';
import { type Circumstances, explainFailure } from '../../src/operations/backup-words.js';

const now: Circumstances = {
  noun: 'iPad',
  name: 'iPad mini 📚',
  nowMs: Date.parse('2026-11-21T12:00:00Z'),
  link: 'usb',
  phase: 'receive',
  percent: 62,
  bytes: 25_600_000_000,
  elapsedSeconds: 140,
  stallMs: 900_000,
  earlier: { kind: 'none' },
};
const told = (error: IbkError) => explainFailure(error, now) as IbkError;

test('a stop names its cause', () => {
  expect(told(new IbkError('interrupted', 'Stopped by you.')).message).toBe(
    'Stopped by you while receiving, after 2 min 20 s.',
  );
  expect(told(new IbkError('terminated', 'Stopped by SIGHUP (the terminal was closed).')).message).toBe(
    'Stopped by SIGHUP (the terminal was closed) while receiving, after 2 min 20 s.',
  );
});

test('a lock names its holder in local time, and says nothing of a backup that the other is writing', () => {
  const since = new Date(Date.UTC(2026, 10, 21, 7, 2, 19));
  const details = { host: 'attic', pid: 4127, since: since.toISOString() };
  expect(
    told(new IbkError('in_use', 'Another ibk is writing to the backup of this device.', { details })),
  ).toMatchObject({
    message: 'Another ibk is writing to the backup of iPad mini 📚.',
    meaning: `It runs on host attic, process 4127, since ${formatDate(since).slice(11)}. Nothing was changed.`,
    hint: 'Wait for it, then run the same line again.',
  });
  const unknown = new IbkError('in_use', 'x', { meaning: 'Nothing was changed.', details: { host: null } });
  expect(told(unknown).meaning).toBe('Nothing was changed.');
});

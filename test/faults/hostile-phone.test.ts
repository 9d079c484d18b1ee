/** ibk against a phone that names paths it must not follow, sends what cannot be read, or asks for odd things. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { IbkError } from '../../src/errors.js';
import type { OperationEvent } from '../../src/events.js';
import { startSimulator } from '../../src/sim/index.js';
import { readBackup } from '../support/backup-reader.js';
import { temporaryRoot, tryBackup } from '../support/ibk-backup.js';

const NEIGHBOUR = '00000000-0000000000000000';

/** Through muxer, trust and TLS; every path in every message: hostile-paths.test.ts. */
const ATTACKS = ['parent:upload', 'absolute:download', 'other-device:remove', 'ibk-folder:move-from', 'nul:copy-to'];

test.concurrent.each(ATTACKS)('attack=%s is refused, and nothing outside is touched', async (attack) => {
  await using folder = await temporaryRoot();
  await using sim = await startSimulator({
    scenarios: [`attack=${attack}`, 'paired'],
    ios: ['12'],
    files: 5,
    bytes: 5000,
  });
  const root = join(folder.path, 'root');
  mkdirSync(join(root, NEIGHBOUR), { recursive: true });
  writeFileSync(join(root, NEIGHBOUR, 'Status.plist'), 'of another phone');
  writeFileSync(join(folder.path, 'escaped.txt'), 'outside');
  const error = await tryBackup({ listen: sim.listen, root }).catch((reason: unknown) => reason);
  expect(sim.violations).toEqual([]);
  expect(error).toBeInstanceOf(IbkError);
  expect(error).toMatchObject({ code: 'unsafe', exit: 16 });
  expect(readdirSync(folder.path).sort()).toEqual(['escaped.txt', 'root']);
  expect(readFileSync(join(folder.path, 'escaped.txt'), 'utf8')).toBe('outside');
  expect(readdirSync(join(root, NEIGHBOUR))).toEqual(['Status.plist']);
  expect(readFileSync(join(root, NEIGHBOUR, 'Status.plist'), 'utf8')).toBe('of another phone');
});

test.concurrent.each(['length', 'garbage', 'not-array', 'no-name', 'cyclic', 'huge-array', 'deep'])(
  'bad-message=%s: an error of the device, not a bug of ours',
  async (how) => {
    await using folder = await temporaryRoot();
    await using sim = await startSimulator({
      scenarios: [`bad-message=${how}`, 'paired'],
      ios: ['12'],
      files: 5,
      bytes: 5000,
    });
    const error = await tryBackup({ listen: sim.listen, root: folder.path }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'device_error' });
  },
);

test('everything odd that is allowed, in one backup', async () => {
  const moves = [
    'existing-file',
    'existing-directory',
    'full-directory',
    'directory',
    'missing-parent',
    'missing-source',
  ];
  const scenarios = [
    ...moves.map((how) => `move=${how}`),
    ...['remove=missing', 'remove=deep', 'copy=file', 'copy=directory'],
    ...['zero-file-batch', 'empty-download', 'missing-among-many', 'unknown-message', 'ping', 'endless-listing=50'],
    ...[
      'progress=missing',
      'read-state-at-once',
      'status-in-root',
      'data-frame=7',
      'chunk=13',
      'manifest-bytes=1M',
      'paired',
    ],
  ];
  await using folder = await temporaryRoot();
  await using sim = await startSimulator({ scenarios, ios: ['17'], files: 80, bytes: 100_000 });
  const events: OperationEvent[] = [];
  await tryBackup({ listen: sim.listen, root: folder.path }, events);
  expect(sim.violations).toEqual([]);
  const [phone] = sim.phones;
  const read = readBackup(join(folder.path, phone?.udid ?? ''));
  expect(read.problems).toEqual([]);
  expect(read.tree).toEqual({ ...(await phone?.content.tree(false)) });
  expect(events.filter((event) => event.type === 'warning').map(({ reason }) => reason)).toContain('unknown_message');
});

/** A trace of a whole backup, played again: ibk sends the same messages. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { systemClock } from '../../src/io/clock.js';
import { type SimulatorOptions, startSimulator } from '../../src/sim/index.js';
import { openTraceFile } from '../../src/trace/recorder.js';
import { temporaryRoot as temporary, tryBackup } from '../support/ibk-backup.js';

interface Line {
  readonly connection: number;
  readonly layer: string;
  readonly event: string;
  readonly direction?: string;
  readonly name?: string;
  readonly shape?: unknown;
  readonly numbers?: unknown;
  readonly bytes?: number;
  readonly code?: number;
}

function lines(path: string): Line[] {
  return readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .slice(1)
    .map((line) => JSON.parse(line));
}

/**
 * What ibk sent, connection by connection, the connections of a layer in the order in which they were opened. Names and shapes are kept;
 * a token is told by the order in which it first appears, since the traces hash with different keys. Left out: sizes and free space, which
 * belong to the disk and to fresh certificates.
 */
function sentMessages(path: string): Record<string, string[][]> {
  const all = lines(path);
  const seen = new Map<string, number>();
  const mask = (value: unknown): unknown => {
    if (typeof value === 'string') {
      if (!seen.has(value)) seen.set(value, seen.size);
      return `#${seen.get(value)}`;
    }
    if (typeof value === 'number') return Math.abs(value) > 0xffff ? 'large' : value;
    if (Array.isArray(value)) return value.map(mask);
    if (typeof value !== 'object' || value === null) return value;
    const special = '$' in value ? (value as { $: string }).$ : undefined;
    if (special !== undefined) return `<${special}>`;
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [mask(key), mask(one)]));
  };
  const result: Record<string, string[][]> = {};
  for (const { connection, layer } of all.filter(({ event }) => event === 'open')) {
    const sent = all.filter((line) => line.connection === connection && line.direction === 'sent');
    const told = sent.map(({ event, name, shape, numbers, code }) =>
      JSON.stringify([event, name, mask(shape), numbers, code]),
    );
    result[layer] = [...(result[layer] ?? []), told];
  }
  return result;
}

async function record(options: SimulatorOptions, folder: string, runs = 1): Promise<string> {
  await using sim = await startSimulator({ files: 25, bytes: 300_000, ...options });
  let path = '';
  for (let run = 1; run <= runs; run++) {
    path = join(folder, `recorded-${run}.ndjson`);
    const trace = await openTraceFile(path, systemClock);
    await tryBackup({ listen: sim.listen, root: join(folder, 'recorded'), trace }).catch(() => undefined);
    await trace.close();
    await sim.phones[0]?.content.mutate({ add: 2, change: 1, remove: 1, rename: 0 });
  }
  expect(sim.violations).toEqual([]);
  return path;
}

async function replay(recorded: string, folder: string) {
  await using sim = await startSimulator({ replayTrace: recorded });
  const path = join(folder, 'replayed.ndjson');
  const trace = await openTraceFile(path, systemClock);
  const outcome = await tryBackup({ listen: sim.listen, root: join(folder, 'replayed'), trace }).then(
    ({ summary }) => summary.code,
    (error: { code: string }) => error.code,
  );
  await trace.close();
  return { path, outcome, divergences: sim.phones[0]?.replay?.divergences, violations: sim.violations };
}

const cases: [string, SimulatorOptions, string][] = [
  ['iOS 17, pairing first', { ios: ['17'], scenarios: ['trust-pending=0'] }, 'ok'],
  ['iOS 9, trusted already', { ios: ['9'], scenarios: ['paired'] }, 'ok'],
  ['iOS 26, encrypted', { ios: ['26'], scenarios: ['paired', 'afc-busy=2'], encryption: { password: 'a' } }, 'ok'],
  ['forgotten', { ios: ['15'], scenarios: ['paired', 'revoked', 'trust-pending=0'] }, 'not_paired'],
  ['locked', { ios: ['17'], scenarios: ['paired', 'service-error=PasswordProtected'] }, 'device_locked'],
  // The stand-in for the manifest names no file, so a file that failed is no gap in the backup.
  ['a file that fails', { ios: ['17'], scenarios: ['paired', 'file-error=data:2'] }, 'ok'],
  ['out of space', { ios: ['17'], scenarios: ['paired', 'low-space'] }, 'destination'],
  ['cable pulled', { ios: ['17'], scenarios: ['paired', 'cut=receive'] }, 'connection_lost'],
];

test.each(cases)('%s', async (_title, options, expected) => {
  await using folder = await temporary();
  const recorded = await record(options, folder.path);
  const played = await replay(recorded, folder.path);
  expect(played.violations).toEqual([]);
  expect(played.divergences).toEqual([]);
  expect(played.outcome).toBe(expected);
  expect(sentMessages(played.path)).toEqual(sentMessages(recorded));
});

test('what is no trace is refused', async () => {
  await using folder = await temporary();
  const refuse = (text: string) => {
    const path = join(folder.path, 'trace');
    writeFileSync(path, text);
    return expect(startSimulator({ replayTrace: path })).rejects.toMatchObject({ code: 'usage' });
  };
  await refuse('');
  await refuse('nonsense\n');
  await refuse('{"v":1,"type":"trace"}\n');
  await refuse('{"v":1,"type":"trace"}\n{"connection":-1}\n');
  await refuse('{"v":1,"type":"trace"}\n[]\n');
  await expect(startSimulator({ replayTrace: join(folder.path, 'none') })).rejects.toMatchObject({ code: 'usage' });
});

test('an incremental backup replayed to a computer without the earlier one: the differences are told', async () => {
  await using folder = await temporary();
  const recorded = await record({ ios: ['17'], scenarios: ['paired'] }, folder.path, 2);
  const { divergences, violations } = await replay(recorded, folder.path);
  expect(violations).toEqual([]);
  expect(divergences?.[0]).toContain('DLMessageStatusResponse -13');
});

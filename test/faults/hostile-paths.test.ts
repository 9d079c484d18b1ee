/** Every hostile path in every message that carries one, against a store on a disk that holds a good backup. */
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { IbkError } from '../../src/errors.js';
import { ScenarioSet } from '../../src/sim/scenario.js';
import {
  ATTACK_MESSAGES,
  ATTACK_PATHS,
  type AttackMessage,
  type AttackPath,
  ESCAPING_PATHS,
  ODD_PATHS,
} from '../../src/sim/scenarios/backup.js';
import { StoreBench } from '../support/store-bench.js';
import { IS_WHOLE } from '../support/phone-kinds.js';

const GOOD = /^(?:[0-9a-f]{2}(?:\/[0-9a-f]{40})?|(?:Info|Manifest|Status)\.plist|Manifest\.db)$/;

/** In turn, so that each path comes in a few messages and each message carries many paths; all of them with IBK_TEST_ALL=1. */
function messagesFor(path: AttackPath): readonly AttackMessage[] {
  if (IS_WHOLE) return ATTACK_MESSAGES;
  const at = ATTACK_PATHS.indexOf(path);
  return ATTACK_MESSAGES.filter((_message, index) => (index + at) % 6 === 0);
}

async function withGoodBackup(work: (bench: StoreBench) => Promise<void>): Promise<void> {
  using bench = new StoreBench();
  const version = await bench.backup();
  symlinkSync(join(bench.place, 'outside'), join(bench.root, bench.udid, 'planted'));
  const outside = bench.outside();
  await work(bench);
  expect(bench.outside()).toEqual(outside);
  expect(bench.bench.violations).toEqual([]);
  // However often it was attacked: each file of each backup is where a reader finds it, with its checksum.
  const versions = bench.store.versions().map(({ id }) => id);
  expect(versions).toContain(version);
  for (const id of versions) {
    expect(await bench.store.verify(id, { readData: true })).toMatchObject({ problems: [], withoutChecksum: 0 });
  }
}

/** @returns what ended the run; undefined: nothing did, and it was committed */
async function attacked(bench: StoreBench, ...attacks: readonly string[]): Promise<unknown> {
  bench.bench.phone.scenarios = ScenarioSet.parse(attacks.map((attack) => `attack=${attack}`));
  return bench.backup({ full: true }).then(
    () => undefined,
    (error: unknown) => error,
  );
}

test.each([...ESCAPING_PATHS, 'planted-link'] as const)(
  'a path that leaves the folder (%s) ends the run in whatever message it comes',
  (path) =>
    withGoodBackup(async (bench) => {
      const before = bench.folder();
      for (const message of messagesFor(path)) {
        const error = await attacked(bench, `${path}:${message}`);
        expect(error, message).toBeInstanceOf(IbkError);
        // An upload without a name is no stream of files any more.
        const code = path === 'empty' && message === 'upload' ? 'device_error' : 'unsafe';
        expect(error, message).toMatchObject({ code, exit: code === 'unsafe' ? 16 : 25 });
        expect(bench.folder(), message).toEqual(before);
      }
      expect(bench.store.versions()).toHaveLength(1);
    }),
);

test.each(ODD_PATHS.filter((path) => path !== 'planted-link' && path !== 'surrogate'))(
  'an odd name (%s) leads nowhere, and does no harm to the backup',
  (path) =>
    withGoodBackup(async (bench) => {
      const error = await attacked(bench, ...ATTACK_MESSAGES.map((message) => `${path}:${message}`));
      expect(error).toBeUndefined();
      const names = Object.keys(bench.folder()).filter((name) => !GOOD.test(name));
      expect(names).toEqual(['planted']);
    }),
);

test('half a surrogate pair is no name: the run ends', () =>
  withGoodBackup(async (bench) => {
    for (const message of ATTACK_MESSAGES.filter((name) => !['upload', 'download'].includes(name))) {
      expect(await attacked(bench, `surrogate:${message}`), message).toMatchObject({ code: 'device_error', exit: 25 });
    }
  }));

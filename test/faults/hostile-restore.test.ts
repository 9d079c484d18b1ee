/** A hostile phone during a restore: it asks for what is not its backup, in every message that carries a path, and gets nothing; nothing on the disk changes. */
import { rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { versionSource } from '../../src/backup/reader/backup-source.js';
import { IbkError } from '../../src/errors.js';
import { systemClock } from '../../src/io/clock.js';
import { RestoreHost } from '../../src/operations/restore/host.js';
import { RestoreScratch } from '../../src/operations/restore/scratch.js';
import { RestoreView } from '../../src/operations/restore/view.js';
import { connectionOf } from '../../src/protocol/connection.js';
import { MobileBackup2 } from '../../src/protocol/mobilebackup2/client.js';
import type { FinalAnswer } from '../../src/protocol/mobilebackup2/errors.js';
import { serveMobileBackup2 } from '../../src/sim/mobilebackup2d/serve.js';
import { ScenarioSet } from '../../src/sim/scenario.js';
import {
  ATTACK_MESSAGES,
  ATTACK_PATHS,
  type AttackPath,
  ESCAPING_PATHS,
  ODD_PATHS,
} from '../../src/sim/scenarios/backup.js';
import { socketPair } from '../support/phone-bench.js';
import { StoreBench } from '../support/store-bench.js';
import { treeHash } from '../support/tree-hash.js';
import { IS_WHOLE } from '../support/phone-kinds.js';

/** Each path comes in two or three messages, and each message carries many paths; all of them with IBK_TEST_ALL=1. */
function messagesFor(path: AttackPath) {
  if (IS_WHOLE) return ATTACK_MESSAGES;
  const at = ATTACK_PATHS.indexOf(path);
  return ATTACK_MESSAGES.filter((_message, index) => (index + at) % 6 === 0);
}

/** The newest version, served to the phone as `ibk restore` serves it. */
function restoreTo({ store, root, udid, bench }: StoreBench, scenarios: readonly string[]): Promise<FinalAnswer> {
  bench.phone.scenarios = ScenarioSet.parse(scenarios);
  const [version] = store.versions();
  return store.reading(async (ctx, reader) => {
    const source = versionSource(ctx, reader, version?.id ?? '');
    const scratch = new RestoreScratch(root, udid, systemClock);
    const view = new RestoreView(source, scratch);
    for await (const { path, sizeBytes } of source.files({})) view.add(path, sizeBytes, 0);
    view.ready();
    const { near, far } = await socketPair();
    const served = serveMobileBackup2(far, bench.phone).catch(() => undefined);
    try {
      const limits = { stallMs: 20_000, answerMs: 20_000, signal: new AbortController().signal };
      const backup = await MobileBackup2.open(connectionOf(near), { clock: systemClock, ...limits });
      const host = new RestoreHost(udid, view, scratch, () => 0);
      const options = {
        systemFiles: true,
        preserveSettings: false,
        removeOthers: true,
        copyFirst: false,
        reboot: false,
      };
      const nothing = () => undefined;
      const events = { onRequest: nothing, onFailedUpload: nothing, onHostFailure: nothing, onFreeSpace: nothing };
      return await backup.restore({ udid, source: udid, ...options, password: undefined }, host, events);
    } finally {
      near.destroy();
      await served;
      view.close();
      scratch.close();
    }
  });
}

async function withBackup(work: (bench: StoreBench) => Promise<void>): Promise<void> {
  using bench = new StoreBench();
  await bench.backup();
  symlinkSync(join(bench.place, 'outside'), join(bench.root, bench.udid, 'planted'));
  await work(bench);
  expect(bench.bench.violations).toEqual([]);
}

test.each(ESCAPING_PATHS)('a path that leaves the backup (%s) ends the restore in whatever message it comes', (path) =>
  withBackup(async (bench) => {
    const before = treeHash(bench.place);
    for (const message of messagesFor(path)) {
      const error = await restoreTo(bench, [`attack=${path}:${message}`]).catch((thrown: unknown) => thrown);
      expect(error, message).toBeInstanceOf(IbkError);
      const code = path === 'empty' && message === 'upload' ? 'device_error' : 'unsafe';
      expect(error, message).toMatchObject({ code, exit: code === 'unsafe' ? 16 : 25 });
      expect(treeHash(bench.place), message).toBe(before);
    }
  }),
);

test('an odd name leads nowhere, a link in the folder neither: all goes on, and nothing has changed', () =>
  withBackup(async (bench) => {
    const before = treeHash(bench.place);
    for (const path of ODD_PATHS.filter((name) => name !== 'surrogate')) {
      // What it removes is gone for this phone and this run alone.
      const attacks = ATTACK_MESSAGES.map((message) => `attack=${path}:${message}`);
      expect([path, await restoreTo(bench, attacks)]).toMatchObject([path, { errorCode: 0 }]);
      expect([path, treeHash(bench.place)]).toEqual([path, before]);
    }
  }));

test('a link in the place of a file is no file of the backup', () =>
  withBackup(async (bench) => {
    const name = Object.keys(bench.folder()).find((path) => /^[0-9a-f]{2}\/[0-9a-f]{40}$/.test(path)) ?? '';
    const file = join(bench.root, bench.udid, name);
    rmSync(file);
    symlinkSync(join(bench.place, 'outside/x'), file);
    expect(await restoreTo(bench, [])).toMatchObject({ errorCode: 205 });
  }));

/** Debian's idevicebackup2 restores a root as a kill of ibk left it, to another phone: what it may find there, and what comes of it. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { DiskFileSystem } from '../../src/backup/disk/disk-file-system.js';
import { readHead } from '../../src/backup/records/head.js';
import { StoreLayout } from '../../src/backup/records/layout.js';
import { type SimulatorOptions, startSimulator } from '../../src/sim/index.js';
import { RESTORE_ALL, runAgainst } from './debian-phone.js';
import { restartOf } from './ibk-restore.js';
import { change, type PhoneState, stateOf } from './phone-history.js';
import { treeHash } from './tree-hash.js';

export interface KilledRoot {
  readonly root: string;
  readonly udid: string;
  /** A phone like the one that was backed up, which stays as it is: one that holds something else is made of these, and restored to. */
  readonly phone: SimulatorOptions;
  /** What the phone held, by version, those that are decided too. */
  readonly held: Pick<ReadonlyMap<string, PhoneState>, 'get'>;
  /** Runs ibk with write access. */
  recover(): Promise<void>;
}

export interface RestoredAfterKill {
  /** In the window of a commit: nothing could be restored before ibk had been there. */
  readonly refused: boolean;
  /** The version that was restored. Undefined: no backup had been decided yet. */
  readonly id: string | undefined;
}

/** Exactly the last good backup comes back; where none lies there finished, the program refuses, and the one that ibk then completes comes back. */
export async function restoredAfterKill(killed: KilledRoot): Promise<RestoredAfterKill> {
  const there = await restoreWhatLiesThere(killed);
  if (there !== undefined) return { refused: false, id: there };
  await killed.recover();
  return { refused: true, id: await restoreWhatLiesThere(killed) };
}

/** @returns the version; undefined: refused, and the phone is as it was */
async function restoreWhatLiesThere({ root, udid, phone, held }: KilledRoot): Promise<string | undefined> {
  const id = finishedVersion(root, udid);
  const wanted = id === undefined ? undefined : held.get(id);
  if (id !== undefined && wanted === undefined) throw new Error(`nobody knows what the phone held at ${id}`);
  await using sim = await startSimulator(phone);
  await change(sim);
  const before = await stateOf(sim);
  expect(before).not.toEqual(wanted);
  const left = treeHash(root);
  const back = restartOf(sim);
  const password = phone.encryption === undefined ? [] : ['--password', phone.encryption.password];
  const options = ['--source', udid, ...RESTORE_ALL, ...password];
  const { text, exit } = await runAgainst(sim.listen, 'idevicebackup2', 'restore', ...options, root);
  if (wanted === undefined) expect(exit, text).not.toBe(0);
  else {
    expect(text).toContain('Restore Successful');
    expect(exit).toBe(0);
    await back;
  }
  expect(await stateOf(sim)).toEqual(wanted ?? before);
  expect(sim.phones.map(({ backupStats }) => backupStats.restores)).toEqual([wanted === undefined ? 0 : 1]);
  expect(treeHash(root)).toBe(left);
  expect(sim.violations).toEqual([]);
  return id;
}

/** The version whose Status.plist lies in the folder. In an operation the old one leaves in the first phase, and the new one comes in the second. */
function finishedVersion(root: string, udid: string): string | undefined {
  const layout = new StoreLayout(udid);
  if (!existsSync(join(root, layout.folder, 'Status.plist'))) return undefined;
  const { current, op } = readHead(new DiskFileSystem(root), layout) ?? {};
  if (op?.t === 'commit' && op.phase === 2) return op.next.id;
  if (op?.t === 'promote' && op.phase === 1) return op.out;
  return current?.id;
}

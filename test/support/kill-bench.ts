/** One root that is killed again and again, and another of the same phone that never is: what must hold after each kill, and what must be equal at the end. */
import { cp, mkdir, rm } from 'node:fs/promises';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { execa } from 'execa';
import { expect } from 'vitest';
import { DiskFileSystem } from '../../src/backup/disk/disk-file-system.js';
import { readHead } from '../../src/backup/records/head.js';
import type { Head } from '../../src/backup/records/head-record.js';
import { KILL_POINT_VARIABLE } from '../../src/backup/disk/kill-point.js';
import { StoreLayout } from '../../src/backup/records/layout.js';
import { BackupStore } from '../../src/backup/store.js';
import type { Phase } from '../../src/errors.js';
import { backupDevice } from '../../src/operations/backup.js';
import { selectDevices } from '../../src/operations/select-device.js';
import { controlSimulator, type Simulator, type SimulatorOptions } from '../../src/sim/index.js';
import { readBackup } from './backup-reader.js';
import { runAgainst } from './debian-phone.js';
import { restoredAfterKill } from './debian-restore.js';
import { contextFor } from './ibk-backup.js';
import { type PhoneState, stateOf } from './phone-history.js';
import { cleanEnvironment, type Ran, runIbk } from './run-ibk.js';
import { inventory } from './store-inventory.js';

/** Where a run was when it was killed, by what it left. */
export type KilledIn = 'set-up' | 'receiving' | 'deciding' | 'commit 1' | 'commit 2' | 'rescan' | 'finishing';

/** The phone that is backed up. */
export const KILLED_PHONE = {
  files: 60,
  bytes: 4_000_000,
  ios: ['15'],
  scenarios: ['paired'],
} as const satisfies SimulatorOptions;

/** How many changes of the disk lie before each part of an undisturbed run, and in all of it. */
export interface Extent {
  readonly receive: number;
  readonly commit: number;
  readonly all: number;
}

/** A kill must cost nothing at any. */
const DURABILITY = process.env['IBK_STORE_DURABILITY'] ?? 'full';

export class KillBench {
  readonly root: string;
  readonly #control: string;
  readonly #place: string;
  readonly #sim: Simulator;
  readonly #layout: StoreLayout;
  /** What the phone held, by version. */
  readonly #held = new Map<string, PhoneState>();

  constructor(place: string, sim: Simulator) {
    this.#place = place;
    this.root = join(place, 'root');
    this.#control = join(place, 'control');
    this.#sim = sim;
    this.#layout = new StoreLayout(sim.phones[0]?.udid ?? '');
  }

  get #folder(): string {
    return join(this.root, this.#layout.folder);
  }

  mutate(counts: { readonly Add: number; readonly Change: number; readonly Remove: number }): Promise<unknown> {
    return controlSimulator(this.#sim.listen, 'mutate', { ...counts });
  }

  /** The same backup into the root that is never killed. */
  async control(): Promise<Extent> {
    let [changes, receive, commit] = [0, 0, 0];
    const onEvent = (event: { type: string; phase?: Phase }) => {
      if (event.type !== 'phase') return;
      if (event.phase === 'receive') receive = changes;
      if (event.phase === 'commit') commit = changes;
    };
    const ctx = contextFor({ listen: this.#sim.listen, root: this.#control, onEvent }, []);
    const [device] = await selectDevices(ctx, { udids: [], link: 'any' });
    if (device === undefined) throw new Error('no device');
    await backupDevice(ctx, device, { root: this.#control, full: false, beforeChange: () => (changes += 1) });
    return { receive, commit, all: changes };
  }

  /** True: it was killed at this change. False: it had ended before. */
  async killed(at: number): Promise<boolean> {
    const result = await execa(process.execPath, [this.#ibk, 'backup', '-q', '-o', this.root], {
      env: {
        ...cleanEnvironment(this.#place),
        USBMUXD_SOCKET_ADDRESS: this.#sim.listen,
        [KILL_POINT_VARIABLE]: `${at}`,
        IBK_DURABILITY: DURABILITY,
      },
      extendEnv: false,
      reject: false,
      stdin: 'ignore',
      timeout: 150_000,
    });
    await this.#note();
    if (result.signal === 'SIGKILL') return true;
    expect(result.exitCode, result.stderr).toBe(0);
    return false;
  }

  readonly #ibk = new URL('../../bin/ibk.js', import.meta.url).pathname;

  run(...args: string[]): Promise<Ran> {
    const env = { USBMUXD_SOCKET_ADDRESS: this.#sim.listen, IBK_DURABILITY: DURABILITY };
    return runIbk(this.#place, [...args, '-o', this.root], { env });
  }

  async backup(): Promise<void> {
    await this.#succeed('backup');
    await this.#note();
  }

  async #succeed(command: string): Promise<void> {
    const { exit, stderr } = await this.run(command, '-q');
    expect(exit, stderr).toBe(0);
  }

  /** A version that was not there before the last run is of what the phone holds now. */
  async #note(): Promise<void> {
    const { current, op } = this.head() ?? {};
    const state = await stateOf(this.#sim);
    for (const id of [current?.id, op?.t === 'commit' ? op.next.id : undefined])
      if (id !== undefined && !this.#held.has(id)) this.#held.set(id, state);
  }

  head(root = this.root): Head | undefined {
    return readHead(new DiskFileSystem(root), this.#layout);
  }

  versions(which: 'root' | 'control'): number {
    const { chain = [], current = null } = this.head(which === 'root' ? this.root : this.#control) ?? {};
    return chain.length + (current === null ? 0 : 1);
  }

  where(before: string | undefined): KilledIn {
    const head = this.head();
    if (head === undefined) return 'set-up';
    const { op, current } = head;
    if (op?.t === 'commit') return op.phase === 1 ? 'commit 1' : 'commit 2';
    if (op !== null) return 'rescan';
    if (current?.id !== before) return 'finishing';
    const own = readdirSync(join(this.root, this.#layout.own));
    return own.some((name) => name.startsWith('delta.')) ? 'deciding' : 'receiving';
  }

  /** The last good backup reads back, and a Status.plist means a whole backup to every program. */
  async check(): Promise<void> {
    const { current, op } = this.head() ?? {};
    if (current != null) {
      const { exit, stdout } = await this.run('verify', '--read-data', '--json');
      expect(exit, stdout).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({ code: 'ok', files_without_checksum: 0, problems: [] });
    }
    if (existsSync(join(this.#folder, 'Status.plist'))) expect(this.#problemsOf(this.#folder)).toEqual([]);
    else expect(current == null || op?.t === 'commit').toBe(true);
  }

  /** In the middle of a commit files that nothing names may lie beside the backup. */
  #problemsOf(folder: string): string[] {
    const { problems } = readBackup(folder);
    return this.head()?.op?.t === 'commit' ? problems.filter((text) => !text.endsWith('belongs to no row')) : problems;
  }

  /** The newest versions, as many as that, by the store itself: a process for each would take long. */
  async checkEveryVersion(most = Number.POSITIVE_INFINITY): Promise<number> {
    const store = new BackupStore(this.root, this.#layout.udid);
    const versions = store.versions().slice(0, most);
    for (const { id } of versions)
      expect(await store.verify(id, { readData: true }), id).toMatchObject({ problems: [], withoutChecksum: 0 });
    return versions.length;
  }

  /** Debian's program goes on with a copy of the root as it lies there. */
  async continuedByIdevicebackup2(): Promise<void> {
    const copy = join(this.#place, 'copy');
    const folder = join(copy, this.#layout.folder);
    await mkdir(copy, { recursive: true });
    try {
      if (existsSync(this.#folder)) await cp(this.#folder, folder, { recursive: true, preserveTimestamps: true });
      const { text, exit } = await runAgainst(this.#sim.listen, 'idevicebackup2', 'backup', copy);
      expect(exit, text).toBe(0);
      expect(text).toContain('Backup Successful');
      expect(this.#problemsOf(folder)).toEqual([]);
    } finally {
      await rm(copy, { recursive: true, force: true });
    }
  }

  /** @returns what Debian's program could restore of it: what the phone holds now, or held before; in the window of a commit only after a prune */
  async restoredByIdevicebackup2(): Promise<string> {
    const { refused, id } = await restoredAfterKill({
      root: this.root,
      udid: this.#layout.udid,
      phone: KILLED_PHONE,
      held: this.#held,
      recover: () => this.#succeed('prune'),
    });
    if (id === undefined) {
      expect(this.head()?.current ?? null).toBeNull();
      return 'no backup';
    }
    const isNew = isDeepStrictEqual(this.#held.get(id), await stateOf(this.#sim));
    return `${refused ? 'refused, then ' : ''}${isNew ? 'new' : 'old'}`;
  }

  /** Nothing grows: the store holds what its records name and nothing else, and as much as the root that was never killed. */
  compareWithControl(): void {
    const [ours, theirs] = [this.root, this.#control].map((root) => inventory(root, this.#layout));
    expect(ours?.unnamed).toEqual([]);
    expect(theirs?.unnamed).toEqual([]);
    expect(ours?.files).toEqual(theirs?.files);
    expect(ours?.versions).toEqual(theirs?.versions);
  }
}

/** A phone's backup service alone, on a pair of sockets: for tests of the service without muxer, trust and TLS. */
import { createServer, connect, type Socket } from 'node:net';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, type Clock } from '../../src/io/clock.js';
import { plistDict } from '../../src/plist/value.js';
import { PhoneContent, withContentScenarios } from '../../src/sim/content/content.js';
import type { SeededOptions } from '../../src/sim/content/seeded.js';
import { type BackupEncryption, type BackupPhone, newBackupStats } from '../../src/sim/mobilebackup2d/phone.js';
import { serveMobileBackup2 } from '../../src/sim/mobilebackup2d/serve.js';
import { type IosId, IOS_PROFILES, simulatedUdid } from '../../src/sim/profile.js';
import { ScenarioSet } from '../../src/sim/scenario.js';
import { type HostFault, type HostResult, ScriptedHost } from './scripted-host.js';

export interface BenchOptions {
  readonly ios?: IosId;
  readonly scenarios?: readonly string[];
  readonly content?: Partial<SeededOptions>;
  readonly password?: string;
  readonly passcode?: () => Promise<boolean>;
  readonly clock?: Clock;
  readonly seed?: number;
}

export class PhoneBench {
  readonly phone: BackupPhone & {
    encryption: BackupEncryption | undefined;
    cancelRequested: boolean;
    scenarios: ScenarioSet;
  };
  readonly violations: string[] = [];
  readonly notifications: string[] = [];
  readonly root = mkdtempSync(join(tmpdir(), 'ibk-test-phone-'));
  readonly switchOff = new AbortController();
  unplugged = 0;

  constructor(options: BenchOptions = {}) {
    const profile = IOS_PROFILES[options.ios ?? '17'];
    const scenarios = ScenarioSet.parse(options.scenarios ?? []);
    const seed = options.seed ?? 1;
    const udid = simulatedUdid(profile, seed, 1);
    this.phone = {
      udid,
      profile,
      scenarios,
      seed,
      content: PhoneContent.fromSeed(
        withContentScenarios({ seed, files: 120, bytes: 2_000_000, ...options.content }, scenarios),
      ),
      encryption: options.password === undefined ? undefined : { password: options.password },
      passcodeSet: true,
      lockdownFacts: plistDict({ DeviceName: 'Bench phone', ProductVersion: profile.version, UniqueDeviceID: udid }),
      clock: options.clock ?? systemClock,
      stats: newBackupStats(),
      signal: this.switchOff.signal,
      cancelRequested: false,
      notify: (name) => this.notifications.push(name),
      askPasscode: options.passcode ?? (async () => true),
      productVersion: profile.version,
      findMy: false,
      requiresEncryption: false,
      freeBytes: 1e12,
      restorePending: false,
      setEncryption: (encryption) => {
        this.phone.encryption = encryption;
      },
      setCloudBackup: () => undefined,
      restoreFolder: async () => mkdtempSync(join(this.root, 'restored-')),
      stageRestore: () => undefined,
      restart: async () => undefined,
      erase: async () => undefined,
      unplug: () => {
        this.unplugged += 1;
        this.#phoneSide?.destroy();
      },
      violation: (text) => this.violations.push(text),
    };
  }

  #phoneSide: Socket | undefined;

  /** Folder of the backup. */
  get folder(): string {
    return join(this.root, this.phone.udid);
  }

  /** Connects a computer of the test to the service; resolves when both sides are done. */
  async connect<T>(work: (host: ScriptedHost) => Promise<T>, fault: HostFault = {}, root = this.root): Promise<T> {
    const { near, far } = await socketPair();
    this.#phoneSide = far;
    const served = serveMobileBackup2(far, this.phone);
    try {
      return await work(new ScriptedHost(near, root, fault));
    } finally {
      near.destroy();
      await served;
    }
  }

  backup(options: { full?: boolean } = {}, fault: HostFault = {}, root = this.root): Promise<HostResult> {
    return this.connect((host) => host.backup(this.phone.udid, options), fault, root);
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

export async function socketPair(): Promise<{ near: Socket; far: Socket }> {
  const folder = mkdtempSync(join(tmpdir(), 'ibk-test-pair-'));
  const path = join(folder, 's');
  const server = createServer();
  try {
    await new Promise<void>((resolve) => server.listen(path, resolve));
    const far = new Promise<Socket>((resolve) => server.once('connection', resolve));
    const near = connect(path);
    await new Promise<void>((resolve, reject) => near.once('connect', resolve).once('error', reject));
    return { near, far: await far };
  } finally {
    server.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** One simulated iPhone: its state, without the wires. The muxer plugs it in; lockdownd and the services ask it. */
import { createHash } from 'node:crypto';
import { EventEmitter, setMaxListeners } from 'node:events';
import type { Duplex } from 'node:stream';
import type { SecureVersion } from 'node:tls';
import type { Link } from '../../events.js';
import type { Clock } from '../../io/clock.js';
import type { PlistDict } from '../../plist/value.js';
import type { PhoneContent } from '../content/content.js';
import {
  type BackupEncryption,
  type BackupPhone,
  type BackupStats,
  newBackupStats,
  type StagedRestore,
} from '../mobilebackup2d/phone.js';
import type { IosProfile } from '../profile.js';
import type { ScenarioSet } from '../scenario.js';
import { AfcTree } from '../services/afc-tree.js';
import type { ReplayPlayer } from '../replay/player.js';
import { ServicePorts } from '../services/directory.js';
import { acceptTls } from '../wire/tls.js';
import { type DeviceKey, deviceKey } from './device-key.js';
import { type PhoneIdentity, phoneIdentity } from './identity.js';
import { manifestLockdownFacts, type PhoneCondition } from './lockdown-values.js';
import { NotificationCentre } from './notifications.js';
import type { Pairing } from './pairing.js';
import { PasscodePrompt } from './passcode.js';
import { Supervision } from './supervision.js';
import { TrustDialog } from './trust.js';

/** `locked`: the screen. `not-unlocked`: not once since it started, so that no key of the user's data is at hand. */
export type LockState = 'unlocked' | 'locked' | 'not-unlocked';

export interface PhoneSetup {
  readonly profile: IosProfile;
  readonly seed: number;
  /** Which phone of the seed, from 1. */
  readonly index: number;
  readonly name?: string;
  readonly scenarios: ScenarioSet;
  readonly content: PhoneContent;
  readonly encryption?: BackupEncryption;
  readonly clock: Clock;
  /** A new folder for the bytes of restored files; they stay as long as the phone does. */
  readonly restoreFolder: () => Promise<string>;
  readonly pairings?: readonly Pairing[];
  /** Plays a trace instead of acting by itself. */
  readonly replay?: ReplayPlayer;
}

/** What the phone has seen, for `stats`. */
export interface ConnectionStats {
  /** lockdown requests by name, `StartService` with its service. */
  readonly lockdown: Record<string, number>;
  /** Connections by service. */
  readonly services: Record<string, number>;
  connections: number;
  failedHandshakes: number;
  bytesIn: number;
  bytesOut: number;
}

const FORCED_TLS: Readonly<Record<string, SecureVersion>> = {
  '1.0': 'TLSv1',
  '1.1': 'TLSv1.1',
  '1.2': 'TLSv1.2',
  '1.3': 'TLSv1.3',
};

interface PhoneEvents {
  violation: [text: string];
  plugged: [];
  unplugged: [];
  /** A computer has opened a connection. */
  connected: [];
  /** Something that `--state` keeps has changed. */
  changed: [];
}

export class SimulatedPhone extends EventEmitter<PhoneEvents> {
  readonly profile: IosProfile;
  readonly identity: PhoneIdentity;
  readonly scenarios: ScenarioSet;
  readonly seed: number;
  readonly content: PhoneContent;
  readonly clock: Clock;
  readonly trust: TrustDialog;
  readonly passcode: PasscodePrompt;
  readonly supervision: Supervision | undefined;
  readonly notifications = new NotificationCentre();
  readonly afc: AfcTree;
  readonly ports = new ServicePorts(this);
  readonly pairings = new Map<string, Pairing>();
  /** Values that computers have set, by domain. */
  readonly setValues = new Map<string, PlistDict>();
  readonly violations: string[] = [];
  readonly stats: ConnectionStats = {
    lockdown: {},
    services: {},
    connections: 0,
    failedHandshakes: 0,
    bytesIn: 0,
    bytesOut: 0,
  };
  readonly backupStats: BackupStats = newBackupStats();
  readonly replay: ReplayPlayer | undefined;
  encryption: BackupEncryption | undefined;
  lock: LockState;
  cancelRequested = false;
  cloudBackup = false;
  #staged: StagedRestore | undefined;
  readonly #restoreFolder: () => Promise<string>;
  #power = powerSwitch();
  #revocation: boolean;

  constructor(setup: PhoneSetup) {
    super();
    this.profile = setup.profile;
    this.replay = setup.replay;
    const identity = phoneIdentity(setup.profile, setup.seed, setup.index, setup.name);
    this.identity = setup.replay === undefined ? identity : { ...identity, udid: setup.replay.script.udid };
    this.scenarios = setup.scenarios;
    this.seed = setup.seed;
    this.content = setup.content;
    this.clock = setup.clock;
    this.encryption = setup.encryption;
    this.#restoreFolder = setup.restoreFolder;
    this.trust = new TrustDialog(setup.scenarios);
    this.passcode = new PasscodePrompt(setup.scenarios, setup.clock);
    this.afc = new AfcTree(setup.scenarios);
    const organization = setup.scenarios.value('supervised');
    this.supervision = organization === undefined ? undefined : new Supervision(organization, this.udid);
    this.lock = setup.scenarios.has('not-unlocked')
      ? 'not-unlocked'
      : setup.scenarios.has('locked')
        ? 'locked'
        : 'unlocked';
    this.#revocation = setup.scenarios.has('revoked');
    for (const pairing of setup.pairings ?? []) this.pairings.set(pairing.hostId, pairing);
  }

  get udid(): string {
    return this.identity.udid;
  }

  /** iOS version as it tells; a scenario may claim another. */
  get productVersion(): string {
    return this.scenarios.value('product-version') ?? this.profile.version;
  }

  get passcodeSet(): boolean {
    return !this.scenarios.has('no-passcode');
  }

  /** Management wants backups to be encrypted. */
  get requiresEncryption(): boolean {
    return this.scenarios.has('requires-encryption');
  }

  /** Room for data, in bytes. */
  get freeBytes(): number {
    return this.scenarios.has('phone-full') ? 4096 : 21_474_836_480;
  }

  /** Which links the muxer should list. */
  get links(): readonly Link[] {
    if (this.replay !== undefined) return [this.replay.script.link];
    if (this.scenarios.has('usb-and-network')) return ['usb', 'network'];
    return this.scenarios.has('network') ? ['network'] : ['usb'];
  }

  /** Aborts when the cable is pulled. */
  get signal(): AbortSignal {
    return this.#power.signal;
  }

  get pluggedIn(): boolean {
    return !this.#power.signal.aborted;
  }

  key(): Promise<DeviceKey> {
    return deviceKey(`ibk-sim/${this.udid}`, this.profile.rsaBits);
  }

  /** Runs the server's side of TLS on a stream, with the faults that scenarios ask for. @returns undefined when it fails */
  async acceptTls(stream: Duplex, pairing: Pairing): Promise<Duplex | undefined> {
    const forced = this.scenarios.value('tls-version');
    const version = forced === undefined ? undefined : FORCED_TLS[forced];
    const setup = {
      versions: version === undefined ? this.profile.tls : { min: version, max: version },
      intolerant: this.scenarios.has('tls-intolerant'),
      fault: this.scenarios.has('tls-refused') ? 'refuse' : this.scenarios.has('tls-alert') ? 'alert' : undefined,
      privatePem: (await this.key()).privatePem,
    } as const;
    const tls = await acceptTls(stream, setup, pairing, (text) => this.violation(text));
    if (tls === undefined) this.stats.failedHandshakes += 1;
    return tls;
  }

  async condition(trusted: boolean): Promise<PhoneCondition> {
    return {
      publicPem: (await this.key()).publicPem,
      screenLocked: this.lock !== 'unlocked',
      trusted,
      backupEncrypted: this.encryption !== undefined,
      requiresEncryption: this.requiresEncryption,
      cloudBackup: this.cloudBackup,
      freeBytes: this.freeBytes,
      findMy: this.scenarios.has('find-my'),
      cellular: !this.scenarios.has('wifi-only'),
      chaperoned: this.scenarios.has('chaperoned'),
      setupDone: !this.scenarios.has('setup-unfinished'),
      batteryPercent: this.scenarios.has('battery') ? this.scenarios.number('battery', 12) : undefined,
      nowMs: this.clock.now(),
      productVersion: this.productVersion,
      set: this.setValues,
    };
  }

  violation(text: string): void {
    this.violations.push(text);
    this.emit('violation', text);
  }

  unplug(): void {
    if (!this.pluggedIn) return;
    this.#power.abort(new Error('the cable was pulled'));
    this.trust.cablePulled();
    this.emit('unplugged');
  }

  plug(): void {
    if (this.pluggedIn) return;
    this.#power = powerSwitch();
    this.emit('plugged');
  }

  setEncryption(encryption: BackupEncryption | undefined): void {
    this.encryption = encryption;
    this.notifications.notify('com.apple.mobile.backup.domain_changed');
    this.emit('changed');
  }

  /** The phone is away for a moment, as when it starts anew; what a restore has brought comes into place meanwhile. */
  async restart(): Promise<void> {
    this.unplug();
    const staged = this.#staged;
    this.#staged = undefined;
    if (staged !== undefined) await this.content.replace(staged.items, staged.folder);
    this.emit('changed');
    this.plug();
  }

  async erase(): Promise<void> {
    this.#staged = undefined;
    this.content.erase();
    this.pairings.clear();
    this.setValues.clear();
    this.encryption = undefined;
    await this.restart();
  }

  /** Pulls the cable if the scenario `detach` names this moment. @returns whether it did */
  detachAt(moment: string): boolean {
    if (this.scenarios.value('detach') !== moment) return false;
    this.unplug();
    return true;
  }

  /** A computer that the phone trusts. The scenario `revoked` forgets all of them once. */
  findPairing(hostId: string): Pairing | undefined {
    if (this.#revocation && this.pairings.size > 0) {
      this.#revocation = false;
      this.forgetComputers();
    }
    return this.pairings.get(hostId);
  }

  savePairing(pairing: Pairing): void {
    this.pairings.set(pairing.hostId, pairing);
    this.emit('changed');
  }

  removePairing(hostId: string): boolean {
    const removed = this.pairings.delete(hostId);
    if (removed) this.emit('changed');
    return removed;
  }

  /** "Reset Location & Privacy". */
  forgetComputers(): void {
    this.pairings.clear();
    this.emit('changed');
  }

  /** 32 bytes that let this computer's services work while the screen is locked. */
  escrowBag(hostId: string): Buffer {
    return createHash('sha256').update(`ibk-sim/escrow/${this.udid}/${hostId}`).digest();
  }

  /** A person slides to cancel: the sync clients are told, and the backup service notices between two messages. */
  cancelBackup(): void {
    this.cancelRequested = true;
    this.notifications.notify('com.apple.itunes-client.syncCancelRequest');
  }

  /** This phone as one run of the backup service sees it. */
  async backupPhone(): Promise<BackupPhone> {
    const phone = this;
    const facts = manifestLockdownFacts(this.profile, this.identity, await this.condition(true));
    return {
      udid: this.udid,
      profile: this.profile,
      productVersion: this.productVersion,
      scenarios: this.scenarios,
      seed: this.seed,
      content: this.content,
      passcodeSet: this.passcodeSet,
      lockdownFacts: facts,
      clock: this.clock,
      stats: this.backupStats,
      signal: this.signal,
      get encryption() {
        return phone.encryption;
      },
      setEncryption: (encryption) => this.setEncryption(encryption),
      setCloudBackup: (on) => {
        this.cloudBackup = on;
      },
      requiresEncryption: this.requiresEncryption,
      findMy: this.scenarios.has('find-my'),
      freeBytes: this.freeBytes,
      get restorePending() {
        return phone.#staged !== undefined;
      },
      restoreFolder: this.#restoreFolder,
      stageRestore: (restore) => {
        this.#staged = restore;
      },
      restart: () => this.restart(),
      erase: () => this.erase(),
      get cancelRequested() {
        return phone.cancelRequested;
      },
      notify: (name) => this.notifications.notify(name),
      askPasscode: (signal) => this.passcode.ask(signal),
      unplug: () => this.unplug(),
      violation: (text) => this.violation(`mobilebackup2: ${text}`),
    };
  }
}

/** Every open connection listens to it, and several computers may be connected at once. */
function powerSwitch(): AbortController {
  const power = new AbortController();
  setMaxListeners(0, power.signal);
  return power;
}

export function count(counts: Record<string, number>, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1;
}

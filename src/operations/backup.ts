/**
 * `ibk backup` of one device: connects (pairs first where it must), lets the phone back itself up into the store, checks what arrived, puts it in place.
 *
 *   const summary = await backupDevice(ctx, device, { root, full: false });
 *
 * Nothing in `<root>/<UDID>/` changes before the phone has reported success and the check has passed.
 */
import { join } from 'node:path';
import type { Durability, StoreWarning } from '../backup/records/context.js';
import { type EarlierBackup, prepareEarlier } from '../backup/earlier.js';
import type { VersionRecord } from '../backup/records/head-record.js';
import type { LockHolder } from '../backup/lock/lock-holder.js';
import type { StoreLease } from '../backup/lease.js';
import { BackupStore } from '../backup/store.js';
import { asIbkError } from '../errors.js';
import type { BackupKind, BackupSummary, DeviceFacts } from '../events.js';
import { freeBytes } from '../io/disk-space.js';
import type { OpenedDevice } from '../protocol/lockdown/device.js';
import { refuseUnencrypted } from './backup-conditions.js';
import { type FinishedBackup, finishBackup } from './backup-finish.js';
import { type ReceivedBackup, receiveBackup } from './backup-receive.js';
import { BackupReporter } from './backup-reporter.js';
import { BackupSession } from './backup-session.js';
import { type Circumstances, explainFailure, lastGoodOf, type LastGood } from './backup-words.js';
import type { OperationContext } from './context.js';
import { refuseMissingMount } from './destination.js';
import { factsOf } from './device-names.js';
import { readLastBackup } from './last-backup.js';
import { openSelected } from './open-device.js';
import { type Forgotten, forgetAfterBackup } from './retention/after-backup.js';
import type { RetentionPolicy } from './retention/policy.js';
import type { SelectedDevice } from './select-device.js';

export interface BackupOptions {
  readonly root: string;
  /** Asks the phone to send everything. */
  readonly full: boolean;
  /** The root has to lie on a disk that is mounted: `destination` where it is an empty mount point, or on the system's own disk. */
  readonly requireMount?: boolean | undefined;
  /** Makes no backup of a phone whose backups are not encrypted: `condition`. */
  readonly requireEncrypted?: boolean | undefined;
  /** Of the version that is made. */
  readonly tags?: readonly string[] | undefined;
  /** Which versions of a device are kept afterwards; undefined: all. */
  readonly retention?:
    | ((device: { readonly udid: string; readonly name: string }) => RetentionPolicy | undefined)
    | undefined;
  /** `relaxed`, `none`: faster, and a power cut can cost the newest backup, never an earlier one. Default: `full`. */
  readonly durability?: Durability | undefined;
  /** Tests: runs before each change of the disk. */
  readonly beforeChange?: ((what: string) => void) | undefined;
}

/**
 * Emits `phase`, `start`, `prompt`, `progress`, `file_error`, `warning` and at the end `summary`; not `error`: that is thrown.
 * @throws IbkError with any code of errors.ts that a backup can have; its `meaning` tells of the last good backup
 */
export async function backupDevice(
  ctx: OperationContext,
  device: SelectedDevice,
  options: BackupOptions,
): Promise<BackupSummary> {
  const run = new BackupRun(ctx, device, options);
  try {
    return await run.run();
  } catch (error) {
    throw explainFailure(error, run.circumstances());
  }
}

class BackupRun {
  readonly #ctx: OperationContext;
  readonly #device: SelectedDevice;
  readonly #options: BackupOptions;
  readonly #reporter: BackupReporter;
  /** Ends the work with the phone for a reason of our own: cancelled there, passcode not entered. */
  readonly #stop = new AbortController();
  #noun = 'iPhone';
  #earlier: LastGood = { kind: 'none' };

  constructor(ctx: OperationContext, device: SelectedDevice, options: BackupOptions) {
    this.#device = device;
    this.#options = options;
    this.#reporter = new BackupReporter(device.udid, ctx.clock, ctx.onEvent);
    this.#ctx = { ...ctx, signal: AbortSignal.any([ctx.signal, this.#stop.signal]) };
  }

  circumstances(): Circumstances {
    return {
      noun: this.#noun,
      name: this.#device.name,
      nowMs: this.#ctx.clock.now(),
      link: this.#device.entry.link,
      phase: this.#reporter.phase,
      percent: this.#reporter.percent,
      bytes: this.#reporter.bytes,
      elapsedSeconds: this.#reporter.elapsedSeconds(),
      stallMs: this.#ctx.timeouts.stallMs,
      earlier: this.#earlier,
    };
  }

  async run(): Promise<BackupSummary> {
    const { root } = this.#options;
    await refuseMissingMount(root, this.#options.requireMount);
    this.#earlier = await readLastBackup(root, this.#device.udid);
    this.#reporter.enter('connect');
    await using held = await openSelected(this.#ctx, this.#device, { pair: 'if_unknown' });
    const { device } = held;
    if (held.isNewlyPaired) this.#reporter.enter('connect');
    this.#noun = device.noun;
    const session = new BackupSession(device, this.#ctx.clock);
    try {
      const store = this.#store(device.udid);
      using lease = await store.lease({
        command: 'ibk backup',
        signal: this.#ctx.signal,
        onWait: (holder) => this.#warnOfOtherComputer(holder),
      });
      return await this.#fill(store, lease, device, session).catch((error: unknown) => {
        throw lease.explain(error);
      });
    } finally {
      await session.release(true);
      this.#reporter.end();
    }
  }

  /** From the phone into the store. */
  async #fill(
    store: BackupStore,
    lease: StoreLease,
    device: OpenedDevice,
    session: BackupSession,
  ): Promise<BackupSummary> {
    const before = lease.current;
    const earlier = prepareEarlier(lease);
    this.#earlier = lastGoodOf(earlier);
    const start = await this.#start(device, earlier);
    const received = await receiveBackup({
      ctx: this.#ctx,
      device,
      entry: this.#device.entry,
      session,
      lease,
      full: this.#options.full,
      noun: this.#noun,
      reporter: this.#reporter,
      stop: (error) => this.#stop.abort(error),
    });
    const finished = await finishBackup({
      ctx: this.#ctx,
      udid: device.udid,
      noun: this.#noun,
      lease,
      received,
      notSentEarlier: earlier.notSent,
      reporter: this.#reporter,
    });
    const forgotten = await this.#keep(store, lease, finished.commit.version.id, start.facts.name);
    return await this.#summarize(start, finished, received, before, forgotten);
  }

  /** Tags the new version and forgets old ones. The backup is made: what fails here is a warning. */
  async #keep(store: BackupStore, lease: StoreLease, version: string, name: string): Promise<Forgotten | undefined> {
    const { tags = [], retention, root } = this.#options;
    const { udid } = this.#device;
    try {
      if (tags.length > 0) await lease.describe(version, { tags });
      const policy = retention?.({ udid, name });
      return policy === undefined ? undefined : await forgetAfterBackup({ root, udid }, store, lease, policy);
    } catch (error) {
      const { message } = asIbkError(error);
      this.#warn(
        'retention_failed',
        `The backup is made, but not all that no rule keeps was forgotten: ${message}`,
        'ibk forget',
      );
      return undefined;
    }
  }

  /** What can be told before the phone has begun. */
  async #start(device: OpenedDevice, earlier: EarlierBackup): Promise<Started> {
    const willEncrypt = await device.getValue('com.apple.mobile.backup', 'WillEncrypt');
    const facts = factsOf({
      name: device.text('DeviceName') ?? this.#device.name,
      productType: device.text('ProductType'),
      ios: device.text('ProductVersion'),
    });
    const encrypted = willEncrypt === true;
    if (!encrypted && this.#options.requireEncrypted === true) refuseUnencrypted(this.#noun, facts.name);
    // A backup whose encryption has changed since is a full one again.
    const continues = earlier.state === 'finished' && earlier.encrypted === encrypted;
    const kind: BackupKind = this.#options.full || !continues ? 'full' : 'incremental';
    const { udid, entry } = this.#device;
    const { link } = entry;
    this.#ctx.onEvent({ type: 'start', udid, command: 'backup', kind, encrypted, link, device: facts });
    if (earlier.state === 'unfinished') {
      const message = `Another program left an unfinished backup there; the ${this.#noun} sends everything again.`;
      this.#warn('unfinished_backup', message);
    }
    if (earlier.state === 'damaged') {
      this.#warn('damaged_backup', `Files of the backup there are damaged; the ${this.#noun} sends everything again.`);
    }
    return { facts, kind, encrypted };
  }

  async #summarize(
    start: Started,
    { commit, ...finished }: FinishedBackup,
    received: ReceivedBackup,
    before: VersionRecord | null,
    forgotten: Forgotten | undefined,
  ): Promise<BackupSummary> {
    const { root } = this.#options;
    const { payload } = commit.counts;
    // What another program had left unfinished is not kept.
    const previous = before?.complete === true ? before : null;
    const partial = finished.failures.length > 0;
    const summary: BackupSummary = {
      type: 'summary',
      udid: this.#device.udid,
      code: partial ? 'partial' : 'ok',
      exit: partial ? 3 : 0,
      version: commit.version.id,
      previous: previous === null ? null : { version: previous.id, madeAt: new Date(previous.date) },
      filesAdded: payload.added,
      filesChanged: payload.replaced,
      filesRemoved: payload.removed,
      historyBytes: previous === null ? null : commit.counts.storedBytes,
      forgotten,
      kind: start.kind,
      encrypted: finished.encrypted,
      filesTotal: finished.filesTotal,
      bytesTotal: commit.version.facts.bytes,
      filesReceived: received.files,
      bytesReceived: received.bytes,
      filesFailed: finished.failures.length,
      failures: finished.failures,
      check: finished.check,
      durationSeconds: this.#reporter.elapsedSeconds(),
      receiveBytesPerSecond: this.#reporter.receiveRate(),
      madeAt: finished.madeAt,
      path: join(root, this.#device.udid),
      freeBytes: await freeBytes(root).catch(() => null),
      device: start.facts,
    };
    if (!finished.encrypted) this.#warnOfPlainBackup();
    this.#ctx.onEvent(summary);
    return summary;
  }

  #store(udid: string): BackupStore {
    const { root, beforeChange, durability } = this.#options;
    return new BackupStore(root, udid, {
      durability,
      clock: this.#ctx.clock,
      onWarning: ({ kind, message }) => this.#warn(WARNING_REASONS[kind], message.replaceAll('iPhone', this.#noun)),
      ...(beforeChange === undefined ? {} : { beforeChange }),
    });
  }

  #warnOfPlainBackup(): void {
    const hint = 'ibk encrypt on';
    this.#warn('not_encrypted', 'This backup is not encrypted.', hint);
  }

  /** On a share no system tells whether a process of another computer still runs. */
  #warnOfOtherComputer({ host, since }: LockHolder): void {
    const message = `ibk on host ${host} has used this backup since ${since}; watching for 90 s whether it still does.`;
    this.#warn('waiting_for_lock', message);
  }

  #warn(reason: string, message: string, hint: string | null = null): void {
    this.#ctx.onEvent({ type: 'warning', udid: this.#device.udid, reason, message, hint });
  }
}

const WARNING_REASONS: Readonly<Record<StoreWarning['kind'], string>> = {
  power_cut: 'power_cut',
  foreign_change: 'foreign_change',
  snapshot_dropped: 'snapshot_dropped',
  unknown_name: 'unknown_name',
  list_kept: 'list_kept',
  catalog_rebuilt: 'catalog_rebuilt',
  unknown_folder: 'unknown_folder',
  set_aside: 'leftovers',
  no_modes: 'no_permissions',
};

interface Started {
  readonly facts: DeviceFacts;
  readonly kind: BackupKind;
  readonly encrypted: boolean;
}

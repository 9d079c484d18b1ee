/**
 * `ibk backup` of one device: connects (pairs first where it must), lets the phone back itself up into the store, checks what arrived, puts it in place.
 *
 *   const summary = await backupDevice(ctx, device, { root, full: false });
 *
 * Nothing in `<root>/<UDID>/` changes before the phone has reported success and the check has passed.
 */
import { join } from 'node:path';
import { type BackupStore, openStore } from '../backup/store.js';
import type { BackupKind, BackupSummary, DeviceFacts } from '../events.js';
import { freeBytes } from '../io/disk-space.js';
import type { OpenedDevice } from '../protocol/lockdown/device.js';
import { finishBackup } from './backup-finish.js';
import { receiveBackup } from './backup-receive.js';
import { BackupReporter } from './backup-reporter.js';
import { BackupSession } from './backup-session.js';
import { type Circumstances, explainFailure, lastGoodOf, type LastGood } from './backup-words.js';
import type { OperationContext } from './context.js';
import { factsOf } from './device-names.js';
import { readLastBackup } from './last-backup.js';
import { openSelected } from './open-device.js';
import type { SelectedDevice } from './select-device.js';

export interface BackupOptions {
  readonly root: string;
  /** Asks the phone to send everything. */
  readonly full: boolean;
}

/**
 * Emits `phase`, `start`, `prompt`, `progress`, `file_error`, `warning` and at the end `summary`; not `error`: that is thrown.
 * @throws IbkError with any code of product.md 3 that a backup can have; its `meaning` tells of the last good backup
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
    this.#earlier = await readLastBackup(root, this.#device.udid);
    this.#reporter.enter('connect');
    await using held = await openSelected(this.#ctx, this.#device, { pair: 'if_unknown' });
    const { device } = held;
    if (held.isNewlyPaired) this.#reporter.enter('connect');
    this.#noun = device.noun;
    const session = new BackupSession(device, this.#ctx.clock);
    try {
      await using store = await openStore(root, device.udid, this.#ctx.clock);
      this.#earlier = lastGoodOf(store.earlier);
      const start = await this.#start(device, store);
      const received = await receiveBackup({
        ctx: this.#ctx,
        device,
        entry: this.#device.entry,
        session,
        store,
        full: this.#options.full,
        noun: this.#noun,
        reporter: this.#reporter,
        stop: (error) => this.#stop.abort(error),
      });
      const finished = await finishBackup({
        ctx: this.#ctx,
        udid: device.udid,
        noun: this.#noun,
        store,
        received,
        reporter: this.#reporter,
      });
      return await this.#summarize(start, finished, received.files, received.bytes);
    } finally {
      await session.release(true);
      this.#reporter.end();
    }
  }

  /** What can be told before the phone has begun. */
  async #start(device: OpenedDevice, store: BackupStore): Promise<Started> {
    const willEncrypt = await device.getValue('com.apple.mobile.backup', 'WillEncrypt');
    const facts = factsOf({
      name: device.text('DeviceName') ?? this.#device.name,
      productType: device.text('ProductType'),
      ios: device.text('ProductVersion'),
    });
    const encrypted = willEncrypt === true;
    // A backup whose encryption has changed since is a full one again.
    const continues = store.earlier.state === 'finished' && store.earlier.encrypted === encrypted;
    const kind: BackupKind = this.#options.full || !continues ? 'full' : 'incremental';
    const { udid, entry } = this.#device;
    const { link } = entry;
    this.#ctx.onEvent({ type: 'start', udid, command: 'backup', kind, encrypted, link, device: facts });
    if (store.earlier.state === 'unfinished') {
      this.#ctx.onEvent({
        type: 'warning',
        udid,
        reason: 'unfinished_backup',
        message: `Another program left an unfinished backup there; the ${this.#noun} sends everything again.`,
        hint: null,
      });
    } else if (store.earlier.leftovers.length > 0) {
      this.#ctx.onEvent({
        type: 'warning',
        udid,
        reason: 'leftovers',
        message: `Another program left ${store.earlier.leftovers.join(', ')} in the backup folder; it is set aside.`,
        hint: null,
      });
    }
    return { facts, kind, encrypted };
  }

  async #summarize(
    start: Started,
    finished: Awaited<ReturnType<typeof finishBackup>>,
    files: number,
    bytes: number,
  ): Promise<BackupSummary> {
    const { root } = this.#options;
    const partial = finished.failures.length > 0;
    const summary: BackupSummary = {
      type: 'summary',
      udid: this.#device.udid,
      code: partial ? 'partial' : 'ok',
      exit: partial ? 3 : 0,
      kind: start.kind,
      encrypted: finished.encrypted,
      filesTotal: finished.filesTotal,
      bytesTotal: finished.bytesTotal,
      filesReceived: files,
      bytesReceived: bytes,
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

  #warnOfPlainBackup(): void {
    this.#ctx.onEvent({
      type: 'warning',
      udid: this.#device.udid,
      reason: 'not_encrypted',
      message: 'This backup is not encrypted.',
      hint: 'Turn on backup encryption in Finder, iTunes or idevicebackup2.',
    });
  }
}

interface Started {
  readonly facts: DeviceFacts;
  readonly kind: BackupKind;
  readonly encrypted: boolean;
}

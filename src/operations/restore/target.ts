/** One phone of a restore: what it sees of the backup, whether it may, and the sending. */
import type { BackupSource } from '../../backup/reader/backup-source.js';
import type { OpenedDevice } from '../../protocol/lockdown/device.js';
import type { OperationContext } from '../context.js';
import { factsOf } from '../device-names.js';
import { openSelected } from '../open-device.js';
import type { RestoreCheck, RestorePlan } from './results.js';
import type { SelectedDevice } from '../select-device.js';
import { checkBackup, checkDevice, checkPassword } from './checks.js';
import { RestoreHost } from './host.js';
import { RestoreReporter } from './reporter.js';
import type { RestoreOptions } from './restore.js';
import { RestoreScratch } from './scratch.js';
import { sendBackup } from './send.js';
import type { InspectedBackup, KeptPassword } from './source.js';
import { RestoreView } from './view.js';
import { explainRestoreFailure } from './words.js';

export interface OwnFile {
  write(piece: Buffer): void;
  commit(): void;
  discard(): void;
}

export class RestoreTarget {
  readonly #ctx: OperationContext;
  readonly #options: RestoreOptions;
  readonly #scratch: RestoreScratch;
  #view: RestoreView | undefined;

  constructor(
    ctx: OperationContext,
    readonly device: SelectedDevice,
    options: RestoreOptions,
  ) {
    this.#ctx = ctx;
    this.#options = options;
    this.#scratch = new RestoreScratch(options.scratchRoot, device.udid, ctx.clock);
  }

  /** The phone's own view of the backup, still empty. */
  prepare(source: BackupSource): RestoreView {
    this.#view = new RestoreView(source, this.#scratch);
    return this.#view;
  }

  /** What the phone sees. */
  get view(): RestoreView {
    if (this.#view === undefined) throw new TypeError('a target that was not prepared');
    return this.#view;
  }

  /** A file of our own making, which the phone sees instead of that of the backup. */
  async writeOwn(path: string): Promise<OwnFile> {
    const { blob, file } = await this.#scratch.create();
    let sizeBytes = 0;
    return {
      write: (piece) => {
        file.write([piece]);
        sizeBytes += piece.length;
      },
      commit: () => {
        file.close();
        this.view.place(path, blob, sizeBytes, this.#ctx.clock.now());
      },
      discard: () => {
        file.close();
        this.#scratch.remove(blob);
      },
    };
  }

  /** @throws IbkError when the phone cannot be talked to at all */
  async plan(inspected: InspectedBackup): Promise<RestorePlan> {
    const { ctx, device } = { ctx: this.#ctx, device: this.device };
    await using held = await openSelected(ctx, device, { pair: 'if_unknown' });
    const { facts: source, verified, passwordProblem } = inspected;
    const password = checkPassword(passwordProblem, source.encrypted);
    const checks: RestoreCheck[] = [
      checkBackup(verified),
      ...(password === undefined ? [] : [password]),
      ...(await checkDevice(held.device, source)),
    ];
    const { settings } = this.#options;
    const { link } = device.entry;
    const part = this.#options.part ?? null;
    return { source, udid: device.udid, device: this.#facts(held.device), link, checks, settings, part };
  }

  /** @throws IbkError in words that say in what state the phone is */
  async send(inspected: InspectedBackup, password: KeptPassword): Promise<void> {
    const { facts: source, applications } = inspected;
    const ctx = this.#ctx;
    const { udid, entry } = this.device;
    const reporter = new RestoreReporter(udid, source.bytes, ctx.clock, ctx.onEvent);
    let noun = 'iPhone';
    const secret = source.encrypted ? password.accepted() : undefined;
    try {
      reporter.enter('connect');
      await using held = await openSelected(ctx, this.device, { pair: 'never' });
      const { device } = held;
      noun = device.noun;
      const facts = this.#facts(device);
      const { encrypted } = source;
      ctx.onEvent({ type: 'start', udid, command: 'restore', kind: null, encrypted, link: entry.link, device: facts });
      const host = new RestoreHost(source.udid, this.view, this.#scratch, () => ctx.clock.now());
      const { settings } = this.#options;
      await sendBackup(ctx, {
        device,
        entry,
        host,
        source: source.udid,
        applications,
        settings,
        password: secret,
        reporter,
      });
      ctx.onEvent({
        type: 'restored',
        udid,
        code: 'ok',
        exit: 0,
        device: facts,
        version: source.version,
        madeAt: source.madeAt,
        filesSent: host.filesSent,
        bytesSent: host.bytesSent,
        durationSeconds: reporter.elapsedSeconds(),
        restarts: settings.reboot,
      });
    } catch (error) {
      throw explainRestoreFailure(error, {
        ...{ noun, link: entry.link, phase: reporter.phase, percent: reporter.percent, bytes: reporter.bytes },
        // What was sent may still lie in a buffer: the phone's own figure tells how far it is.
        hasEverything: reporter.bytes >= source.bytes && (reporter.percent ?? 100) > 90,
        elapsedSeconds: reporter.elapsedSeconds(),
        stallMs: ctx.timeouts.stallMs,
        again: this.#options.command,
      });
    } finally {
      secret?.wipe();
      reporter.end();
    }
  }

  close(): void {
    this.#view?.close();
    this.#scratch.close();
  }

  #facts(device: OpenedDevice) {
    return factsOf({
      name: device.text('DeviceName') ?? this.device.name,
      productType: device.text('ProductType'),
      ios: device.text('ProductVersion'),
    });
  }
}

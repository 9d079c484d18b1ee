/** Listens to what the phone says beside the backup itself: that it shows its passcode prompt, and that its owner stops the backup. */
import { IbkError, type Phase } from '../errors.js';
import { DEVICE_NOTIFICATION } from '../protocol/services/names.js';
import type { NotificationProxy } from '../protocol/services/notification-proxy.js';
import type { OperationContext } from './context.js';

/** Who is told of the prompt. */
export interface PasscodeReporter {
  readonly phase: Phase;
  passcode(state: 'shown' | 'answered', timeoutSeconds: number): void;
}

export interface WatchOptions {
  readonly ctx: OperationContext;
  readonly noun: string;
  /** What runs, in words: `backup`. */
  readonly what: string;
  /** iOS asks at each backup; the advice names the command. */
  readonly notEntered: { readonly meaning: string; readonly hint: string };
  readonly reporter: PasscodeReporter;
  /** The phone waits for its owner: silence does not count until the returned function is called. */
  readonly pauseStall: () => () => void;
  /** Ends the work with this error. */
  readonly stop: (error: IbkError) => void;
}

export class BackupWatch {
  readonly #options: WatchOptions;
  readonly #ended = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #answered: (() => void) | undefined;
  /** Set once the owner has stopped it on the phone. */
  cancelled: IbkError | undefined;

  constructor(options: WatchOptions) {
    this.#options = options;
  }

  start(proxy: NotificationProxy): void {
    const listen = async () => {
      for await (const name of proxy.notifications(this.#ended.signal)) this.#hear(name);
    };
    // When the proxy goes, so does the phone or the job, and those tell. Without it a backup still works.
    this.#running = listen().catch(() => undefined);
  }

  /** The prompt is gone: it was dismissed, or the phone goes on with the backup. */
  passcodeAnswered(): void {
    this.#answered?.();
    this.#answered = undefined;
  }

  /** Ends the watch; the proxy must be shut down by then, or it ends at once. */
  async end(): Promise<void> {
    this.#answered = undefined;
    this.#ended.abort(new IbkError('interrupted', 'The watch has ended.'));
    await this.#running;
  }

  #hear(name: string): void {
    if (name === DEVICE_NOTIFICATION.passcodeShown) this.#passcodeShown();
    if (name === DEVICE_NOTIFICATION.passcodeDismissed) this.passcodeAnswered();
    if (name === DEVICE_NOTIFICATION.syncCancelRequest) {
      this.cancelled = new IbkError('cancelled', `The ${this.#options.what} was stopped on the ${this.#options.noun}.`);
      this.#options.stop(this.cancelled);
    }
  }

  /**
   * The same notification comes when an app asks for Face ID or the passcode: only between the request and the first file is it taken for the backup's own.
   */
  #passcodeShown(): void {
    if (this.#answered !== undefined || this.#options.reporter.phase !== 'scan') return;
    const { ctx, reporter, pauseStall, stop } = this.#options;
    const resume = pauseStall();
    const waiting = new AbortController();
    const limit = ctx.timeouts.passcodeMs;
    reporter.passcode('shown', Math.ceil(limit / 1000));
    ctx.clock.sleep(limit, AbortSignal.any([waiting.signal, this.#ended.signal])).then(
      () => stop(this.#passcodeLate()),
      () => undefined, // entered in time, or over
    );
    this.#answered = () => {
      waiting.abort();
      resume();
      reporter.passcode('answered', Math.ceil(limit / 1000));
    };
  }

  #passcodeLate(): IbkError {
    const { noun, notEntered } = this.#options;
    return new IbkError('device_locked', `The passcode was not entered on the ${noun} in time.`, {
      reason: 'passcode_timeout',
      ...notEntered,
    });
  }
}

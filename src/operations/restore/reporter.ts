/** What happens during a restore, as events: phases, and progress at most ten times a second, once a second when nothing moves. */
import type { Phase } from '../../errors.js';
import type { EventSink } from '../../events.js';
import type { Clock } from '../../io/clock.js';
import type { DeviceLink } from '../../protocol/devicelink/link.js';
import type { RestoreHost } from './host.js';

const TICK_MS = 100;
const STILL_TICK_MS = 1000;
const RATE_WINDOW_MS = 5000;
/** An estimate before this would be a guess. */
const ESTIMATE_FROM_MS = 10_000;

export class RestoreReporter {
  phase: Phase = 'connect';
  readonly #startedMs: number;
  readonly #ended = new AbortController();
  #sendingSinceMs: number | undefined;
  #host: RestoreHost | undefined;
  #link: DeviceLink | undefined;
  #samples: { atMs: number; bytes: number }[] = [];

  constructor(
    private readonly udid: string,
    private readonly bytesTotal: number,
    private readonly clock: Clock,
    private readonly onEvent: EventSink,
  ) {
    this.#startedMs = clock.monotonic();
  }

  get percent(): number | null {
    return this.#link?.progress.percent ?? null;
  }

  get bytes(): number {
    return this.#host?.bytesSent ?? 0;
  }

  get files(): number {
    return this.#host?.filesSent ?? 0;
  }

  elapsedSeconds(): number {
    return (this.clock.monotonic() - this.#startedMs) / 1000;
  }

  enter(phase: Phase): void {
    if (phase === this.phase && phase !== 'connect') return;
    this.phase = phase;
    if (phase === 'send') this.#sendingSinceMs ??= this.clock.monotonic();
    this.onEvent({ type: 'phase', udid: this.udid, phase });
  }

  passcode(state: 'shown' | 'answered', timeoutSeconds: number): void {
    if (state === 'shown') this.enter('passcode');
    this.onEvent({ type: 'prompt', udid: this.udid, prompt: 'passcode', state, timeoutSeconds });
    if (state === 'answered') this.enter('send');
  }

  /** Reports the figures of both until `end`. */
  follow(link: DeviceLink, host: RestoreHost): void {
    this.#link = link;
    this.#host = host;
    void this.#tick();
  }

  end(): void {
    this.#ended.abort();
  }

  async #tick(): Promise<void> {
    let lastBytes = -1;
    let lastMs = Number.NEGATIVE_INFINITY;
    try {
      for (;;) {
        await this.clock.sleep(TICK_MS, this.#ended.signal);
        const now = this.clock.monotonic();
        if (this.bytes === lastBytes && now - lastMs < STILL_TICK_MS) continue;
        lastBytes = this.bytes;
        lastMs = now;
        this.#progress(now);
      }
    } catch {
      // ended
    }
  }

  #progress(nowMs: number): void {
    if (this.phase !== 'send' && this.phase !== 'finish') return;
    this.#samples.push({ atMs: nowMs, bytes: this.bytes });
    while ((this.#samples[0]?.atMs ?? nowMs) < nowMs - RATE_WINDOW_MS) this.#samples.shift();
    const [first] = this.#samples;
    const spanMs = first === undefined ? 0 : nowMs - first.atMs;
    const rate = first !== undefined && spanMs > 0 ? Math.round(((this.bytes - first.bytes) / spanMs) * 1000) : null;
    const sinceMs = nowMs - (this.#sendingSinceMs ?? nowMs);
    const left = Math.max(0, this.bytesTotal - this.bytes);
    this.onEvent({
      type: 'progress',
      udid: this.udid,
      phase: this.phase,
      percent: this.percent,
      filesDone: this.files,
      bytesDone: this.bytes,
      bytesTotal: this.bytesTotal,
      bytesPerSecond: rate,
      etaSeconds:
        sinceMs < ESTIMATE_FROM_MS || this.bytes === 0 ? null : Math.round((left * sinceMs) / this.bytes / 1000),
      domain: null,
      silentSeconds: Math.floor((this.#link?.silentMs() ?? 0) / 1000),
    });
  }
}

/** Turns what happens during a backup into events: phases only forward, progress at most ten times a second, and once a second when nothing moves. */
import type { Phase } from '../errors.js';
import type { EventSink } from '../events.js';
import type { Clock } from '../io/clock.js';
import type { DeviceLink } from '../protocol/devicelink/link.js';
import type { DeviceRequest } from '../protocol/devicelink/messages.js';
import { domainOfDevicePath } from './device-domains.js';

const TICK_MS = 100;
const STILL_TICK_MS = 1000;
/** An estimate before these would be a guess. */
const ESTIMATE_FROM_PERCENT = 3;
const ESTIMATE_FROM_MS = 10_000;
const RATE_WINDOW_MS = 5000;

export class BackupReporter {
  readonly #udid: string;
  readonly #clock: Clock;
  readonly #onEvent: EventSink;
  readonly #startedMs: number;
  #phase: Phase = 'connect';
  #link: DeviceLink | undefined;
  #files: () => number = () => 0;
  #receivingSinceMs: number | undefined;
  #receivedUntilMs = 0;
  #percentAtStart = 0;
  #bytesSeen = 0;
  #samples: { atMs: number; bytes: number }[] = [];
  readonly #ended = new AbortController();

  constructor(udid: string, clock: Clock, onEvent: EventSink) {
    this.#udid = udid;
    this.#clock = clock;
    this.#onEvent = onEvent;
    this.#startedMs = clock.monotonic();
  }

  get phase(): Phase {
    return this.#phase;
  }

  get percent(): number | null {
    return this.#receivingSinceMs === undefined ? null : (this.#link?.progress.percent ?? null);
  }

  get bytes(): number {
    return this.#link?.progress.bytesDone ?? 0;
  }

  get files(): number {
    return this.#files();
  }

  elapsedSeconds(): number {
    return (this.#clock.monotonic() - this.#startedMs) / 1000;
  }

  /** While bytes were arriving; null if none did, or too few to tell. */
  receiveRate(): number | null {
    if (this.#receivingSinceMs === undefined || this.bytes === 0) return null;
    const seconds = (this.#receivedUntilMs - this.#receivingSinceMs) / 1000;
    return seconds > 0 ? this.bytes / seconds : null;
  }

  enter(phase: Phase): void {
    if (phase === this.#phase && phase !== 'connect') return;
    this.#phase = phase;
    this.#onEvent({ type: 'phase', udid: this.#udid, phase });
  }

  passcode(state: 'shown' | 'answered', timeoutSeconds: number): void {
    if (state === 'shown') this.enter('passcode');
    this.#onEvent({ type: 'prompt', udid: this.#udid, prompt: 'passcode', state, timeoutSeconds });
    if (state === 'answered') this.enter('scan');
  }

  /** A request of the phone tells in which phase it is. */
  request(request: DeviceRequest): void {
    if (request.kind === 'uploadFiles' && (this.#phase === 'scan' || this.#phase === 'passcode')) {
      this.#receivingSinceMs = this.#clock.monotonic();
      this.#receivedUntilMs = this.#receivingSinceMs;
      this.#percentAtStart = this.#link?.progress.percent ?? 0;
      this.enter('receive');
    }
    const puttingInPlace = request.kind === 'moveItems' || request.kind === 'removeItems';
    if (puttingInPlace && this.#phase === 'receive') this.enter('finish');
  }

  /** Reports the figures of `link`, and of the files that have arrived, until `end`. */
  follow(link: DeviceLink, files: () => number): void {
    this.#link = link;
    this.#files = files;
    void this.#tick();
  }

  /** No more progress after this; the last figures stand. */
  end(): void {
    this.#sample(this.#clock.monotonic());
    this.#ended.abort();
  }

  async #tick(): Promise<void> {
    let lastBytes = -1;
    let lastMs = Number.NEGATIVE_INFINITY;
    try {
      for (;;) {
        await this.#clock.sleep(TICK_MS, this.#ended.signal);
        const now = this.#clock.monotonic();
        this.#sample(now);
        if (this.bytes === lastBytes && now - lastMs < STILL_TICK_MS) continue;
        lastBytes = this.bytes;
        lastMs = now;
        this.#progress(now);
      }
    } catch {
      // ended
    }
  }

  #sample(nowMs: number): void {
    const bytes = this.bytes;
    if (bytes === this.#bytesSeen) return;
    this.#bytesSeen = bytes;
    this.#receivedUntilMs = nowMs;
    this.#samples.push({ atMs: nowMs, bytes });
    while ((this.#samples[0]?.atMs ?? nowMs) < nowMs - RATE_WINDOW_MS) this.#samples.shift();
  }

  #progress(nowMs: number): void {
    const link = this.#link;
    if (link === undefined || !['scan', 'passcode', 'receive', 'finish'].includes(this.#phase)) return;
    const { progress } = link;
    const first = this.#samples[0];
    const receiving = this.#phase === 'receive' && first !== undefined;
    const spanMs = first === undefined ? 0 : nowMs - first.atMs;
    const bytesPerSecond = receiving && spanMs > 0 ? Math.round(((this.bytes - first.bytes) / spanMs) * 1000) : null;
    this.#onEvent({
      type: 'progress',
      udid: this.#udid,
      phase: this.#phase,
      percent: this.percent,
      filesDone: this.files,
      bytesDone: progress.bytesDone,
      bytesTotal: null,
      bytesPerSecond,
      etaSeconds: this.#estimate(nowMs),
      domain: progress.devicePath === null ? null : domainOfDevicePath(progress.devicePath),
      silentSeconds: Math.floor(link.silentMs() / 1000),
    });
  }

  /** From the phone's own percentage: what is left takes as long as what is done, in proportion. */
  #estimate(nowMs: number): number | null {
    const percent = this.percent;
    if (this.#phase !== 'receive' || percent === null || this.#receivingSinceMs === undefined) return null;
    const done = percent - this.#percentAtStart;
    const tookMs = nowMs - this.#receivingSinceMs;
    if (percent < ESTIMATE_FROM_PERCENT || done <= 0 || tookMs < ESTIMATE_FROM_MS) return null;
    return Math.max(0, Math.round(((100 - percent) * tookMs) / done / 1000));
  }
}

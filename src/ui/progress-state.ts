/** What is known of each running job, folded from its events. The live area, the log lines and the summary read it. */
import type { IbkError, Phase } from '../errors.js';
import type {
  BackupSummary,
  OperationEvent,
  ProgressEvent,
  PromptEvent,
  RestoreSummary,
  StartEvent,
} from '../events.js';

export interface JobState {
  readonly udid: string;
  /** The device's name; until it is known, whatever the caller could say. */
  name: string;
  /** Product type or model, for "the iPhone" or "the iPad"; undefined until known. */
  productType: string | undefined;
  start: StartEvent | undefined;
  phase: Phase;
  phaseSinceMs: number;
  readonly sinceMs: number;
  prompt: { readonly event: PromptEvent; readonly sinceMs: number } | undefined;
  progress: ProgressEvent | undefined;
  /** When the last byte was told of. */
  lastByteMs: number;
  summary: BackupSummary | undefined;
  restored: RestoreSummary | undefined;
  error: IbkError | undefined;
}

export interface KnownDevice {
  readonly udid: string;
  readonly name: string;
  readonly productType?: string | undefined;
  /** Nothing of it lies under the root yet. */
  readonly isFirstBackup?: boolean;
}

export function newJob(device: KnownDevice, nowMs: number): JobState {
  return {
    udid: device.udid,
    name: device.name,
    productType: device.productType,
    start: undefined,
    phase: 'connect',
    phaseSinceMs: nowMs,
    sinceMs: nowMs,
    prompt: undefined,
    progress: undefined,
    lastByteMs: nowMs,
    summary: undefined,
    restored: undefined,
    error: undefined,
  };
}

/** Jobs by device, in the order in which they were named. */
export class Jobs {
  readonly #byUdid = new Map<string, JobState>();
  readonly #now: () => number;

  constructor(devices: readonly KnownDevice[], now: () => number) {
    this.#now = now;
    for (const device of devices) this.#byUdid.set(device.udid, newJob(device, now()));
  }

  all(): readonly JobState[] {
    return [...this.#byUdid.values()];
  }

  /** The job that an event is about; one without a UDID is about the only one. */
  of(udid: string | null): JobState | undefined {
    return udid === null ? this.all()[0] : this.#byUdid.get(udid);
  }

  apply(event: OperationEvent): JobState | undefined {
    if (event.type === 'several') return undefined;
    if (event.udid !== null && !this.#byUdid.has(event.udid)) {
      this.#byUdid.set(event.udid, newJob({ udid: event.udid, name: event.udid }, this.#now()));
    }
    const job = this.of(event.udid);
    if (job !== undefined) update(job, event, this.#now());
    return job;
  }
}

function update(job: JobState, event: Exclude<OperationEvent, { type: 'several' }>, nowMs: number): void {
  switch (event.type) {
    case 'start':
      job.start = event;
      job.name = event.device.name;
      job.productType = event.device.productType;
      return;
    case 'phase':
      enter(job, event.phase, nowMs);
      return;
    case 'prompt':
      job.prompt = event.state === 'shown' ? { event, sinceMs: nowMs } : undefined;
      return;
    case 'progress':
      enter(job, event.phase, nowMs);
      if (event.bytesDone !== job.progress?.bytesDone) job.lastByteMs = nowMs;
      job.progress = event;
      return;
    case 'summary':
      job.summary = event;
      job.prompt = undefined;
      return;
    case 'restored':
      job.restored = event;
      job.prompt = undefined;
      return;
    case 'error':
      job.error = event.error;
      job.prompt = undefined;
      return;
    default:
  }
}

function enter(job: JobState, phase: Phase, nowMs: number): void {
  if (job.phase === phase) return;
  job.phase = phase;
  job.phaseSinceMs = nowMs;
  job.lastByteMs = nowMs;
  if (phase !== 'pair' && phase !== 'passcode') job.prompt = undefined;
}

/**
 * Shows a backup while it runs: live on a terminal, as log lines elsewhere, as JSON lines, or not at all. A view is told
 * the events in order and is closed when the job is over; it never throws into the job.
 */
import type { EventSink, OperationEvent, SeveralSummary, WarningEvent } from '../events.js';
import type { Clock } from '../io/clock.js';
import { backupLines, shortActivity } from './backup-activity.js';
import { failureWords, severalLines, summaryLines } from './backup-summary.js';
import { deviceNoun } from './device-words.js';
import { hanging } from './errors.js';
import { LiveArea } from './live.js';
import { changeWords, LOG_EVERY_MS, logLine, stillWords } from './log-lines.js';
import { eventToJson, jsonLine } from './ndjson.js';
import { type JobState, Jobs, type KnownDevice } from './progress-state.js';
import { restoredLines, severalRestoredLines } from './restore-screen.js';
import type { OutputStream, Screen, Terminal } from './terminal.js';
import { displayWidth, padEnd, printable, shorten } from './text.js';

export interface BackupView {
  readonly onEvent: EventSink;
  /** Says that a stop was asked for. */
  stopping(): void;
  /** Ends the view and leaves what belongs on the screen. */
  close(): Promise<void>;
}

export interface ViewContext {
  readonly terminal: Terminal;
  readonly clock: Clock;
  readonly devices: readonly KnownDevice[];
  readonly destination: string;
  readonly stallSeconds: number;
}

const JSON_PROGRESS_EVERY_MS = 1000;

function stoppingWords(jobs: Jobs): string {
  const [only, ...others] = jobs.all();
  const whom = others.length > 0 ? 'devices' : deviceNoun(only?.productType);
  return `Stopping: telling the ${whom}. Ctrl-C again stops at once.`;
}

/** One JSON line an event; of the progress at most one a second and device. */
export function jsonView(stream: OutputStream, clock: Clock, withProgress: boolean): BackupView {
  const lastMs = new Map<string, number>();
  const tooSoon = (event: OperationEvent): boolean => {
    if (event.type !== 'progress') return false;
    const last = lastMs.get(event.udid);
    if (!withProgress || (last !== undefined && clock.monotonic() - last < JSON_PROGRESS_EVERY_MS)) return true;
    lastMs.set(event.udid, clock.monotonic());
    return false;
  };
  return {
    onEvent: (event) => {
      if (!tooSoon(event)) stream.write(jsonLine(eventToJson(event, new Date(clock.now()))));
    },
    stopping: () => {},
    close: async () => {},
  };
}

/** Nothing but the list of missing files and, for several devices, what failed: for `-q`. */
export function quietView({ terminal, clock, devices }: ViewContext): BackupView {
  const jobs = new Jobs(devices, () => clock.monotonic());
  const screen = terminal.err;
  return {
    onEvent: (event) => {
      jobs.apply(event);
      if (event.type === 'summary' && event.filesFailed > 0) printLines(summaryLines(event, terminal, false), screen);
      if (event.type === 'several' && event.exit !== 0) printLines(severalEnding(jobs.all(), event, screen), screen);
    },
    stopping: () => {},
    close: async () => {},
  };
}

/** No progress, then the summary: for `--progress none`. */
export function summaryView(context: ViewContext): BackupView {
  const { terminal, clock, devices } = context;
  const jobs = new Jobs(devices, () => clock.monotonic());
  const ending = new Ending(context, jobs);
  return {
    onEvent: (event) => {
      jobs.apply(event);
      if (event.type === 'warning' && event.reason !== 'not_encrypted')
        printLines(warningLines(event, terminal.err), terminal.err);
      ending.note(event);
    },
    stopping: () => {},
    close: async () => printLines(ending.lines, terminal.err),
  };
}

/** What is left on the screen when a run is over: the summary, then once the warning about encryption. */
class Ending {
  readonly #context: ViewContext;
  readonly #jobs: Jobs;
  #summary: readonly string[] = [];
  #warning: readonly string[] = [];

  constructor(context: ViewContext, jobs: Jobs) {
    this.#context = context;
    this.#jobs = jobs;
  }

  get lines(): readonly string[] {
    return [...this.#summary, ...this.#warning];
  }

  note(event: OperationEvent): void {
    const { terminal, devices } = this.#context;
    const screen = terminal.err;
    if (event.type === 'several') this.#summary = severalEnding(this.#jobs.all(), event, screen);
    if (event.type === 'restored' && devices.length === 1) this.#summary = restoredLines(event, screen);
    if (event.type === 'summary' && devices.length === 1) {
      this.#summary = summaryLines(event, terminal, devices[0]?.isFirstBackup === true);
    }
    if (event.type === 'warning' && event.reason === 'not_encrypted') {
      this.#warning = notEncryptedLines(screen, this.#jobs.of(event.udid));
    }
  }
}

/** Log lines on `write`: changes at once, then a sign of life every 30 s. */
export function plainView(context: ViewContext, write: (line: string) => void, dated = false): BackupView {
  const { clock } = context;
  const jobs = new Jobs(context.devices, () => clock.monotonic());
  const stop = new AbortController();
  const spoke = new Map<JobState, number>();
  /** A phone that asks for its passcode goes back to what it did before; that is no news. */
  const phases = new Map<JobState, string>();
  const say = (job: JobState | undefined, words: string) => {
    if (job !== undefined) spoke.set(job, clock.monotonic());
    write(logLine(job, words, new Date(clock.now()), dated));
  };
  const signsOfLife = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      try {
        await clock.sleep(1000, stop.signal);
      } catch {
        return;
      }
      const now = clock.monotonic();
      for (const job of jobs.all()) {
        if (isDone(job) || job.error !== undefined) continue;
        if (now - (spoke.get(job) ?? job.sinceMs) >= LOG_EVERY_MS) say(job, stillWords(job, now));
      }
    }
  };
  const running = signsOfLife();
  return {
    onEvent: (event) => {
      const job = jobs.apply(event);
      if (event.type === 'several') {
        const good = jobs.all().filter(isDone).length;
        const did = isRestore(jobs.all()) ? 'restored' : 'backed up';
        return say(undefined, `${good} of ${jobs.all().length} devices ${did}, ${event.code}, exit ${event.exit}`);
      }
      // On a screen the error of a single device follows in full.
      if (event.type === 'error' && !dated && jobs.all().length === 1) return;
      const words = job === undefined ? undefined : changeWords(event, job);
      if (words === undefined || job === undefined) return;
      if (event.type === 'phase') {
        if (phases.get(job) === words) return;
        phases.set(job, words);
      }
      say(job, words);
    },
    stopping: () => say(undefined, stoppingWords(jobs)),
    close: async () => {
      stop.abort();
      await running;
    },
  };
}

/** The live area, replaced by the summary at the end. */
export function liveView(context: ViewContext): BackupView {
  const { terminal, clock, devices } = context;
  const screen = terminal.err;
  const jobs = new Jobs(devices, () => clock.monotonic());
  const several = devices.length > 1;
  const ending = new Ending(context, jobs);
  let stopping = false;
  const area = new LiveArea(screen, clock, (frame) => {
    const moment = { ...context, screen, nowMs: clock.monotonic(), frame };
    const notice = stopping ? [screen.style.attention(stoppingWords(jobs))] : [];
    const [only] = jobs.all();
    if (only === undefined) return notice;
    return [...(several ? severalActivity(jobs.all(), moment) : backupLines(only, moment)), ...notice];
  });
  area.start();
  return {
    onEvent: (event) => {
      jobs.apply(event);
      if (event.type === 'prompt' && event.state === 'shown') screen.write('\x07');
      if (event.type === 'warning' && event.reason !== 'not_encrypted') area.printAbove(warningLines(event, screen));
      ending.note(event);
    },
    stopping: () => {
      stopping = true;
    },
    close: async () => {
      await area.close();
      printLines(ending.lines, screen);
    },
  };
}

function isDone({ summary, restored }: JobState): boolean {
  return summary !== undefined || restored !== undefined;
}

function isRestore(jobs: readonly JobState[]): boolean {
  return jobs.some(({ start }) => start?.command === 'restore');
}

function severalEnding(jobs: readonly JobState[], event: SeveralSummary, screen: Screen): string[] {
  return isRestore(jobs) ? severalRestoredLines(jobs, event, screen) : severalLines(jobs, event, screen);
}

function severalActivity(jobs: readonly JobState[], moment: Parameters<typeof backupLines>[1]): string[] {
  const { screen } = moment;
  const { glyphs, style } = screen;
  const columns = (screen.width() ?? 80) - 1;
  const names = jobs.map(({ name }) => shorten(printable(name), 24, glyphs.more));
  const column = Math.max(...names.map(displayWidth));
  const rows = Math.max(1, screen.height() - 2);
  const lines = jobs.map((job, index) => {
    const [words, paint] = severalWords(job, moment);
    return paint(shorten(`${padEnd(names[index] ?? '', column)}  ${words}`, columns, glyphs.more));
  });
  return lines.length <= rows ? lines : [...lines.slice(0, rows - 1), style.dim(`and ${lines.length - rows + 1} more`)];
}

function severalWords(job: JobState, moment: Parameters<typeof backupLines>[1]): [string, (text: string) => string] {
  const { glyphs, style } = moment.screen;
  if (job.error !== undefined) return [`${glyphs.failed} ${failureWords(job.error, false)}`, style.failed];
  if (isDone(job)) return [`${glyphs.ok} done`, style.done];
  return [shortActivity(job, moment, glyphs), job.prompt === undefined ? (text) => text : style.attention];
}

export function warningLines(event: WarningEvent, screen: Screen): string[] {
  const { glyphs, style } = screen;
  const width = screen.width();
  return [
    ...hanging(glyphs.attention, event.message, width).map((line) => style.attention(line)),
    ...(event.hint === null ? [] : hanging(glyphs.next, event.hint, width)),
  ];
}

function notEncryptedLines(screen: Screen, job: JobState | undefined): string[] {
  const width = screen.width() === undefined ? undefined : Math.min(screen.width() ?? 78, 78);
  const { glyphs, style } = screen;
  const words = `This backup is not encrypted. iOS leaves out: passwords that could move to another ${deviceNoun(job?.productType)}, Health, Wi-Fi networks, HomeKit, Safari tabs.`;
  const hint = 'To have them in the next backup: ibk encrypt on';
  return [
    ...hanging(glyphs.attention, words, width).map((line) => style.attention(line)),
    ...hanging(glyphs.next, hint, width),
  ];
}

function printLines(lines: readonly string[], screen: Screen): void {
  for (const line of lines) screen.line(line);
}

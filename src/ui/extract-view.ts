/** An extraction while it runs: a live line on a terminal, elsewhere a line every 30 s. */
import { countOf, formatBytes, formatDuration, formatEstimate, formatPercent, formatTimeOfDay } from '../figures.js';
import type { Clock } from '../io/clock.js';
import type { ExtractProgress } from '../operations/extract/report.js';
import { bar } from './bar.js';
import { LiveArea } from './live.js';
import { LOG_EVERY_MS } from './log-lines.js';
import type { Screen } from './terminal.js';
import { justify, shorten } from './text.js';

const BAR_CELLS = 25;
/** Before that, time says nothing about what is left. */
const FIRST_ESTIMATE_S = 2;

export interface ExtractView {
  progress(soFar: ExtractProgress): void;
  close(): Promise<void>;
}

export function extractView(screen: Screen, clock: Clock, silent: boolean, plain: boolean): ExtractView {
  let soFar: ExtractProgress | undefined;
  let begun = clock.monotonic();
  let spoke = begun;
  const live = !silent && !plain && screen.canRedraw;
  const area = new LiveArea(screen, clock, (frame) => {
    const { glyphs } = screen;
    const columns = Math.min(78, (screen.width() ?? 80) - 1);
    const spinner = `${glyphs.spinner[frame % glyphs.spinner.length] ?? ''} Extracting`;
    const seconds = (clock.monotonic() - begun) / 1000;
    return [shorten(lineOf(spinner, soFar, seconds, columns, screen), columns, glyphs.more)];
  });
  let started = false;
  return {
    progress: (told) => {
      if (soFar === undefined) begun = clock.monotonic();
      soFar = told;
      // Not before the first file: a password may be asked for until then.
      if (live && !started) area.start();
      started = true;
      if (live || silent || clock.monotonic() - spoke < LOG_EVERY_MS) return;
      spoke = clock.monotonic();
      screen.line(
        `${formatTimeOfDay(new Date(clock.now()))} extracting, ${amount(told)}, ${countOf(told.filesDone, 'file')}`,
      );
    },
    close: () => area.close(),
  };
}

function lineOf(
  spinner: string,
  soFar: ExtractProgress | undefined,
  seconds: number,
  columns: number,
  { glyphs }: Screen,
): string {
  const percent = soFar === undefined ? undefined : percentOf(soFar);
  if (soFar === undefined || percent === undefined)
    return justify(`${spinner}  ${soFar === undefined ? '' : amount(soFar)}`, formatDuration(seconds), columns);
  const left = leftWords(percent, seconds);
  return `${spinner} ${bar(percent, BAR_CELLS, glyphs)} ${formatPercent(percent)}  ${amount(soFar)}${left}`;
}

/** The sizes that the device told are near the truth: never more than all of it. */
export function percentOf({ bytesDone, bytesTotal }: ExtractProgress): number | undefined {
  return bytesTotal === null || bytesTotal === 0 ? undefined : Math.min(100, (bytesDone / bytesTotal) * 100);
}

/** Seconds that are left; undefined where nobody can tell yet. */
export function leftSeconds(percent: number, seconds: number): number | undefined {
  return percent < 1 || seconds < FIRST_ESTIMATE_S ? undefined : (seconds * (100 - percent)) / percent;
}

function leftWords(percent: number, seconds: number): string {
  const left = leftSeconds(percent, seconds);
  if (left === undefined) return '';
  return `  ${left < 9.5 ? `about ${Math.max(1, Math.round(left))} s` : formatEstimate(left)}`;
}

function amount({ bytesDone, bytesTotal }: ExtractProgress): string {
  const of = bytesTotal === null ? '' : ` of ${formatBytes(Math.max(bytesTotal, bytesDone))}`;
  return `${formatBytes(bytesDone)}${of}`;
}

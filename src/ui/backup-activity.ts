/** The live lines of one running backup: a heading and what it does at this moment. At most four. */
import {
  formatBytes,
  formatCounter,
  formatDuration,
  formatEstimate,
  formatLimit,
  formatPercent,
  formatRate,
  countOf,
} from '../figures.js';
import { bar } from './bar.js';
import { deviceNoun, domainWords, linkWords } from './device-words.js';
import type { JobState } from './progress-state.js';
import type { Glyphs, Screen } from './terminal.js';
import { displayWidth, justify, padEnd, printable, shorten } from './text.js';

const WIDEST = 75;
const BAR_CELLS = 40;
const DETAIL_COLUMN = 42;
const SILENCE_WORTH_TELLING_S = 60;
/** How long iOS shows its passcode prompt, about (libimobiledevice #1380); `--passcode-timeout` may be less. */
export const IOS_WAITS_SECONDS = 180;

export interface ActivityContext {
  readonly screen: Screen;
  readonly nowMs: number;
  readonly frame: number;
  /** Where the backup goes, as shown. */
  readonly destination: string;
  readonly stallSeconds: number;
}

export function backupLines(job: JobState, context: ActivityContext): string[] {
  const { screen } = context;
  const columns = (screen.width() ?? 80) - 1;
  const cut = (line: string) => shorten(line, columns, screen.glyphs.more);
  const heading = headingLines(job, context, columns);
  const [first = '', second] = activity(job, context, Math.min(columns, WIDEST));
  const paint = job.prompt === undefined ? (line: string) => line : screen.style.attention;
  return [...heading, paint(cut(first)), ...(second === undefined ? [] : [screen.style.dim(cut(second))])];
}

function headingLines(job: JobState, { screen, destination }: ActivityContext, columns: number): string[] {
  const { start } = job;
  if (start === undefined) return [];
  const { glyphs, style } = screen;
  const name = shorten(printable(start.device.name), Math.max(12, Math.floor(columns / 3)), glyphs.more);
  const facts = [
    printable(start.device.model),
    `iOS ${printable(start.device.ios)}`,
    linkWords([start.link]),
    start.encrypted ? 'encrypted' : 'not encrypted',
  ];
  const about = facts.map((fact) => ` ${glyphs.dot} ${fact}`).join('');
  const target = `${glyphs.next} ${destination}`;
  const bold = style.strong(name);
  if (displayWidth(`${name}${about} ${target}`) <= columns) return [`${bold}${about} ${target}`];
  return [
    `${bold}${shorten(about, columns - displayWidth(name), glyphs.more)}`,
    shorten(`  ${target}`, columns, glyphs.more),
  ];
}

function activity(job: JobState, context: ActivityContext, width: number): [string, string?] {
  const { glyphs } = context.screen;
  const noun = deviceNoun(job.productType);
  const spinner = glyphs.spinner[context.frame % glyphs.spinner.length] ?? '';
  const seconds = (context.nowMs - job.phaseSinceMs) / 1000;
  const elapsed = formatDuration(seconds);
  if (job.prompt !== undefined) return [promptLine(job.prompt, noun, context, width)];
  switch (job.phase) {
    case 'connect':
      return [justify(`${spinner} Connecting`, elapsed, width)];
    case 'pair':
      return [justify(`${spinner} Waiting for the ${noun} to trust this computer`, elapsed, width)];
    case 'passcode':
      return [justify(`${spinner} Waiting for the ${noun}`, elapsed, width)];
    case 'scan':
      return [
        justify(`${spinner} Scanning on the ${noun}`, elapsed, width),
        '  iOS gives no percentage while it works out what changed.',
      ];
    case 'receive':
      return receiving(job, context, spinner, width);
    case 'finish':
      return [`${padEnd(`${spinner} Finishing on the ${noun}`, DETAIL_COLUMN)}moving and checking files, ${elapsed}`];
    case 'check':
      return [`${padEnd(`${spinner} Checking`, DETAIL_COLUMN)}reading what arrived, ${elapsed}`];
    case 'commit': {
      const files = countOf(job.progress?.filesDone ?? 0, 'file');
      return [`${padEnd(`${spinner} Saving`, DETAIL_COLUMN)}${files} in place, committing`];
    }
    case 'verify':
      return [justify(`${spinner} Looking through the backup`, elapsed, width)];
    case 'send':
      return moving(job, context, `${spinner} Sending    `, ['keep the cable in'], width);
  }
}

function promptLine(
  { event, sinceMs }: NonNullable<JobState['prompt']>,
  noun: string,
  { screen, nowMs }: ActivityContext,
  width: number,
): string {
  const waiting = `waiting ${formatCounter((nowMs - sinceMs) / 1000)}`;
  const mark = screen.glyphs.attention;
  if (event.prompt === 'trust') {
    return justify(`${mark} Look at the ${noun}: tap Trust, then enter its passcode.`, waiting, width);
  }
  const limit =
    event.timeoutSeconds < IOS_WAITS_SECONDS
      ? `ibk gives up at ${formatCounter(event.timeoutSeconds)}`
      : 'iOS gives up at about 3:00';
  return `${mark} Enter the passcode on the ${noun}  ${waiting}, ${limit}`;
}

function receiving(job: JobState, context: ActivityContext, spinner: string, width: number): [string, string?] {
  if (job.progress === undefined) return [`${spinner} Receiving`];
  return moving(job, context, `${spinner} Receiving  `, [], width);
}

/** A bar where the phone tells a percentage; below it pace, files, and what else is worth a word. */
function moving(
  job: JobState,
  context: ActivityContext,
  head: string,
  remarks: readonly string[],
  width: number,
): [string, string?] {
  const { glyphs } = context.screen;
  const { progress } = job;
  if (progress === undefined) return [head.trimEnd()];
  const amount = arrived(progress.bytesDone, progress.bytesTotal);
  let first = `${head}${amount}`;
  if (progress.percent !== null) {
    const tail = ` ${formatPercent(progress.percent).padStart(4)}  ${amount}`;
    const cells = Math.min(BAR_CELLS, width - displayWidth(head) - displayWidth(tail));
    first = cells < 8 ? `${head}${tail.trimStart()}` : `${head}${bar(progress.percent, cells, glyphs)}${tail}`;
  }
  return [first, `  ${[...movingFacts(job, context), ...remarks].join(` ${glyphs.dot} `)}`];
}

/** Bytes that have arrived; of a total only if the phone told one. */
export function arrived(done: number, total: number | null): string {
  return total === null ? formatBytes(done) : `${formatBytes(done)} of ${formatBytes(total)}`;
}

function movingFacts(job: JobState, { nowMs, stallSeconds }: ActivityContext): string[] {
  const { progress } = job;
  if (progress === undefined) return [];
  const silent = silentSeconds(job, nowMs);
  const pace =
    silent >= SILENCE_WORTH_TELLING_S
      ? [`no data for ${formatDuration(silent)}, waiting at most ${formatLimit(stallSeconds)}`]
      : [
          ...(progress.bytesPerSecond === null ? [] : [formatRate(progress.bytesPerSecond)]),
          ...(progress.etaSeconds === null ? [] : [`${formatEstimate(progress.etaSeconds)} left`]),
        ];
  const told = progress.domain !== null && silent < SILENCE_WORTH_TELLING_S;
  const domain = told ? [printable(domainWords(progress.domain))] : [];
  return [...pace, countOf(progress.filesDone, 'file'), ...domain];
}

export function silentSeconds(job: JobState, nowMs: number): number {
  return Math.max(job.progress?.silentSeconds ?? 0, (nowMs - job.lastByteMs) / 1000);
}

/** One line of a several-device run, without the name in front. */
export function shortActivity(job: JobState, context: ActivityContext, glyphs: Glyphs): string {
  const noun = deviceNoun(job.productType);
  const width = 55;
  const { nowMs } = context;
  if (job.prompt !== undefined) {
    const waiting = `waiting ${formatCounter((nowMs - job.prompt.sinceMs) / 1000)}`;
    const words =
      job.prompt.event.prompt === 'trust' ? `tap Trust on the ${noun}` : `enter the passcode on the ${noun}`;
    return justify(`${glyphs.attention} ${words}`, waiting, width);
  }
  if ((job.phase === 'receive' || job.phase === 'send') && job.progress !== undefined) {
    const { percent, bytesDone, bytesTotal, bytesPerSecond, etaSeconds } = job.progress;
    const silent = silentSeconds(job, nowMs);
    const parts = [
      ...(percent === null ? [] : [`${bar(percent, 19, glyphs)} ${formatPercent(percent).padStart(4)}`]),
      arrived(bytesDone, bytesTotal),
      ...(silent >= SILENCE_WORTH_TELLING_S
        ? [`no data for ${formatDuration(silent)}`]
        : [
            ...(bytesPerSecond === null ? [] : [formatRate(bytesPerSecond)]),
            ...(etaSeconds === null ? [] : [formatEstimate(etaSeconds)]),
          ]),
    ];
    return parts.join('  ');
  }
  const spinner = glyphs.spinner[context.frame % glyphs.spinner.length] ?? '';
  const words = PHASE_WORDS[job.phase].replace('%', noun);
  return justify(`${spinner} ${words}`, formatDuration((nowMs - job.phaseSinceMs) / 1000), width);
}

/** `%` stands for "iPhone" or "iPad". */
export const PHASE_WORDS: Record<JobState['phase'], string> = {
  connect: 'connecting',
  pair: 'waiting for Trust on the %',
  passcode: 'waiting for the %',
  scan: 'scanning on the %',
  receive: 'receiving',
  finish: 'finishing on the %',
  check: 'checking',
  commit: 'saving',
  verify: 'looking through the backup',
  send: 'sending',
};

/** A backup told in a log: a line at each change, then one every 30 s. No cursor movement, nothing cut. */
import type { OperationEvent } from '../events.js';
import {
  countOf,
  formatBytes,
  formatDate,
  formatDuration,
  formatLimit,
  formatPercent,
  formatRate,
  formatTimeOfDay,
} from '../figures.js';
import { failureWords } from './backup-summary.js';
import { IOS_WAITS_SECONDS, silentSeconds } from './backup-activity.js';
import { deviceNoun, linkWords } from './device-words.js';
import type { JobState } from './progress-state.js';
import { printable } from './text.js';
import { shortVersion } from './versions.js';

export const LOG_EVERY_MS = 30_000;

/** What to say at an event; undefined for those that change nothing. */
export function changeWords(event: OperationEvent, job: JobState): string | undefined {
  switch (event.type) {
    case 'start':
      if (event.command === 'restore') return `restore started, ${linkWords([event.link])}`;
      return `backup started, ${event.kind}, ${linkWords([event.link])}, ${event.encrypted ? 'encrypted' : 'not encrypted'}`;
    case 'prompt':
      // Answered may be refused: what came of it is told by what follows.
      if (event.state === 'answered')
        return event.prompt === 'trust' ? 'Trust was answered' : 'passcode prompt answered';
      return event.prompt === 'trust'
        ? 'tap Trust on it, then enter its passcode'
        : `enter the passcode on it, ${event.timeoutSeconds < IOS_WAITS_SECONDS ? `ibk waits ${formatLimit(event.timeoutSeconds)}` : 'iOS waits about 3 min'}`;
    case 'phase':
      return event.phase === 'receive' ||
        event.phase === 'connect' ||
        event.phase === 'passcode' ||
        event.phase === 'pair'
        ? undefined
        : phaseWords(job);
    case 'file_error':
      return `could not read ${printable(event.path)}: ${printable(event.message)}`;
    case 'warning':
      return `warning: ${printable(event.message)}`;
    case 'summary': {
      const missing = event.filesFailed > 0 ? `, ${countOf(event.filesFailed, 'file')} missing` : '';
      const amount = `${countOf(event.filesReceived, 'file')}, ${formatBytes(event.bytesReceived)}`;
      const version = `version ${shortVersion(event.version)}`;
      return `done, ${version}${missing}, ${amount}, ${formatDuration(event.durationSeconds)}`;
    }
    case 'restored':
      return `done, ${countOf(event.filesSent, 'file')}, ${formatBytes(event.bytesSent)} sent, ${formatDuration(event.durationSeconds)}`;
    case 'error':
      return `failed, ${failureWords(event.error, true)}`;
    default:
      return undefined;
  }
}

/** What to say when 30 s have passed with no change. */
export function stillWords(job: JobState, nowMs: number): string {
  const soFar = `${formatDuration((nowMs - (job.prompt?.sinceMs ?? job.phaseSinceMs)) / 1000)} so far`;
  if (job.prompt !== undefined)
    return `waiting for ${job.prompt.event.prompt === 'trust' ? 'Trust' : 'the passcode'}, ${soFar}`;
  const { progress } = job;
  const isMoving = job.phase === 'receive' || job.phase === 'send';
  if (!isMoving || progress === undefined) return `${phaseWords(job)}, ${soFar}`;
  const silent = silentSeconds(job, nowMs);
  return [
    `${phaseWords(job)}${progress.percent === null ? '' : ` ${formatPercent(progress.percent)}`}`,
    formatBytes(progress.bytesDone),
    ...(silent >= 60
      ? [`no data for ${formatDuration(silent)}`]
      : progress.bytesPerSecond === null
        ? []
        : [formatRate(progress.bytesPerSecond)]),
    countOf(progress.filesDone, 'file'),
  ].join(', ');
}

function phaseWords({ phase, productType }: JobState): string {
  if (phase === 'connect') return 'connecting';
  if (phase === 'scan') return 'scanning';
  if (phase === 'finish') return `finishing on the ${deviceNoun(productType)}`;
  if (phase === 'check') return 'checking what arrived';
  if (phase === 'commit') return 'saving';
  if (phase === 'verify') return 'looking through the backup';
  if (phase === 'send') return 'sending';
  return phase === 'receive' ? 'receiving' : `waiting for the ${deviceNoun(productType)}`;
}

/** `08:02:19 Anna's iPhone: …`; a log file has the date too. */
export function logLine(job: JobState | undefined, words: string, now: Date, dated = false): string {
  const time = dated ? `${formatDate(now).slice(0, 10)} ${formatTimeOfDay(now)}` : formatTimeOfDay(now);
  return job === undefined ? `${time} ${words}` : `${time} ${printable(job.name)}: ${words}`;
}
